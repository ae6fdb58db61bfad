"""One self-contained HTML page about a run: pictures inlined, nothing loaded from elsewhere."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from shlex import quote
from typing import Any

from qdiffusion.plots import html, model
from qdiffusion.plots.along import along_training
from qdiffusion.plots.curve import draw_curve, draw_losses
from qdiffusion.plots.loss import further, losses, round_ends
from qdiffusion.plots.page import PAGE
from qdiffusion.plots.pictures import newest_samples, processes, samples_and_real
from qdiffusion.plots.scores import table_rows
from qdiffusion.runs import Run
from qdiffusion.runs.description import Description, read_description
from qdiffusion.runs.files import write_text_atomic

ITEMS = {"images": "image", "states": "state", "vectors": "vector"}
FEWEST_SCORED, MOST_SCORED = 100, 7000


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
    record, models, samples = run.read_experiment(), read_description(run) or (), newest_samples(run)
    experiment, item = record["experiment"], ITEMS[record["data"]["space"]["kind"]]
    sections = (
        html.section("What was trained", html.facts(_summary(run, record, models))),
        html.section("Samples", samples_and_real(run, samples)),
        _if_any(f"From {item} to noise and back", processes(run, samples)),
        html.section("Training", _curves(run)),
        _if_any("Along the training", along_training(run)),
        html.section("Scores", _scores(run, record["data"]["count"])),
        *(html.section(title, content) for title, content in model.models(models)),
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


def _summary(run: Run, record: dict[str, Any], models: Sequence[Description]) -> list[tuple[str, object]]:
    experiment, stats = record["experiment"], run.read_stats()
    planned = record.get("steps", sum(stage["steps"] for stage in experiment["stages"]))
    rows: list[tuple[str, object]] = [
        ("Experiment", experiment["name"]),
        ("Data", record["data"]["source"]),
        *([("Parameters", model.parameters(models[-1].parameters))] if models else []),
        ("Steps", f"{stats[-1]['step'] if stats else 0:,} of {planned:,}"),
    ]
    if stats:
        rows += [("Last loss", f"{stats[-1]['loss']:.4f}"), ("Training time", _duration(stats[-1]["seconds"]))]
    return rows


def _if_any(title: str, content: str) -> str:
    return html.section(title, content) if content else ""


def _curves(run: Run) -> str:
    stats = run.read_stats()
    if not stats:
        return html.note("No step has been logged yet.")
    rounds = [draw_curve(x, y, f"round of {stage}", "loss at its end") for stage, x, y in round_ends(stats)]
    others = [
        draw_curve(series.steps, series.values, "training step", name, begins=series.begins)
        for name, series in further(stats).items()
    ]
    small = [html.small_plots(*rounds, *others)] if rounds or others else []
    logged = losses(stats)
    parts = " Vertical lines: where a stage or a round begins, and the loss its meaning anew." if logged.marks else ""
    curve = html.figure(draw_losses(logged), f"Loss of the logged steps, faint; smoothed, bold.{parts}")
    return "\n".join([curve, *small])


def _scores(run: Run, count: int) -> str:
    metrics = run.read_metrics()
    if metrics is None:
        scored = min(max(count, FEWEST_SCORED), MOST_SCORED)
        return html.note(f"Not evaluated yet: qdiffusion evaluate {quote(str(run.path))} -n {scored}")
    told = map(html.note, metrics["conditions"])
    return "\n".join([html.note(metrics["title"]), html.columns(*table_rows(metrics)), *told])


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
