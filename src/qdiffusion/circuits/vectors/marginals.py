r"""What is read off density matrices, and off state vectors as if they were: entries, traces, Pauli words.

ρ is a vector (…, 4^n) whose 2n wires stand in some `order`, wire w's rows at w and its columns at n + w.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.observables import PauliWord


def marginal(rho: Tensor, order: Sequence[int], diagonal: Sequence[int], free: Sequence[int]) -> Tensor:
    """ρ (…, 4^n), all wires but `diagonal` and `free` traced out → (…, 2^diagonal · 4^free), flat: of the diagonal
    wires one axis each, where rows and columns agree, then the rows and the columns of the free ones.
    """
    n_wires = len(order) // 2
    name = {wire: 1 + wire for wire in range(n_wires)}
    name.update({n_wires + wire: 1 + wire + (n_wires if wire in free else 0) for wire in range(n_wires)})
    out = [0, *(name[wire] for wire in (*diagonal, *free)), *(name[n_wires + wire] for wire in free)]
    split = rho.reshape(-1, *(2,) * len(order))
    return torch.einsum(split, [0, *(name[wire] for wire in order)], out).reshape(*rho.shape[:-1], -1)


_PHASES = {"I": (1, 1), "X": (1, 1), "Y": (1j, -1j), "Z": (1, -1)}
"""P|i⟩ = phase_i |i⟩, or phase_i |1 - i⟩."""


class MixedWordValues:
    r"""Tr Pρ of some Pauli words P on density matrices whose wires stand in `order`.

    .. math:: \mathrm{Tr}\, Pρ = Σ_i φ_i\, ρ_{i,\, i ⊕ x}

    x has a bit for each wire with X or Y, and the phase φ_i is a product of one factor a wire. Words of one x are read
    from the same entries.
    """

    def __init__(self, words: Sequence[PauliWord], order: Sequence[int]) -> None:
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, word in enumerate(words):
            groups[tuple(wire for wire, letter in word if letter in "XY")].append(index)
        self._groups = [
            _FlipGroup(flips, [words[index] for index in members], order) for flips, members in groups.items()
        ]
        self._place = Constant(np.argsort([index for members in groups.values() for index in members]))

    def __call__(self, rho: Tensor) -> Tensor:
        """(…, 4^n) → (…, number of words)."""
        values = torch.cat([group(rho) for group in self._groups], -1)
        return values[..., self._place.like(values)]


class _FlipGroup:
    """Words that flip the same wires."""

    def __init__(self, flips: tuple[int, ...], words: Sequence[PauliWord], order: Sequence[int]) -> None:
        self._order, self._flips = tuple(order), flips
        self._others = tuple(sorted({wire for word in words for wire, _ in word}.difference(flips)))
        phases = np.array([_phases(word, (*self._others, *flips)) for word in words])
        # Re(φρ) = Re φ Re ρ - Im φ Im ρ.
        self._table = Constant(np.stack([phases.real, -phases.imag], -1).reshape(len(words), -1).T)

    def __call__(self, rho: Tensor) -> Tensor:
        """(…, 4^n) → (…, words)."""
        size = 1 << len(self._flips)
        entries = marginal(rho, self._order, self._others, self._flips).unflatten(-1, (-1, size, size))
        across = entries.flip(-1).diagonal(dim1=-2, dim2=-1).flatten(-2)
        rows = torch.view_as_real(across.resolve_conj()).flatten(-2)
        return rows @ self._table.like(rows)


def _phases(word: PauliWord, wires: Sequence[int]) -> np.ndarray:
    """φ_i of all values i of the wires."""
    letters = dict(word)
    return reduce(np.kron, ([*_PHASES[letters.get(wire, "I")]] for wire in wires), np.ones(1, dtype=complex))
