"""The loss curve of a run."""

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qdiffusion.errors import UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_bytes_atomic

LOG_SCALE_FROM = 10.0


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
    stats = run.read_stats()
    if not stats:
        raise UsageError(f"{run.path} has logged no step yet; train before drawing its loss.")
    experiment = run.read_experiment()["experiment"]
    steps = np.array([line["step"] for line in stats])
    losses = np.array([line["loss"] for line in stats], dtype=float)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(steps, losses, color="tab:blue", alpha=0.3, linewidth=1, label="logged")
    axes.plot(steps, smooth(losses, len(losses) // 20), color="tab:blue", linewidth=2, label="smoothed")
    if losses.min() > 0 and losses.max() / losses.min() > LOG_SCALE_FROM:
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
    """Centred moving average, `s_i = mean(v_j : |j - i| ≤ radius, j within the data)`; shape `(N,)`, N > 2 radius."""
    window = np.ones(2 * radius + 1)
    return np.convolve(values, window, "same") / np.convolve(np.ones_like(values), window, "same")
