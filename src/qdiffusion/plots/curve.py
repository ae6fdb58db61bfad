"""Curves within the page: lines that fill any width, text that keeps its size, the page's own colours."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike

from qdiffusion.plots.loss import LoggedLosses, Mark, Numbers, is_logarithmic

SIZE = 1000
"""Of the drawing's own coordinates, along either axis."""
MOST_BINS, MOST_DOTS = 400, 100
MARGIN = 0.04


class Axis(NamedTuple):
    """A range of values, of their logarithms where it is logarithmic, with a margin: no line runs along the edge."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def of(cls, values: Numbers, logarithmic: bool = False) -> "Axis":
        heights = np.log10(values) if logarithmic else values
        low, high = float(heights.min()), float(heights.max())
        margin = MARGIN * (high - low) or abs(high) / 2 or 0.5
        return cls(low - margin, high + margin, logarithmic)

    def places(self, values: ArrayLike) -> Numbers:
        """0 at the low end, 1 at the high one."""
        return ((np.log10(values) if self.logarithmic else np.asarray(values)) - self.low) / (self.high - self.low)

    def ticks(self, most: int, integer: bool = False) -> list[float]:
        """Round values; of a logarithmic axis powers of ten, with their two- and fivefold where those are few."""
        low, high = (10**self.low, 10**self.high) if self.logarithmic else (self.low, self.high)
        if self.logarithmic:
            subs = (1.0,) if self.high - self.low > 3 else (1.0, 2.0, 5.0)
            ticks = LogLocator(subs=subs, numticks=8).tick_values(low, high)
        else:
            ticks = MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=integer).tick_values(low, high)
        return [tick for tick in ticks if low <= tick <= high]


def draw_losses(logged: LoggedLosses) -> str:
    """A plot of the logged losses against the step, raw faint and smoothed bold, with a mark where a part begins."""
    axes = Axis.of(logged.steps), Axis.of(logged.losses, logged.logarithmic)
    x, lines = axes[0].places(logged.steps), {"logged": logged.losses, "smoothed": logged.smoothed}
    paths = {kind: _line(x, axes[1].places(values), logged.begins) for kind, values in lines.items()}
    return _plot(axes, ("training step", "loss"), paths, logged.marks)


def draw_curve(x: Numbers, y: Numbers, across: str, up: str, small: bool = True, begins: Sequence[int] = (0,)) -> str:
    """A plot of points (N,), seen where they are few, and the line through them, broken at the places `begins`.

    across, up: names of the axes.
    """
    axes = Axis.of(x), Axis.of(y, is_logarithmic(y))
    places, heights = axes[0].places(x), axes[1].places(y)
    dots = {"points": _dots(places, heights)} if len(x) <= MOST_DOTS else {}
    return _plot(axes, (across, up), {"smoothed": _line(places, heights, begins), **dots}, (), small)


def _plot(
    axes: tuple[Axis, Axis],
    names: tuple[str, str],
    paths: Mapping[str, str],
    marks: Sequence[Mark] = (),
    small: bool = False,
) -> str:
    """Paths within their axes, across and up, with names and ticks."""
    (across, up), (name_across, name_up) = axes, map(escape, names)
    kind, label = "plot small" if small else "plot", f"{name_up} against {name_across}"
    most = 3 if small else 5
    columns = [(place, f"{tick:,.0f}") for tick, place in _placed(across, across.ticks(most, integer=True))]
    rows = [(place, f"{tick:g}") for tick, place in _placed(up, up.ticks(most))]
    return "\n".join(
        [
            f'<div class="{kind}" role="img" aria-label="{label}">',
            f"<p>{name_up}</p><div>",
            f'<svg viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none" aria-hidden="true">',
            f'<path class="grid" d="{"".join(f"M0 {SIZE * (1 - y):.0f}H{SIZE}" for y, _ in rows)}"/>',
            *_begins([place for _, place in _placed(across, [mark.step for mark in marks[1:]])]),
            *(f'<path class="{line}" d="{path}"/>' for line, path in paths.items()),
            "</svg>",
            *(f'<span class="y" style="bottom:{100 * y:.2f}%">{text}</span>' for y, text in rows),
            *(f'<span class="x" style="left:{100 * x:.2f}%">{text}</span>' for x, text in columns),
            *_names(across, [mark for mark in marks if mark.name]),
            f"</div><p>{name_across}</p></div>",
        ]
    )


def _placed(axis: Axis, values: Sequence[float]) -> list[tuple[float, float]]:
    return [(value, float(axis.places(value))) for value in values]


def _begins(places: Sequence[float]) -> list[str]:
    lines = "".join(f"M{SIZE * place:.1f} 0V{SIZE}" for place in places)
    return [f'<path class="begins" d="{lines}"/>'] if lines else []


def _names(across: Axis, named: Sequence[Mark]) -> list[str]:
    """Each name from where its part begins to where the next named one does."""
    begins = [place for _, place in _placed(across, [mark.step for mark in named])]
    widths = [end - begin for begin, end in zip(begins, [*begins, 1.0][1:], strict=True)]
    return [
        f'<span class="part" style="left:{100 * begin:.2f}%;width:{100 * width:.2f}%">{escape(mark.name)}</span>'
        for begin, width, mark in zip(begins, widths, named, strict=True)
    ]


def _line(x: Numbers, y: Numbers, begins: Sequence[int]) -> str:
    """A path of a piece for each part."""
    size = -(-len(y) // MOST_BINS)
    pieces = zip(begins, [*begins[1:], len(x)], strict=True)
    return "".join(_path(*_thinned(x[begin:end], y[begin:end], size)) for begin, end in pieces)


def _dots(x: Numbers, y: Numbers) -> str:
    return "".join(_path(x[place : place + 1], y[place : place + 1]) for place in range(len(x)))


def _thinned(x: Numbers, y: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """The lowest and the highest of every `size` points, where there are more of them than a screen has columns."""
    if size < 2:
        return x, y
    bins = [np.arange(begin, min(begin + size, len(y))) for begin in range(0, len(y), size)]
    kept = np.unique([index for each in bins for index in (each[y[each].argmin()], each[y[each].argmax()])])
    return x[kept], y[kept]


def _path(x: Numbers, y: Numbers) -> str:
    points = [f"{SIZE * across:.1f} {SIZE * (1 - up):.1f}" for across, up in zip(x, y, strict=True)]
    # A line of no length is drawn as a dot: a single point is seen, too.
    return f"M{'L'.join(points)}h0"
