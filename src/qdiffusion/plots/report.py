"""One self-contained HTML page about a run: pictures inlined, nothing loaded from elsewhere."""

import json
from html import escape
from pathlib import Path
from shlex import quote
from typing import Any

from qdiffusion.plots import html, model
from qdiffusion.plots.curve import draw_losses
from qdiffusion.plots.loss import read_losses
from qdiffusion.plots.page import PAGE
from qdiffusion.plots.pictures import newest_samples, processes, samples_and_real
from qdiffusion.plots.scores import HOW_TO_READ, score_conditions, score_rows
from qdiffusion.runs import Run
from qdiffusion.runs.description import Description, read_description
from qdiffusion.runs.files import write_text_atomic


def write_report(run: Run, *, reproduce: str | None = None) -> Path:
    """Write `report.html` from what the run folder holds; what is not there yet is left out.

    Args:
        run: the run, finished or not.
        reproduce: the command that trains the same experiment.

    Returns:
        The page.

    Raises:
        RunError: a file of the run is damaged, or the page cannot be written.
    """
    record, description, samples = run.read_experiment(), read_description(run), newest_samples(run)
    experiment = record["experiment"]
    sections = (
        html.section("What was trained", html.facts(_summary(run, record, description))),
        html.section("Samples", samples_and_real(run, samples)),
        _if_any("From image to noise and back", processes(run, samples)),
        html.section("Training", _curve(run)),
        html.section("Scores", _scores(run)),
        *_model(description),
        html.section("Commands", html.code(_commands(run, reproduce))),
        html.section("Details", _details("Resolved experiment", experiment), _environment(record)),
    )
    page = PAGE.substitute(
        title=escape(experiment["name"]),
        lead=escape(f"A diffusion model trained with qdiffusion {record['environment']['qdiffusion']}"),
        sections="\n".join(sections),
    )
    write_text_atomic(run.report_path, page)
    return run.report_path


def _summary(run: Run, record: dict[str, Any], description: Description | None) -> list[tuple[str, object]]:
    experiment, stats = record["experiment"], run.read_stats()
    planned = sum(stage["steps"] for stage in experiment["stages"])
    rows: list[tuple[str, object]] = [
        ("Experiment", experiment["name"]),
        ("Data", record["data"]["source"]),
        *([("Parameters", model.parameters(description.parameters))] if description else []),
        ("Steps", f"{stats[-1]['step'] if stats else 0:,} of {planned:,}"),
    ]
    if stats:
        rows += [("Last loss", f"{stats[-1]['loss']:.4f}"), ("Training time", _duration(stats[-1]["seconds"]))]
    return rows


def _if_any(title: str, content: str) -> str:
    return html.section(title, content) if content else ""


def _curve(run: Run) -> str:
    logged = read_losses(run)
    if logged is None:
        return html.note("No step has been logged yet.")
    return html.figure(draw_losses(logged), "Loss of the logged steps, faint; smoothed, bold.")


def _model(description: Description | None) -> tuple[str, ...]:
    if description is None:
        return ()
    return (
        html.section("Model", model.parts(description)),
        _if_any("Circuits", model.circuits(description)),
    )


def _scores(run: Run) -> str:
    metrics = run.read_metrics()
    if metrics is None:
        return html.note(f"Not evaluated yet: qdiffusion evaluate {quote(str(run.path))} -n 7000")
    table = html.columns(("Score", "Samples", "Floor"), score_rows(metrics))
    return table + html.note(score_conditions(metrics)) + html.note(HOW_TO_READ)


def _commands(run: Run, reproduce: str | None) -> str:
    lines = [
        *(("# train the same again", reproduce, "") if reproduce else ()),
        "# go on after an interruption",
        f"qdiffusion resume {quote(str(run.path))}",
    ]
    return "\n".join(lines)


def _details(summary: str, value: object) -> str:
    return html.folded(summary, html.code(json.dumps(value, indent=2, ensure_ascii=False)))


def _environment(record: dict[str, Any]) -> str:
    return html.folded("Versions and machine", html.facts(record["environment"].items()))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
