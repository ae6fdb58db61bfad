"""From the values of Pauli words to the outputs of an observable."""

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.observables import Expectations, Hermitian


class Sums:
    """Words (W, C, R, words) → outputs (W, C, R, n_outputs), linear: constant sums and trainable Hermitians."""

    def __init__(self, readout: Expectations) -> None:
        words = readout.words
        place = {word: index for index, word in enumerate(words)}
        constant = np.zeros((len(readout.outputs), len(words)))
        self._hermitians: list[tuple[int, Constant, Constant]] = []
        for number, output in enumerate(readout.outputs):
            if isinstance(output, Hermitian):
                row = number * len(words) + np.array([place[word] for word in output.words])
                self._hermitians.append((output.n_weights, Constant(output.coefficients()), Constant(row)))
            else:
                for coefficient, word in output:
                    constant[number, place[word]] += coefficient
        self._are_words = not self._hermitians and np.array_equal(constant, np.eye(len(words)))
        self._constant = Constant(constant)

    def __call__(self, words: Tensor, observable_weights: Tensor | None) -> Tensor:
        if self._are_words:
            return words
        coefficients = self._constant.like(words)
        if observable_weights is not None and self._hermitians:
            coefficients = self._trained(coefficients, observable_weights.to(words.dtype))
        return words @ coefficients.mT

    def _trained(self, constant: Tensor, weights: Tensor) -> Tensor:
        """(C, n_outputs, words)."""
        parts = weights.split([size for size, _, _ in self._hermitians], -1)
        values = torch.cat([m @ c.like(weights) for m, (_, c, _) in zip(parts, self._hermitians, strict=True)], -1)
        rows = torch.cat([row.like(weights) for _, _, row in self._hermitians])
        flat = constant.flatten().expand(weights.shape[0], -1)
        return flat.index_add(1, rows, values).unflatten(1, constant.shape)
