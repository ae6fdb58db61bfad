"""Pauli words on state vectors."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.matrices import Constant
from qdiffusion.circuits.observables import PauliWord


class WordValues:
    """⟨ψ|P|ψ⟩ of some Pauli words P on states (…, 2^n) whose wires stand in `order`.

    P|i⟩ = i^{#Y} (-1)^{|i ∧ z|} |i ⊕ x⟩ with the bit masks x of X and Y, z of Y and Z.
    """

    def __init__(self, words: Sequence[PauliWord], order: tuple[int, ...]) -> None:
        masks = [[_bits(word, order, letters) for letters in ("XY", "YZ")] for word in words]
        index = np.arange(1 << len(order))
        signs = np.zeros((len(words), len(index)), dtype=complex)
        for row, word, (_, z) in zip(signs, words, masks, strict=True):
            row[:] = 1j ** sum(letter == "Y" for _, letter in word) * (-1.0) ** _parity(index & z)
        self._diagonal = not any(x for x, _ in masks)
        self._signs = Constant(signs.real.T if self._diagonal else signs)
        self._flips = [Constant(index ^ x) for x, _ in masks]

    def __call__(self, psi: Tensor) -> Tensor:
        """(…, 2^n) → (…, number of words)."""
        real = psi.real
        if self._diagonal:
            return torch.addcmul(real.square(), psi.imag, psi.imag) @ self._signs.like(real)
        images = torch.stack([psi[..., flip.like(real)] for flip in self._flips], -2)
        return (images.conj() * psi.unsqueeze(-2) * self._signs.like(real)).sum(-1).real


def _bits(word: PauliWord, order: tuple[int, ...], letters: str) -> int:
    return sum(1 << (len(order) - 1 - order.index(wire)) for wire, letter in word if letter in letters)


def _parity(values: np.ndarray) -> np.ndarray:
    return np.array([int(value).bit_count() & 1 for value in values])
