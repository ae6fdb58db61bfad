"""From the final states of independent components to the outputs of an observable."""

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
        self._wires = [
            wires_of[local] for group, order in zip(wires, orders, strict=True) for wires_of in group for local in order
        ]

    def __call__(self, states: Sequence[Tensor], inputs: Tensor) -> Tensor:
        parts = [part for psi in states for part in psi.unbind(2)]
        if self._probabilities:
            parts = [part.abs() ** 2 for part in parts]
        whole = parts[0]
        for part in parts[1:]:
            whole = (whole.unsqueeze(-1) * part.unsqueeze(-2)).flatten(-2)
        axes = [3 + self._wires.index(wire) for wire in range(len(self._wires))]
        return whole.unflatten(-1, (2,) * len(axes)).permute(0, 1, 2, *axes).flatten(3)


class WordReadout:
    """Sums of Pauli words: each word is the product of its parts on the components it touches."""

    def __init__(self, readout: PauliSums, wires: Wires, orders: Sequence[tuple[int, ...]]) -> None:
        words = list(dict.fromkeys(word for total in readout.sums for _, word in total))
        parts = [_split(word, wires) for word in words]
        local: list[list[PauliWord]] = [
            list(dict.fromkeys(part[2] for split in parts for part in split if part[0] == group))
            for group in range(len(wires))
        ]
        self._groups = [WordValues(found, order) for found, order in zip(local, orders, strict=True)]
        starts = np.cumsum([0, *(len(found) * len(group) for found, group in zip(local, wires, strict=True))])
        one = int(starts[-1])
        factors = [
            [int(starts[g]) + k * len(local[g]) + local[g].index(word) for g, k, word in split] for split in parts
        ]
        width = max(map(len, factors), default=0) or 1
        self._factors = Constant(
            np.array([row + [one] * (width - len(row)) for row in factors], dtype=int).reshape(-1, width)
        )
        coefficients = np.zeros((len(words), len(readout.sums)))
        for output, total in enumerate(readout.sums):
            for coefficient, word in total:
                coefficients[words.index(word), output] += coefficient
        self._coefficients = None if np.array_equal(coefficients, np.eye(len(words))) else Constant(coefficients)

    def __call__(self, states: Sequence[Tensor], inputs: Tensor) -> Tensor:
        values = [read(psi).transpose(2, 3).flatten(3) for read, psi in zip(self._groups, states, strict=True)]
        flat = torch.cat([*values, inputs.new_ones(*values[0].shape[:-1], 1)], -1)
        words = flat[..., self._factors.like(inputs)].prod(-1)
        return words if self._coefficients is None else words @ self._coefficients.like(inputs)


class WordValues:
    """⟨ψ|P|ψ⟩ of some Pauli words P on states (…, 2^n) whose wires stand in `order`."""

    def __init__(self, words: Sequence[PauliWord], order: tuple[int, ...]) -> None:
        masks = [[_bits(word, order, letters) for letters in ("XY", "YZ")] for word in words]
        index = np.arange(1 << len(order))
        # P|i⟩ = i^{#Y} (-1)^{|i ∧ z|} |i ⊕ x⟩ with the bit masks x of X and Y, z of Y and Z.
        signs = [
            1j ** sum(letter == "Y" for _, letter in word) * (-1.0) ** _parity(index & z)
            for word, (_, z) in zip(words, masks, strict=True)
        ]
        self._diagonal = not any(x for x, _ in masks)
        signs_array = np.array(signs).reshape(len(words), len(index))
        self._signs = Constant(signs_array.real.T if self._diagonal else signs_array)
        self._flips = [Constant(index ^ x) for x, _ in masks]

    def __call__(self, psi: Tensor) -> Tensor:
        """(W, C, K, R, 2^n) → (W, C, K, R, number of words)."""
        real = psi.real
        if self._diagonal:
            return (real.square() + psi.imag.square()) @ self._signs.like(real)
        images = torch.stack([psi[..., flip.like(real)] for flip in self._flips], -2)
        return (images.conj() * psi.unsqueeze(-2) * self._signs.like(real)).sum(-1).real


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


def _bits(word: PauliWord, order: tuple[int, ...], letters: str) -> int:
    return sum(1 << (len(order) - 1 - order.index(wire)) for wire, letter in word if letter in letters)


def _parity(values: np.ndarray) -> np.ndarray:
    return np.array([int(value).bit_count() & 1 for value in values])
