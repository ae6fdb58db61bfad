"""The loss curve of a run."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qdiffusion.errors import UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_bytes_atomic

LOG_SCALE_FROM = 10.0


@dataclass(frozen=True)
class LoggedLosses:
    """What a loss curve shows: each (N,), N ≥ 1. Smoothed is the logarithm, since a loss falls by factors."""

    steps: NDArray[np.int64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    logarithmic: bool
    """Whether the largest loss is more than ten times the smallest."""


def read_losses(run: Run) -> LoggedLosses | None:
    """The logged losses of a run, None where nothing is logged yet.

    Raises:
        RunError: stats.jsonl is damaged.
    """
    stats = run.read_stats()
    if not stats:
        return None
    losses = np.array([line["loss"] for line in stats], dtype=float)
    radius, positive = len(losses) // 20, losses.min() > 0
    return LoggedLosses(
        steps=np.array([line["step"] for line in stats]),
        losses=losses,
        smoothed=np.exp(smooth(np.log(losses), radius)) if positive else smooth(losses, radius),
        logarithmic=bool(positive and losses.max() / losses.min() > LOG_SCALE_FROM),
    )


def loss_curve(run: Run, path: Path) -> None:
    """Draw the logged losses against the step, raw faint and smoothed bold, as PNG.

    The vertical axis is logarithmic when the largest loss is more than ten times the smallest.

    Args:
        run: a run that has logged at least one step.
        path: the file to write.

    Raises:
        UsageError: nothing is logged yet.
        RunError: the run's files are damaged, or `path` cannot be written.
    """
    logged = read_losses(run)
    if logged is None:
        raise UsageError(f"{run.path} has logged no step yet; train before drawing its loss.")
    experiment = run.read_experiment()["experiment"]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(logged.steps, logged.losses, color="tab:blue", alpha=0.3, linewidth=1, label="logged")
    axes.plot(logged.steps, logged.smoothed, color="tab:blue", linewidth=2, label="smoothed")
    if logged.logarithmic:
        axes.set_yscale("log")
    axes.set(xlabel="training step", ylabel="loss")
    axes.set_title(f"{experiment['name']} on {experiment['data']['name']}", parse_math=False)
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_bytes_atomic(path, buffer.getvalue())


def smooth(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """Moving average that begins at the first value: a loss falls steeply there, and a one-sided mean would lag behind.

    s_i = mean(v_j : -min(radius, i) ≤ j - i ≤ min(radius, i), j < N); shape (N,).
    """
    places = np.arange(len(values))
    reach = np.minimum(radius, places)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    begins, ends = places - reach, np.minimum(places + reach + 1, len(values))
    return (sums[ends] - sums[begins]) / (ends - begins)
