"""The loss curve within the page: lines that fill any width, text that keeps its size, the page's own colours."""

from collections.abc import Iterable

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from qdiffusion.plots.loss import LoggedLosses

SIZE = 1000
"""Of the drawing's own coordinates, along either axis."""
MOST_BINS = 400
MARGIN = 0.04


def draw_losses(logged: LoggedLosses) -> str:
    """A plot of the logged losses against the step, raw faint and smoothed bold."""
    heights = np.log10(logged.losses) if logged.logarithmic else logged.losses
    low, high = _range(heights)
    first, last = _range(logged.steps)
    across, up = _scaled(logged.steps, first, last), _scaled(heights, low, high)
    smoothed = _scaled(np.log10(logged.smoothed) if logged.logarithmic else logged.smoothed, low, high)
    ticks = _log_ticks(low, high) if logged.logarithmic else _ticks(low, high)
    rows = [(_scaled(np.log10(tick) if logged.logarithmic else tick, low, high), f"{tick:g}") for tick in ticks]
    steps = [(_scaled(tick, first, last), f"{tick:,.0f}") for tick in _ticks(first, last, integer=True)]
    grid = "".join(f"M0 {SIZE * (1 - y):.0f}H{SIZE}" for y, _ in rows)
    return "\n".join(
        [
            '<div class="plot" role="img" aria-label="loss against training step"><p>loss</p><div>',
            f'<svg viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none" aria-hidden="true">',
            f'<path class="grid" d="{grid}"/>',
            f'<path class="logged" d="{_path(*_thinned(across, up))}"/>',
            f'<path class="smoothed" d="{_path(*_thinned(across, smoothed))}"/>',
            "</svg>",
            *(f'<span class="y" style="bottom:{100 * y:.2f}%">{text}</span>' for y, text in rows),
            *(f'<span class="x" style="left:{100 * x:.2f}%">{text}</span>' for x, text in steps),
            "</div><p>training step</p></div>",
        ]
    )


def _range(values: NDArray[np.float64] | NDArray[np.int64]) -> tuple[float, float]:
    """Lowest and highest with a margin, so that no line runs along the edge."""
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 0.5
    return low - margin, high + margin


def _scaled(values: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    return (np.asarray(values) - low) / (high - low)


def _ticks(low: float, high: float, integer: bool = False) -> list[float]:
    ticks = MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=integer).tick_values(low, high)
    return [tick for tick in ticks if low <= tick <= high]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten; with their two- and fivefold where there are fewer than four of them."""
    subs = (1.0,) if high - low > 3 else (1.0, 2.0, 5.0)
    ticks = LogLocator(subs=subs, numticks=8).tick_values(10**low, 10**high)
    return [tick for tick in ticks if 10**low <= tick <= 10**high]


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and the highest point of every bin, where there are more points than a screen has columns."""
    size = -(-len(y) // MOST_BINS)
    if size < 2:
        return x, y
    bins = [np.arange(begin, min(begin + size, len(y))) for begin in range(0, len(y), size)]
    kept = np.unique([index for each in bins for index in (each[y[each].argmin()], each[y[each].argmax()])])
    return x[kept], y[kept]


def _path(x: Iterable[float], y: Iterable[float]) -> str:
    points = [f"{SIZE * across:.1f} {SIZE * (1 - up):.1f}" for across, up in zip(x, y, strict=True)]
    # A line of no length is drawn as a dot: a single point is seen, too.
    return f"M{'L'.join(points)}h0"
