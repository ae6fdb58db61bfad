"""A state as a matrix on matplotlib's axes: its density matrix by size, by size and phase, and its Wigner function."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from qdiffusion.plots.states import phase_space

PHASES = "twilight"
"""Runs back into itself, by lightness and from blue to red: no colour blindness confuses it."""
MOST_LABELLED_QUBITS = 4
LINE_WIDTH = 0.4


def draw_density(axes: Axes, density: Tensor, top: float) -> AxesImage:
    """|ρ| of (2^n, 2^n) as a heat map, 0 … top."""
    picture = axes.imshow(density.abs().numpy(), cmap="viridis", vmin=0, vmax=top, interpolation="nearest")
    _name_basis(axes, "01", "01")
    return picture


def draw_hinton(axes: Axes, density: Tensor, top: float) -> PatchCollection:
    """A square for each entry of (2^n, 2^n): its area is |ρ| / top of the cell's, its colour arg ρ, -π … π."""
    sides = np.sqrt(density.abs().numpy() / top)
    size = len(sides)
    cells = [(row, column) for row in range(size) for column in range(size)]
    squares = [
        Rectangle((column - side / 2, row - side / 2), side, side)
        for (row, column), side in zip(cells, sides.ravel(), strict=True)
    ]
    drawn = PatchCollection(squares, cmap=PHASES, edgecolor="0.2", linewidth=LINE_WIDTH * 16 / max(size, 16))
    drawn.set_array(density.angle().numpy().ravel())
    drawn.set_clim(-np.pi, np.pi)
    axes.add_collection(drawn)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    _name_basis(axes, "01", "01")
    return drawn


def draw_wigner(axes: Axes, values: Tensor, limit: float) -> AxesImage:
    """W (4^n,) over Z basis (across) and X basis (down), red above 0 and blue below, -limit … limit."""
    picture = axes.imshow(phase_space(values), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    _name_basis(axes, "01", "+-")
    return picture


def _name_basis(axes: Axes, across: str, down: str) -> None:
    """Ticks with the letters of every basis state where there is room, else of the first and the last."""
    size = round(abs(np.diff(axes.get_xlim()).item()))
    n_qubits = size.bit_length() - 1
    ticks = list(range(size)) if n_qubits <= MOST_LABELLED_QUBITS else [0, size - 1]
    for axis, letters in ((axes.xaxis, across), (axes.yaxis, down)):
        names = [f"{tick:0{n_qubits}b}".replace("0", letters[0]).replace("1", letters[1]) for tick in ticks]
        axis.set_ticks(ticks, names, fontsize=7, fontfamily="monospace")
    axes.tick_params(axis="x", rotation=90 if len(ticks) > 4 else 0)
    axes.tick_params(length=2)
