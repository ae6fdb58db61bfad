"""States of several qubits as populations, in the page's own colours."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from torch import Tensor

from qdiffusion.plots.states import MOST_QUBITS, Numbers, populations

MOST_ROWS = 24
ROW = 0.7
"""Height of a state, in the page's letters."""
SHADES = 16


class Scale(NamedTuple):
    """The largest population, and the largest mean of one, of all that is drawn."""

    population: float
    mean: float


def scale(sets: Sequence[Tensor]) -> Scale:
    """The scale that all sets, complex (N, 2^n), can be drawn on."""
    found = [populations(states) for states in sets]
    return Scale(
        max(float(each[:MOST_ROWS].max()) for each in found), max(float(each.mean(axis=0).max()) for each in found)
    )


def reading(n_components: int, top: Scale) -> str:
    """What the drawings show."""
    n_qubits = n_components.bit_length() - 1
    shown = min(n_qubits, MOST_QUBITS)
    whose = f"{n_qubits} qubits" if shown == n_qubits else f"the first {shown} of {n_qubits} qubits"
    return (
        f"Each row is a state, each column a basis state of {whose}, from |{'0' * shown}⟩ to |{'1' * shown}⟩; "
        f"the strongest colour is a population of {top.population:.2g}. "
        f"Bars: the mean over all states, up to {top.mean:.2g}."
    )


def draw_heat(states: Tensor, label: str, top: Scale, small: bool = False) -> str:
    """Populations of the first states, and below the mean of all of them, complex (N, 2^n)."""
    found = populations(states)
    rows, width = found[:MOST_ROWS], found.shape[1]
    cells = _svg(_cells(rows / top.population), width, len(rows), f' style="height:{ROW * len(rows):.1f}rem"')
    bars = _svg([_bars(found.mean(axis=0) / top.mean)], width, 1)
    kind = "heat small" if small else "heat"
    return f'<div class="{kind}" role="img" aria-label="{escape(label)}">{cells}{bars}</div>'


def _cells(shares: Numbers) -> list[str]:
    """A path for each shade."""
    shade = np.rint(SHADES * shares.clip(0, 1)).astype(int)
    paths = []
    for each in range(1, SHADES + 1):
        squares = "".join(f"M{column} {row}h1v1h-1z" for row, column in np.argwhere(shade == each))
        if squares:
            paths.append(f'<path fill-opacity="{each / SHADES:.3g}" d="{squares}"/>')
    return paths


def _bars(means: Numbers) -> str:
    bars = "".join(f"M{place}.1 1V{1 - mean:.3f}h.8V1z" for place, mean in enumerate(means))
    return f'<path d="{bars}"/>'


def _svg(pieces: list[str], width: int, height: int, style: str = "") -> str:
    box = f'viewBox="0 0 {width} {height}" preserveAspectRatio="none"'
    return f'<svg {box}{style} aria-hidden="true">{"".join(pieces)}</svg>'
