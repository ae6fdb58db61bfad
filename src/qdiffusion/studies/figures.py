"""A score along the training and at its moments, and the cells' sample grids side by side."""

from collections.abc import Iterator
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatter, LogLocator, MaxNLocator, NullLocator, ScalarFormatter
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from qdiffusion.errors import RunError
from qdiffusion.plots.axes import tidy
from qdiffusion.studies.cells import FOLDER, Cells, cell_name, strip_name
from qdiffusion.studies.spec import Sweep
from qdiffusion.studies.statistics import Estimate, estimate
from qdiffusion.studies.texts import score_words

# Okabe and Ito's colours, told apart in every common colour blindness; yellow, too pale for lines, is left out.
_COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7")
_LINES = ("solid", "dashed", "dotted")
_MARKERS = "osD^vP*X<>ph"
_MOST_LINES = len(_COLOURS) * len(_LINES)
_WIDE = 10
"""Values that differ by more than this factor are drawn on a logarithmic scale."""
_LEGEND_LINE = 0.24
"""Inches."""
_GRIDS_A_ROW = 4


def score_figure(cells: Cells) -> Figure:
    """The study's first score of the columns that have it. Above, where cells are scored more than once and columns
    few enough to be told apart: against the epoch, a line a column, bands of the 95 % interval over seeds, and
    references; below: at each moment."""
    present, moments = _present(cells), cells.study.moments
    height = 1.6 + 0.27 * len(present)
    n_lines = len(present) + sum(reference.drawn for reference in cells.study.references)
    heights = [max(4.4, _LEGEND_LINE * n_lines), height] if has_lines(cells) else [height]
    figure = Figure(figsize=(12, sum(heights)), layout="constrained")
    *upper, below = np.ravel(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights))
    for above in upper:
        _draw_along(above.subplots(), cells, present)
        above.legend(loc="outside right center", frameon=False, handlelength=3.4)
    for moment, axes in enumerate(np.ravel(below.subplots(1, len(moments), sharey=True, squeeze=False))):
        _draw_at(axes, cells, present, moment)
    return figure


def has_lines(cells: Cells) -> bool:
    """Whether the figure of the first score draws it along the training."""
    present = _present(cells)
    marks = (record.marks for index in present for record in cells.of(cells.study.keys[index]))
    return len(present) <= _MOST_LINES and any(len(each) > 1 for each in marks)


def _present(cells: Cells) -> list[int]:
    """The columns that have the first score at some moment."""
    name, moments = cells.score_name(cells.study.scores[0]), range(len(cells.study.moments))
    return [
        index
        for index, key in enumerate(cells.study.keys)
        if any(cells.values(key, moment, name) for moment in moments)
    ]


def sweep_figure(cells: Cells) -> Figure | None:
    """The study's first score at the end against the number that its sweeps differ in, with 95 % intervals; None where
    no cell of theirs is done."""
    panels = list(dict.fromkeys(sweep.panel for sweep in cells.study.sweeps))
    figure = Figure(figsize=(3.5 + 4.2 * len(panels), 4.6), layout="constrained")
    if not panels:
        return None
    rows = np.ravel(figure.subplots(1, len(panels), sharey=True, squeeze=False))
    for axes, panel in zip(rows, panels, strict=True):
        _draw_sweeps(axes, cells, [sweep for sweep in cells.study.sweeps if sweep.panel == panel])
        axes.set_title(panel, fontsize=11, parse_math=False)
        axes.set_xlabel(cells.study.swept)
    if not any(axes.containers for axes in rows):
        return None
    rows[0].set_ylabel(_words(cells), parse_math=False)
    handles = {label: handle for axes in rows for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside right center", frameon=False)
    return figure


def _draw_sweeps(axes: Axes, cells: Cells, sweeps: list[Sweep]) -> None:
    name = cells.score_name(cells.study.scores[0])
    for index, sweep in enumerate(sweeps):
        found = [(x, cells.estimate(key, -1, name)) for x, key in sorted(sweep.points)]
        done = [(x, each.mean, each.half_width or 0.0) for x, each in found if each is not None]
        if done:
            numbers, means, widths = zip(*done, strict=True)
            style = {**_style(index), "markersize": 6, "capsize": 3, "linewidth": 1.4}
            axes.errorbar(numbers, means, yerr=widths, label=sweep.label, **style)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)


def forward_strip(out: Path, cells: Cells) -> bytes | None:
    """The picture of the forward process of the first cell that has one, as PNG."""
    paths = (out / FOLDER / f"{strip_name(record.column, record.seed)}.png" for record in cells.records)
    return next((path.read_bytes() for path in paths if path.exists()), None)


def grids_figure(out: Path, cells: Cells) -> Figure | None:
    """The sample grids of each column's first seed, None where no cell has one.

    Raises:
        RunError: a picture is damaged.
    """
    found = list(_grids(out, cells))
    if not found:
        return None
    columns = min(_GRIDS_A_ROW, len(found))
    n_rows = ceil(len(found) / columns)
    figure = Figure(figsize=(3 * columns, 3.25 * n_rows), layout="constrained")
    panels = np.ravel(figure.subplots(n_rows, columns, squeeze=False))
    for axes in panels:
        axes.set_axis_off()
    for axes, (title, pixels) in zip(panels, found, strict=False):
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=10, parse_math=False)
    return figure


def _style(index: int) -> dict[str, Any]:
    line = _LINES[index // len(_COLOURS) % len(_LINES)]
    return {
        "color": _COLOURS[index % len(_COLOURS)],
        "linestyle": line,
        "marker": _MARKERS[index % len(_MARKERS)],
    }


def _draw_along(axes: Axes, cells: Cells, present: list[int]) -> None:
    means: list[float] = []
    for index in present:
        epochs, estimates = _curve(cells, cells.study.keys[index])
        values, style = [each.mean for each in estimates], _style(index)
        widths = [each.half_width or 0.0 for each in estimates]
        means += values
        axes.plot(epochs, values, label=cells.study.columns[index].label, linewidth=1.6, markersize=5, **style)
        low, high = np.subtract(values, widths), np.add(values, widths)
        axes.fill_between(epochs, low, high, color=style["color"], alpha=0.1, linewidth=0)
    means += _draw_references(axes, cells)
    if min(means, default=0) > 0 and max(means) > 2 * min(means):
        axes.set_yscale("log")
        axes.yaxis.set(major_formatter=ScalarFormatter(), minor_formatter=LogFormatter(labelOnlyBase=False))
        axes.set_ylim(min(means) / 1.25, max(means) * 1.25)
    else:
        room = 0.1 * (max(means) - min(means)) or 1.0
        axes.set_ylim(min(means) - room, max(means) + room)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(_words(cells), parse_math=False)
    tidy(axes)


def _draw_references(axes: Axes, cells: Cells) -> list[float]:
    """What costs no training, as grey lines; where they lie."""
    drawn = [reference for reference in cells.study.references if reference.drawn]
    found = {row.label: cells.estimate(row.key, -1, cells.score_name(cells.study.scores[0])) for row in drawn}
    heights = {label: each.mean for label, each in found.items() if each is not None}
    for place, (label, height) in enumerate(heights.items()):
        axes.axhline(height, label=label, color="#7f7f7f", linestyle=(0, (1 + 2 * place, 2)), linewidth=1.2)
    return [*heights.values()]


def _draw_at(axes: Axes, cells: Cells, present: list[int], moment: int) -> None:
    """One moment's FID of every column below each other, on a scale of its own."""
    name, ends = cells.score_name(cells.study.scores[0]), list[float]()
    for place, index in enumerate(present):
        found = cells.estimate(cells.study.keys[index], moment, name)
        if found is not None:
            style = {**_style(index), "linestyle": "none"}
            axes.errorbar(found.mean, place, xerr=found.half_width, markersize=6, capsize=3, linewidth=1.4, **style)
            ends += found.interval or (found.mean,)
    if min(ends, default=0) > 0 and max(ends) > _WIDE * min(ends):
        axes.set_xscale("log")
        axes.xaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), minor_locator=NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_yticks(range(len(present)), [cells.study.columns[index].label for index in present], parse_math=False)
    axes.set_ylim(len(present) - 0.4, -0.6)
    axes.set_xlabel(_words(cells), parse_math=False)
    axes.set_title(f"After {cells.moment_title(moment)}", fontsize=11, parse_math=False)
    tidy(axes)


def _curve(cells: Cells, column: str) -> tuple[list[float], list[Estimate]]:
    """The first score over seeds at every epoch at which the column is scored."""
    name, by_epoch = cells.score_name(cells.study.scores[0]), dict[float, list[float]]()
    for record in cells.of(column):
        for mark in record.marks:
            if name in mark.scores:
                by_epoch.setdefault(mark.epoch, []).append(mark.scores[name].value)
    return sorted(by_epoch), [estimate(by_epoch[epoch]) for epoch in sorted(by_epoch)]


def _grids(out: Path, cells: Cells) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    for column in cells.study.columns:
        for record in cells.of(column.key)[:1]:
            path = out / FOLDER / f"{cell_name(record.column, record.seed)}.png"
            if path.exists():
                yield f"{column.label}, seed {record.seed}", _pixels(path)


def _pixels(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(BytesIO(path.read_bytes())) as picture:
            grey = picture.mode in ("L", "1", "I;16")
            return np.asarray(picture.convert("L" if grey else "RGB"))
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise RunError(f"{path} is no picture ({error}); delete its cell and run the study again.") from error


def _words(cells: Cells) -> str:
    """The first score, with the network that it is by."""
    kind = cells.study.scores[0]
    return score_words(kind) if cells.score_name(kind) == kind else f"{score_words(kind)} ({cells.network})"
