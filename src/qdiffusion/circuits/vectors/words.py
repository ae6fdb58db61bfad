"""Pauli words on state vectors.

P|i⟩ = i^{#Y} (-1)^{|i ∧ z|} |i ⊕ x⟩ with the bit masks x of X and Y, z of Y and Z.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from qdiffusion.circuits.angles.gradients import records_alone
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.vectors.permutation import permutation

SIGN_TABLE = 12
"""Up to this many wires a table of all signs is kept: words · 2^n numbers."""

DENSITY_WIRES = 4
"""The reduced density matrix of four wires takes as long as one flipped copy of the state, gradient included: 7 ns an
amplitude, and 6 to 10, on one core of an AMD EPYC at 12 to 18 qubits. Each further wire doubles it.
"""

MOST_DENSITY_WIRES = 5
"""The table for all words on 5 wires has 2 million numbers, on 6 wires 16 times as many."""

PIECE = 1 << 16
"""Squares of so many amplitudes are in memory at once: 256 kB in float32."""


class WordValues:
    """⟨ψ|P|ψ⟩ of some Pauli words P on states (…, 2^n) whose wires stand in `order`: words that flip bits of few wires
    by those wires' density matrices, the rest by their signs.
    """

    def __init__(self, words: Sequence[PauliWord], order: tuple[int, ...]) -> None:
        groups = _on_few_wires(words)
        grouped = {index for group in groups for index in group}
        self._reads: list[DensityWords | TabledWords | HalvedWords] = [
            DensityWords([words[index] for index in group], order) for group in groups
        ]
        rest = [index for index in range(len(words)) if index not in grouped]
        if rest or not groups:
            signs = TabledWords if len(order) <= SIGN_TABLE else HalvedWords
            self._reads.append(signs([words[index] for index in rest], order))
        self._place = Constant(np.argsort([index for group in [*groups, rest] for index in group]))

    def __call__(self, psi: Tensor) -> Tensor:
        """(…, 2^n) → (…, number of words)."""
        if len(self._reads) == 1:
            return self._reads[0](psi)
        values = torch.cat([read(psi) for read in self._reads], -1)
        return values[..., self._place.like(values)]


class DensityWords:
    r"""Words on few wires, from the reduced density matrix of those wires:

    .. math:: ρ = Tr_{rest} ψψ^†, \quad ⟨P_k⟩ = Tr P_k ρ

    which is one product with a constant table for all words.
    """

    def __init__(self, words: Sequence[PauliWord], order: tuple[int, ...]) -> None:
        wires = tuple(wire for wire in order if any(wire == own for word in words for own, _ in word))
        self._first = permutation(order, (*wires, *(wire for wire in order if wire not in wires)))
        self._dim = 1 << len(wires)
        paulis = np.stack([_matrix(word, wires) for word in words])
        # Tr Pρ = Σ Re P Re ρ + Im P Im ρ, both Hermitian.
        self._table = Constant(np.stack([paulis.real, paulis.imag], -1).reshape(len(words), -1).T)

    def __call__(self, psi: Tensor) -> Tensor:
        columns = self._first(psi).unflatten(-1, (self._dim, -1))
        rho = torch.view_as_real(columns @ columns.mH).flatten(-3)
        return rho @ self._table.like(rho)


class TabledWords:
    """A word is one row of a table of signs, and one flip of the state."""

    def __init__(self, words: Sequence[PauliWord], order: tuple[int, ...]) -> None:
        masks = [[_bits(word, order, letters) for letters in ("XY", "YZ")] for word in words]
        index = np.arange(1 << len(order))
        signs = np.zeros((len(words), len(index)), dtype=complex)
        for row, word, (_, z) in zip(signs, words, masks, strict=True):
            row[:] = _phase(word) * _signs(z, len(order))
        self._diagonal = not any(x for x, _ in masks)
        self._signs = Constant(signs.real.T if self._diagonal else signs)
        self._flips = [Constant(index ^ x) for x, _ in masks]

    def __call__(self, psi: Tensor) -> Tensor:
        real = psi.real
        if self._diagonal:
            return _squares_times(psi.unsqueeze(-2), self._signs.like(real)).squeeze(-2)
        images = torch.stack([psi[..., flip.like(real)] for flip in self._flips], -2)
        return (images.conj() * psi.unsqueeze(-2) * self._signs.like(real)).sum(-1).real


class HalvedWords:
    r"""Words on states too large for a table of signs.

    A sign is the product of one of the index's high half and one of its low half, so that

    .. math:: Σ_i (-1)^{|i ∧ z|} q_i = Σ_h A_{kh} Σ_l q_{hl} B_{lk}

    is one matrix product for all words with the same x, q_i = ψ*_{i⊕x} ψ_i. Its columns are the distinct low halves
    (n/2 + 1 for ⟨Z⟩ of every wire). Where x is not 0 the flipped state is computed again in the backward pass, so
    that no state is kept for a word.
    """

    def __init__(self, words: Sequence[PauliWord], order: tuple[int, ...]) -> None:
        groups: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for index, word in enumerate(words):
            groups[_bits(word, order, "XY"), bool(_phase(word).imag)].append(index)
        self._groups = [
            FlipGroup(x, odd, [words[index] for index in members], order) for (x, odd), members in groups.items()
        ]
        self._place = Constant(np.argsort([index for members in groups.values() for index in members]))

    def __call__(self, psi: Tensor) -> Tensor:
        values = []
        for group in self._groups:
            again = group.flips and records_alone(psi)
            values.append(checkpoint(group, psi, use_reentrant=False) if again else group(psi))
        return torch.cat(values, -1)[..., self._place.like(values[0])]


class FlipGroup:
    """Words with the same x whose number of Ys is even throughout, or odd throughout: both phases are real then, of
    Re q or of Im q.
    """

    def __init__(self, x: int, odd: bool, words: Sequence[PauliWord], order: tuple[int, ...]) -> None:
        n_wires, self._low = len(order), len(order) // 2
        masks = [_bits(word, order, "YZ") for word in words]
        lows = sorted({mask % (1 << self._low) for mask in masks})
        # Re(i q) = -Im q.
        phases = [-_phase(word).imag if odd else _phase(word).real for word in words]
        high = [
            phase * _signs(mask >> self._low, n_wires - self._low) for phase, mask in zip(phases, masks, strict=True)
        ]
        self.flips = x != 0
        self._odd = odd
        self._high = Constant(np.array(high).T)
        self._lows = Constant(np.array([_signs(mask, self._low) for mask in lows]).T)
        self._column = Constant(np.array([lows.index(mask % (1 << self._low)) for mask in masks]))
        runs = [(flip, len(list(run))) for flip, run in groupby(range(n_wires), lambda p: x >> (n_wires - 1 - p) & 1)]
        # The bits of a run of X and Y are all inverted: that turns the run's axis around.
        self._sizes = tuple(1 << length for _, length in runs)
        self._axes = tuple(axis - len(runs) for axis, (flip, _) in enumerate(runs) if flip)

    def __call__(self, psi: Tensor) -> Tensor:
        """(…, 2^n) → (…, words)."""
        if self.flips:
            q = self._products(psi).unflatten(-1, (-1, 1 << self._low))
            sums = q @ self._lows.like(q)
        else:
            sums = _squares_times(psi.unflatten(-1, (-1, 1 << self._low)), self._lows.like(psi.real))
        return (sums[..., self._column.like(sums)] * self._high.like(sums)).sum(-2)

    def _products(self, psi: Tensor) -> Tensor:
        """Re q, or Im q."""
        real, imag = psi.real, psi.imag
        image = psi.unflatten(-1, self._sizes).flip(self._axes).flatten(-len(self._sizes))
        if self._odd:
            return torch.addcmul(image.real * imag, image.imag, real, value=-1)
        return torch.addcmul(image.real * real, image.imag, imag)


def _squares_times(psi: Tensor, table: Tensor) -> Tensor:
    """Σ_i |ψ_i|² T_ik of states (…, N) and a constant real table (N, K)."""
    if not records_alone(psi):
        return (psi.real.square() + psi.imag.square()) @ table
    sums: Tensor = _SquaresTimes.apply(psi, table)
    return sums


class _SquaresTimes(torch.autograd.Function):
    """In pieces of `PIECE` amplitudes.

    The gradient is 2 ψ_i Σ_k T_ik g_k. Autograd's own would pass through four arrays as large as the states.
    """

    @staticmethod
    def forward(ctx: Any, psi: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(psi, table)
        pieces = psi.flatten(0, -2).split(_rows(psi))
        sums = [piece.real.square().addcmul_(piece.imag, piece.imag) @ table for piece in pieces]
        return torch.cat(sums).unflatten(0, psi.shape[:-1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        psi, table = ctx.saved_tensors
        if torch.is_grad_enabled():
            return psi * (gradient @ table.mT) * 2, None
        # ψ may be a view whose layout a copy must not take over: what is written below would go into a copy.
        out = torch.empty_like(psi, memory_format=torch.contiguous_format)
        pieces = (tensor.flatten(0, -2).split(_rows(psi)) for tensor in (psi, gradient, out))
        for piece, part, target in zip(*pieces, strict=True):
            weights = (part @ table.mT).mul_(2).unsqueeze(-1)
            torch.mul(torch.view_as_real(piece), weights, out=torch.view_as_real(target))
        return out, None


def _rows(psi: Tensor) -> int:
    return max(1, PIECE // psi.shape[-1])


def _on_few_wires(words: Sequence[PauliWord]) -> list[list[int]]:
    """Groups of words, by their numbers, whose density matrix is cheaper than their flips; words that flip nothing join
    where they fit.
    """
    supports = [{wire for wire, _ in word} for word in words]
    flips = [frozenset(wire for wire, letter in word if letter in "XY") for word in words]
    groups: list[tuple[set[int], list[int]]] = []
    for index in sorted(range(len(words)), key=lambda index: -len(supports[index])):
        if not flips[index] or len(supports[index]) > MOST_DENSITY_WIRES:
            continue
        for wires, group in groups:
            if len(wires | supports[index]) <= max(DENSITY_WIRES, len(wires)):
                wires.update(supports[index])
                group.append(index)
                break
        else:
            groups.append(({*supports[index]}, [index]))
    cheaper = [
        (wires, group) for wires, group in groups if 1 << len(wires) <= len({flips[i] for i in group}) << DENSITY_WIRES
    ]
    for index, support in enumerate(supports):
        homes = [group for wires, group in cheaper if support <= wires]
        if homes and not flips[index]:
            homes[0].append(index)
    return [sorted(group) for _, group in cheaper]


def _matrix(word: PauliWord, wires: tuple[int, ...]) -> np.ndarray:
    """The word on a register of its own wires and more."""
    letters = dict(word)
    return reduce(np.kron, [PAULI[letters.get(wire, "I")] for wire in wires], np.ones((1, 1)))


def _phase(word: PauliWord) -> complex:
    """i^{#Y}, exactly."""
    return (1, 1j, -1, -1j)[sum(letter == "Y" for _, letter in word) % 4]


def _bits(word: PauliWord, order: tuple[int, ...], letters: str) -> int:
    return sum(1 << (len(order) - 1 - order.index(wire)) for wire, letter in word if letter in letters)


def _signs(mask: int, n_bits: int) -> np.ndarray:
    """(-1)^{|i ∧ mask|} for i of n_bits bits."""
    signs: np.ndarray = np.ones(1)
    for bit in reversed(range(n_bits)):
        signs = np.kron(signs, [1.0, -1.0 if mask >> bit & 1 else 1.0])
    return signs
