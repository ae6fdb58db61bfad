"""Items on matplotlib's axes: what they are decides how they are drawn."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle
from torch import Tensor

from qdiffusion.plots import scatter
from qdiffusion.plots.grid import tile
from qdiffusion.plots.states import ELEVATION, Numbers, bloch_vectors, populations, projected
from qdiffusion.runs.files import write_bytes_atomic
from qdiffusion.runs.items import kind_of
from qdiffusion.runs.pictures import Strip

COLOUR = "tab:blue"
MOST_ROWS = 48


def items_figure(items: Tensor) -> Figure:
    """States, density matrices or vectors (N, …) as one picture."""
    if items.is_complex() and items.shape[1] > 2:
        return _populations_figure(items)
    figure = Figure(figsize=(5, 5), layout="constrained")
    _draw(figure.add_subplot(), items, [items])
    return figure


def strip_figure(strip: Strip) -> Figure:
    """Levels side by side under their lines of text; the items of each below each other, or in one drawing."""
    levels = strip.items.unbind(1)
    height = len(strip.items) if kind_of(strip.items) == "images" else 1.2
    n_lines = max(map(len, strip.labels))
    figure = Figure(figsize=(1.2 * len(levels), 1.2 * height + 0.18 * n_lines + 0.1), layout="constrained")
    for axes, items, lines in zip(figure.subplots(1, len(levels), squeeze=False)[0], levels, strip.labels, strict=True):
        _draw(axes, items, levels, small=True)
        axes.set_title("\n".join(lines), fontsize=8, parse_math=False)
    return figure


def tidy(axes: Axes) -> None:
    """A pale grid, and no frame above and on the right."""
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG.

    Raises:
        RunError: the file cannot be written.
    """
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight", pad_inches=0.05)
    write_bytes_atomic(path, buffer.getvalue())


def _draw(axes: Axes, items: Tensor, sets: Sequence[Tensor], small: bool = False) -> None:
    """Items (N, …), on the scale of all sets; without letters where the drawing is small."""
    kind = kind_of(items)
    if kind == "images":
        canvas = tile(items.numpy().transpose(0, 2, 3, 1), 1)
        axes.imshow(np.broadcast_to(canvas, (*canvas.shape[:2], 3)), interpolation="nearest")
        axes.set_axis_off()
    elif kind == "vectors":
        (left, low), (right, high) = scatter.limits(sets)
        across, up = scatter.plane(items).T
        axes.scatter(across, up, s=4 if small else 8, color=COLOUR, linewidths=0)
        axes.set(xlim=(left, right), ylim=(low, high), box_aspect=1)
        if small:
            axes.set(xticks=[], yticks=[])
    elif items.shape[1] == 2:
        draw_sphere(axes, bloch_vectors(items), 4 if small else 16)
        if not small:
            name_poles(axes)
    else:
        _draw_heat(axes, items, max(float(populations(states).max()) for states in sets))


def draw_sphere(axes: Axes, vectors: Numbers, size: float, colours: str | Sequence[str] = COLOUR) -> None:
    """Bloch vectors (N, 3) in a sphere, |0⟩ at the top, the fainter a point the farther behind; a colour for all, or
    one for each."""
    right, up, near = projected(vectors).T
    order = near.argsort()
    coloured = colours if isinstance(colours, str) else [colours[place] for place in order]
    behind, before = (Arc((0, 0), 2, 2 * np.sin(ELEVATION), theta1=end, theta2=end + 180) for end in (0, 180))
    behind.set_linestyle("dotted")
    for line in (Circle((0, 0), 1, fill=False), behind, before):
        line.set(edgecolor="0.6", linewidth=0.8)
        axes.add_patch(line)
    shade = 0.25 + 0.375 * (near[order].clip(-1, 1) + 1)
    axes.scatter(right[order], up[order], s=size, color=coloured, alpha=shade, linewidths=0)
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    axes.set_axis_off()


def name_poles(axes: Axes) -> None:
    """Say which is which, above and below a sphere."""
    for text, place in ("|0⟩", 1.12), ("|1⟩", -1.12):
        axes.text(0, place, text, ha="center", va="center", color="0.4")


def _draw_heat(axes: Axes, states: Tensor, top: float) -> None:
    axes.imshow(populations(states)[:MOST_ROWS], cmap="Blues", vmin=0, vmax=top, aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def _populations_figure(states: Tensor) -> Figure:
    found = populations(states)
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    picture = above.imshow(found[:MOST_ROWS], cmap="Blues", vmin=0, aspect="auto", interpolation="nearest")
    figure.colorbar(picture, ax=above, label="population")
    below.bar(np.arange(found.shape[1]), found.mean(axis=0), color=COLOUR)
    above.set(ylabel="state")
    below.set(xlabel="basis state", ylabel="mean population")
    return figure
