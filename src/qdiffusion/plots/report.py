"""One self-contained HTML page about a run: pictures inlined, nothing loaded from elsewhere."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from shlex import quote
from typing import Any

from qdiffusion.plots import html
from qdiffusion.plots.page import PAGE
from qdiffusion.plots.scores import HOW_TO_READ, score_conditions, score_rows
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_text_atomic
from qdiffusion.runs.samples import list_samples, read_samples

MADE = ("count", "sampler", "steps", "seed")


def write_report(run: Run, *, parameters: Mapping[str, int] | None = None, reproduce: str | None = None) -> Path:
    """Write `report.html` from what the run folder holds; what is not there yet is left out.

    Args:
        run: the run; its pictures are those that `draw_figures` made.
        parameters: numbers of the model's parameters: "total", "classical", "quantum" and "dead".
        reproduce: the command that trains the same experiment.

    Returns:
        The page.

    Raises:
        RunError: a file of the run is damaged, or the page cannot be written.
    """
    record = run.read_experiment()
    experiment = record["experiment"]
    sections = (
        html.section("What was trained", html.facts(_summary(run, record, parameters or {}))),
        html.section("Samples", _samples(run)),
        html.section("Training", _curve(run)),
        html.section("Scores", _scores(run)),
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


def _summary(run: Run, record: dict[str, Any], parameters: Mapping[str, int]) -> list[tuple[str, object]]:
    experiment, stats = record["experiment"], run.read_stats()
    planned = sum(stage["steps"] for stage in experiment["stages"])
    rows: list[tuple[str, object]] = [
        ("Experiment", experiment["name"]),
        ("Data", record["data"]["source"]),
        *([("Parameters", _parameters(parameters))] if parameters else []),
        ("Steps", f"{stats[-1]['step'] if stats else 0:,} of {planned:,}"),
    ]
    if stats:
        rows += [("Last loss", f"{stats[-1]['loss']:.4f}"), ("Training time", _duration(stats[-1]["seconds"]))]
    return rows


def _parameters(counts: Mapping[str, int]) -> str:
    kinds = f"{counts['total']:,}: {counts['classical']:,} classical, {counts['quantum']:,} quantum"
    return kinds + (f"; {counts['dead']:,} of them dead (their gradient is always zero)" if counts["dead"] else "")


def _samples(run: Run) -> str:
    """The newest sample set that has a picture."""
    for path in reversed(list_samples(run)):
        png = path.with_suffix(".png")
        if png.is_file():
            made = read_samples(path).meta
            caption = f"{path.stem}: " + ", ".join(f"{name} {made[name]}" for name in MADE if name in made)
            return html.picture(png.read_bytes(), "a grid of sampled images", caption, "samples")
    return html.note("No images have been sampled yet.")


def _curve(run: Run) -> str:
    png = run.figures_path / "loss.png"
    if not png.is_file():
        return html.note("No step has been logged yet.")
    return html.picture(png.read_bytes(), "loss against training step", "Loss of the logged steps.", "curve")


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
