"""A training on scramblers: its saw-tooth, what it recovers of size and phase, how it does on states it never saw."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qdiffusion.analysis.colours import BLUE, GREEN, MARKERS, VERMILION
from qdiffusion.analysis.curves import Span, StageCurve
from qdiffusion.analysis.recovery import Overlap, Snapshot
from qdiffusion.plots.axes import tidy

MOST_NAMES = 12
"""Stages whose names have room in a figure."""
MOST_BARS = 8
_SPLITS = {"train": (BLUE, "o", "training"), "held_out": (VERMILION, "s", "held-out")}
_MEASURES = {
    "magnitudes": (VERMILION, "s", "magnitudes alone, (Σ|φ||ψ|)²"),
    "fidelity": (BLUE, "o", "fidelity, |⟨φ|ψ⟩|²"),
}


def training_figure(curves: Sequence[StageCurve], spans: Sequence[Span], interval: int, floor: float) -> Figure:
    """Logged fidelity against the step with the borders of the stages, and Haar states' below; under it the gain per
    `interval` steps against the step within the stage, a curve a stage.
    """
    figure = Figure(figsize=(9, 7), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[3, 2])
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(curves)))
    for place, (curve, colour) in enumerate(zip(curves, colours, strict=True)):
        style = {"color": colour, "marker": MARKERS[place % 8], "markersize": 3.5, "linewidth": 1.4}
        above.plot(curve.steps, curve.fidelities, **style)
        below.plot(*curve.gains(interval), **style, label=curve.span.name)
    above.axhline(floor, color=GREEN, linestyle="dashed", linewidth=1.4)
    above.text(1.005, floor, "Haar", transform=above.get_yaxis_transform(), color=GREEN, va="center", fontsize=9)
    _mark_stages(above, spans, named=True)
    below.axhline(0, color="0.5", linewidth=0.8)
    above.set(xlabel="training step", ylabel="fidelity of the batch")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set(xlabel="step within the stage", ylabel=f"gain per {interval} steps")
    if 1 < len(curves) <= MOST_NAMES:
        figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    tidy(above)
    tidy(below)
    return figure


def recovery_figure(snapshots: Sequence[Snapshot], spans: Sequence[Span]) -> Figure:
    """Fidelity and magnitude-only fidelity of training and held-out states after each snapshot, and how far each lies
    between what Haar states score and 1."""
    figure = Figure(figsize=(10, 6.6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    for (above, below), split in zip(panels.T, _SPLITS, strict=True):
        for name, (colour, marker, label) in _MEASURES.items():
            overlaps = [attrgetter(f"{split}.{name}")(each) for each in snapshots]
            shares = [Overlap(each.share, each.share_error, 0) for each in overlaps]
            _curve(above, snapshots, overlaps, colour, marker, label)
            _curve(below, snapshots, shares, colour, marker, label)
            above.axhline(overlaps[0].floor, color=colour, linestyle="dashed", linewidth=1.2)
        below.axhline(0, color="0.5", linestyle="dashed", linewidth=1.2)
        for axes in (above, below):
            _mark_stages(axes, spans, named=False)
            tidy(axes)
        above.set_title(f"{_SPLITS[split][2]} states", fontsize=11)
        below.set(xlabel="training step")
    panels[0, 0].set(ylabel="mean overlap (dashed: Haar states)")
    panels[1, 0].set(ylabel="share of the way from Haar to 1")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def gap_figure(snapshots: Sequence[Snapshot], spans: Sequence[Span]) -> Figure:
    """Mean fidelity of training and held-out states after each snapshot, ± standard error, above what Haar states
    score."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for split, (colour, marker, name) in _SPLITS.items():
        parts = [getattr(each, split) for each in snapshots]
        label = f"{parts[0].n_states:,} {name} states"
        _curve(axes, snapshots, [each.fidelity for each in parts], colour, marker, label)
    floor = snapshots[0].held_out.fidelity.floor
    axes.axhline(floor, color=GREEN, linestyle="dashed", linewidth=1.4, label=f"Haar states: {floor:.4g}")
    axes.set(xlabel="training step", ylabel="fidelity of restored states, ± standard error")
    axes.set_ylim(bottom=0)
    _mark_stages(axes, spans, named=True)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    tidy(axes)
    return figure


def _curve(
    axes: Axes, snapshots: Sequence[Snapshot], overlaps: Iterable[Overlap], colour: str, marker: str, label: str
) -> None:
    """Points with their errors, of many as a band; the line breaks between stages, which may undo other scramblers."""
    both = list(zip(snapshots, overlaps, strict=True))
    for _, group in groupby(both, key=lambda pair: pair[0].stage):
        part = list(group)
        steps, means = [each.step for each, _ in part], [overlap.mean for _, overlap in part]
        errors = [overlap.error for _, overlap in part]
        style: dict[str, Any] = {"color": colour, "marker": marker, "label": label}
        if len(part) <= MOST_BARS:
            axes.errorbar(steps, means, errors, markersize=5, capsize=3, **style)
        else:
            low, high = np.array(means) - errors, np.array(means) + errors
            axes.plot(steps, means, markersize=3, **style)
            axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
        label = "_"  # once in the legend


def _mark_stages(axes: Axes, spans: Sequence[Span], named: bool) -> None:
    """The whole training across; a line where each stage but the first begins, and the names where they have room."""
    margin = 0.02 * spans[-1].end
    axes.set_xlim(-margin, spans[-1].end + margin)
    for span in spans[1:]:
        axes.axvline(span.begin, color="0.8", linewidth=0.8, zorder=0)
    if named and 1 < len(spans) <= MOST_NAMES:
        place = axes.get_xaxis_transform()
        for span in spans:
            middle = (span.begin + span.end) / 2
            axes.text(middle, 1.02, span.name, transform=place, ha="center", color="0.4", fontsize=8, parse_math=False)
