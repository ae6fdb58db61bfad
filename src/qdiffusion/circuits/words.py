"""Pauli words on state vectors.

P|i⟩ = i^{#Y} (-1)^{|i ∧ z|} |i ⊕ x⟩ with the bit masks x of X and Y, z of Y and Z.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from qdiffusion.circuits.matrices import Constant
from qdiffusion.circuits.observables import PauliWord

SIGN_TABLE = 12
"""Up to this many wires a table of all signs is kept: words · 2^n numbers."""


class WordValues:
    """⟨ψ|P|ψ⟩ of some Pauli words P on states (…, 2^n) whose wires stand in `order`."""

    def __init__(self, words: Sequence[PauliWord], order: tuple[int, ...]) -> None:
        self._read = TabledWords(words, order) if len(order) <= SIGN_TABLE else HalvedWords(words, order)

    def __call__(self, psi: Tensor) -> Tensor:
        """(…, 2^n) → (…, number of words)."""
        return self._read(psi)


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
            return torch.addcmul(real.square(), psi.imag, psi.imag) @ self._signs.like(real)
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
        found = []
        for group in self._groups:
            again = group.flips and torch.is_grad_enabled()
            found.append(checkpoint(group, psi, use_reentrant=False) if again else group(psi))
        return torch.cat(found, -1)[..., self._place.like(found[0])]


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
        q = self._weights(psi).unflatten(-1, (-1, 1 << self._low))
        sums = q @ self._lows.like(q)
        return (sums[..., self._column.like(q)] * self._high.like(q)).sum(-2)

    def _weights(self, psi: Tensor) -> Tensor:
        """Re q, or Im q."""
        real, imag = psi.real, psi.imag
        if not self.flips:
            return torch.addcmul(real.square(), imag, imag)
        image = psi.unflatten(-1, self._sizes).flip(self._axes).flatten(-len(self._sizes))
        if self._odd:
            return torch.addcmul(image.real * imag, image.imag, real, value=-1)
        return torch.addcmul(image.real * real, image.imag, imag)


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
