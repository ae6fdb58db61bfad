"""The loss curve as a picture of its own."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qdiffusion.errors import UsageError
from qdiffusion.plots.axes import save_figure, tidy
from qdiffusion.plots.loss import LoggedLosses, RoundEnds, broken, is_logarithmic, losses, round_ends
from qdiffusion.runs import Run


def loss_curve(run: Run, path: Path) -> None:
    """Draw the logged losses against the step, raw faint and smoothed bold, as PNG; below, what rounds ended in.

    The vertical axis is logarithmic when the largest loss is more than ten times the smallest.

    Args:
        run: a run that has logged at least one step.
        path: the file to write.

    Raises:
        UsageError: nothing is logged yet.
        RunError: the run's files are damaged, or `path` cannot be written.
    """
    stats = run.read_stats()
    if not stats:
        raise UsageError(f"{run.path} has logged no step yet; train before drawing its loss.")
    record, logged, ends = run.read_experiment(), losses(stats), round_ends(stats)
    figure = Figure(figsize=(8, 4.5 + 2 * len(ends)), layout="constrained")
    first, *others = np.ravel(figure.subplots(1 + len(ends), 1, height_ratios=[4.5, *[2] * len(ends)], squeeze=False))
    _draw(first, logged)
    title = f"{record['experiment']['name']} on {record['data']['name']}"
    first.set_title(title, parse_math=False, pad=18 if logged.marks else None)
    for axes, each in zip(others, ends, strict=True):
        _draw_rounds(axes, each)
    save_figure(figure, path)


def _draw(axes: Axes, logged: LoggedLosses) -> None:
    steps, begins = broken(logged.steps, logged.begins), logged.begins
    axes.plot(steps, broken(logged.losses, begins), color="tab:blue", alpha=0.3, linewidth=1, label="logged")
    axes.plot(steps, broken(logged.smoothed, begins), color="tab:blue", linewidth=2, label="smoothed")
    for mark in logged.marks[1:]:
        axes.axvline(mark.step, color="0.8", linewidth=0.8, zorder=0)
    for mark in logged.marks:
        place = axes.get_xaxis_transform()
        axes.text(mark.step, 1.01, mark.name, transform=place, color="0.4", fontsize=8, parse_math=False)
    if logged.logarithmic:
        axes.set_yscale("log")
    axes.set(xlabel="training step", ylabel="loss")
    axes.legend(frameon=False)
    tidy(axes)


def _draw_rounds(axes: Axes, ends: RoundEnds) -> None:
    axes.plot(ends.rounds, ends.losses, color="tab:blue", marker="o", markersize=3)
    if is_logarithmic(ends.losses):
        axes.set_yscale("log")
    axes.set_xlabel(f"round of {ends.stage}", parse_math=False)
    axes.set_ylabel("loss at its end")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)
