"""How the qubits of a state hang together, on matplotlib's axes."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from qdiffusion.plots.axes import tidy

WIDEST = 8.0
"""Points."""
MOST_LABELS, FEWER_LABELS = 15, 5
"""Of all pairs of up to 6 qubits; of more, whose lines lie close."""


def draw_pairs(axes: Axes, information: Tensor, top: float, colour: str, dominant_colour: str) -> None:
    """Qubits on a circle, clockwise from the top, and a line for each pair, as wide as its mutual information (n, n) by
    the top; its bits stand at the largest ones, and the largest of all has a colour of its own.
    """
    n_qubits = len(information)
    angles = np.pi / 2 - 2 * np.pi * np.arange(n_qubits) / n_qubits
    places = np.stack([np.cos(angles), np.sin(angles)], 1)
    pairs = sorted(combinations(range(n_qubits), 2), key=lambda pair: -float(information[pair]))
    for rank, pair in reversed(list(enumerate(pairs))):
        bits, (first, second) = float(information[pair]), places[list(pair)]
        own = dominant_colour if rank == 0 else colour
        axes.plot(*np.stack([first, second]).T, color=own, linewidth=WIDEST * bits / top, zorder=1, alpha=0.85)
        if rank < (MOST_LABELS if len(pairs) <= MOST_LABELS else FEWER_LABELS):
            _label(axes, _beside_crossings(places, *pair), bits, rank == 0)
    axes.scatter(places[:, 0], places[:, 1], s=330, color="white", edgecolor="0.2", zorder=3)
    for qubit, place in enumerate(places):
        axes.text(place[0], place[1], str(qubit), ha="center", va="center", zorder=4)
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    axes.set_axis_off()


def draw_spectra(axes: Axes, spectra: Mapping[str, Tensor], styles: Mapping[str, tuple[str, str]]) -> None:
    """Squared Schmidt coefficients (r,) in falling order, a line for each name in its colour and marker."""
    for name, spectrum in spectra.items():
        colour, marker = styles[name]
        axes.plot(range(1, len(spectrum) + 1), spectrum.numpy(), color=colour, marker=marker, linewidth=2, label=name)
    length = max(map(len, spectra.values()))
    axes.set_xticks(range(1, length + 1) if length <= 16 else [1, *range(8, length + 1, 8)])
    axes.set_ylim(bottom=0)
    axes.set(xlabel="Schmidt component", ylabel="weight λ")
    axes.legend(frameon=False)
    tidy(axes)


def _beside_crossings(places: np.ndarray, first: int, second: int) -> np.ndarray:
    """Half-way where two neighbours are joined; else near the qubit from which the other is the closer clockwise, so
    that labels are spread evenly and none stands where lines cross."""
    n_qubits = len(places)
    if second - first in (1, n_qubits - 1):
        return (places[first] + places[second]) / 2
    begin, end = (first, second) if second - first <= n_qubits // 2 else (second, first)
    return places[begin] + 0.24 * (places[end] - places[begin])


def _label(axes: Axes, place: np.ndarray, bits: float, bold: bool) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    weight = "bold" if bold else "normal"
    axes.text(
        place[0], place[1], f"{bits:.2f}", ha="center", va="center", fontsize=8, color="0.15", weight=weight, bbox=box
    )
