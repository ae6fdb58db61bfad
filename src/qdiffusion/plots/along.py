"""The report's part on the snapshots: scores against the step, the best one, and what each samples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from qdiffusion.plots import html
from qdiffusion.plots.curve import draw_curve
from qdiffusion.plots.pictures import draw_strip
from qdiffusion.plots.scores import value_text
from qdiffusion.runs import Run
from qdiffusion.runs.items import kind_of
from qdiffusion.runs.pictures import Strip
from qdiffusion.runs.samples import list_samples, read_meta, read_samples
from qdiffusion.runs.snapshots import read_snapshot_scores

MOST_ROWS = 4
MOST_POINTS = 200
MOST_COLUMNS = 10

Scored = Sequence[tuple[int, Mapping[str, Any]]]


def along_training(run: Run) -> str:
    """Every score's curve, the first one's best step in words, and the snapshots' samples; "" without any.

    Raises:
        RunError: a file of the run is damaged.
    """
    scored, strip = read_snapshot_scores(run), _strip(run)
    told = [*_curves(scored), *([draw_strip(strip)] if strip else [])]
    return "\n".join(told)


def best_step(scored: Scored) -> tuple[int, Mapping[str, Any]] | None:
    """The step of the best first score, the earliest of equals, and its row; None where none is said to be better."""
    first: Mapping[str, Any] = next((row for _, metrics in scored for row in metrics["rows"]), {})
    if "better" not in first:
        return None
    sign = 1 if first["better"] == "lower" else -1
    return min(_of(scored, first["name"]), key=lambda each: sign * each[1]["value"])


def _curves(scored: Scored) -> list[str]:
    names = list(dict.fromkeys(row["name"] for _, metrics in scored for row in metrics["rows"]))
    if not names:
        return []
    first, *others = (_curve(scored, name, small=place > 0) for place, name in enumerate(names))
    figure = html.figure(first, _best(scored))
    return [figure, *([html.small_plots(*others)] if others else [])]


def _curve(scored: Scored, name: str, small: bool) -> str:
    steps, values = np.array([(step, row["value"]) for step, row in _of(scored, name)], dtype=float).T
    return draw_curve(steps, values, "training step", name, small)


def _of(scored: Scored, name: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Steps and rows of one score."""
    return [(step, row) for step, metrics in scored for row in metrics["rows"] if row["name"] == name]


def _best(scored: Scored) -> str:
    best = best_step(scored)
    if best is None:
        return "The scores of the snapshots."
    step, row = best
    return f"The scores of the snapshots. The best of them in {row['name']} is step {step:,}: {value_text(row)}."


def _strip(run: Run) -> Strip | None:
    """The first samples of each snapshot, the newest set of each; of many snapshots some, evenly spaced."""
    sets = {meta["snapshot"]: path for path in list_samples(run) if "snapshot" in (meta := read_meta(path))}
    if not sets:
        return None
    steps = sorted(sets)
    places = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST_COLUMNS)).round().astype(int))
    shown = [steps[place] for place in places]
    columns = [read_samples(sets[step]).items for step in shown]
    most = MOST_ROWS if kind_of(columns[0]) == "images" else MOST_POINTS
    n_rows = min(most, *map(len, columns))
    items = torch.stack([items[:n_rows] for items in columns], dim=1)
    return Strip(items, tuple((f"step {step:,}",) for step in shown), "The first samples of each snapshot.")
