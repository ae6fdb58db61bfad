"""From independent components to the outputs of an observable."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.matrices import Constant
from qdiffusion.circuits.observables import PauliSums, PauliWord, Probabilities, State

Wires = Sequence[Sequence[tuple[int, ...]]]
"""For each group of components alike, the circuit's wires of each of its K components."""


class StateReadout:
    """The whole state, or its probabilities: the components' product, wires brought back into order."""

    def __init__(self, readout: Probabilities | State, wires: Wires, orders: Sequence[tuple[int, ...]]) -> None:
        self._probabilities = isinstance(readout, Probabilities)
        placed = [
            [members[local] for members in group for local in order] for group, order in zip(wires, orders, strict=True)
        ]
        self._wires = [wire for group in placed for wire in group]

    def __call__(self, states: Sequence[Tensor]) -> Tensor:
        parts = [part for psi in states for part in psi.unbind(2)]
        if self._probabilities:
            parts = [part.abs() ** 2 for part in parts]
        whole = parts[0]
        for part in parts[1:]:
            whole = (whole.unsqueeze(-1) * part.unsqueeze(-2)).flatten(-2)
        axes = [3 + self._wires.index(wire) for wire in range(len(self._wires))]
        return whole.unflatten(-1, (2,) * len(axes)).permute(0, 1, 2, *axes).flatten(3)


class WordReadout:
    """Sums of Pauli words: each word is the product of its parts on the components it touches.

    Attributes:
        local: for each group, the words, on the component's own wires, that must be known of its components.
    """

    def __init__(self, readout: PauliSums, wires: Wires) -> None:
        words = list(dict.fromkeys(word for total in readout.sums for _, word in total))
        parts = [_split(word, wires) for word in words]
        self.local: list[list[PauliWord]] = [
            list(dict.fromkeys(word for split in parts for g, _, word in split if g == group))
            for group in range(len(wires))
        ]
        sizes = [len(found) * len(group) for found, group in zip(self.local, wires, strict=True)]
        starts = np.cumsum([0, *sizes])
        self._factors = Constant(self._table(parts, starts))
        coefficients = np.zeros((len(words), len(readout.sums)))
        for output, total in enumerate(readout.sums):
            for coefficient, word in total:
                coefficients[words.index(word), output] += coefficient
        self._coefficients = None if np.array_equal(coefficients, np.eye(len(words))) else Constant(coefficients)

    def _table(self, parts: Sequence[list[tuple[int, int, PauliWord]]], starts: np.ndarray) -> np.ndarray:
        """Where the factors of each word stand among the flat values; the 1 after the last value fills the rows up."""
        rows = [
            [starts[g] + k * len(self.local[g]) + self.local[g].index(word) for g, k, word in split] for split in parts
        ]
        width = max(map(len, rows), default=0) or 1
        return np.array([row + [starts[-1]] * (width - len(row)) for row in rows], dtype=int).reshape(-1, width)

    def __call__(self, values: Sequence[Tensor]) -> Tensor:
        """Values (W, C, K, R, words) of each group → (W, C, R, n_outputs)."""
        flat = [value.transpose(2, 3).flatten(3) for value in values]
        row = torch.cat([*flat, flat[0].new_ones(*flat[0].shape[:-1], 1)], -1)
        factors = self._factors.like(row)
        words = row[..., factors.squeeze(-1)] if factors.shape[-1] == 1 else row[..., factors].prod(-1)
        return words if self._coefficients is None else words @ self._coefficients.like(row)


def _split(word: PauliWord, wires: Wires) -> list[tuple[int, int, PauliWord]]:
    """The word's parts as (group, component in the group, word on the component's own wires)."""
    letters = dict(word)
    parts = []
    for group, components in enumerate(wires):
        for index, members in enumerate(components):
            local = tuple((place, letters[wire]) for place, wire in enumerate(members) if wire in letters)
            if local:
                parts.append((group, index, local))
    return parts
