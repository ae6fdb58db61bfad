"""Angles to matrices: many gates of one size, for many circuits at once."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.gates import controlled, embed
from qdiffusion.circuits.structure import angle_indices


class Constant:
    """A numpy array kept as a tensor on every device and in every precision it was asked for."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self._tensors: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def like(self, tensor: Tensor) -> Tensor:
        """On the device and in the precision of the real `tensor`; integers stay integers, complex numbers complex."""
        key = (tensor.device, tensor.dtype)
        if key not in self._tensors:
            dtype = {"c": tensor.dtype.to_complex(), "f": tensor.dtype, "i": torch.int64}[self._array.dtype.kind]
            self._tensors[key] = torch.tensor(self._array, dtype=dtype, device=tensor.device)
        return self._tensors[key]


class GateMatrices:
    """The matrices of G gates on the register `wires`, for K lists of gates alike but for the indices of their angles.

    Args:
        alike: K lists of G gates.
        wires: the register that every matrix acts on, most significant first.
        n_weights: where inputs begin in the row of angles (weights, inputs).
    """

    def __init__(self, alike: Sequence[Sequence[Gate]], wires: Sequence[int], n_weights: int) -> None:
        gates = alike[0]
        kinds = [controlled(gate.name, len(gate.controls)) for gate in gates]
        places = [tuple(wires.index(wire) for wire in gate.wires) for gate in gates]
        terms = np.stack([embed(kind.terms, place, len(wires)) for kind, place in zip(kinds, places, strict=True)])
        frequency = np.array([kind.frequency or 0.0 for kind in kinds])
        free = [gate.angle.scale if gate.angle and gate.angle.source != "constant" else 0.0 for gate in gates]
        self._shape = terms.shape[-2:]
        self._terms = Constant(np.stack([terms.real, terms.imag], -1).reshape(len(gates), 3, -1))
        self._index = Constant(np.array([angle_indices(row, n_weights) for row in alike]))
        self._scale = Constant(frequency * free)
        self._offset = Constant(frequency * [gate.angle.offset if gate.angle else 0.0 for gate in gates])

    def __call__(self, angles: Tensor) -> Tensor:
        """(…, n_angles) in radians → complex (…, K, G, d, d): K₀ + cos(fθ) K₁ + sin(fθ) K₂ of every gate."""
        phase = angles[..., self._index.like(angles)] * self._scale.like(angles) + self._offset.like(angles)
        waves = torch.stack([torch.ones_like(phase), phase.cos(), phase.sin()], -1)
        matrices = waves.unsqueeze(-2) @ self._terms.like(angles)
        return torch.view_as_complex(matrices.reshape(*phase.shape, *self._shape, 2))


def chain(matrices: Tensor) -> Tensor:
    """(…, G, d, d) → (…, d, d): the product M_{G-1} … M_0, as a tree of batched products."""
    while (count := matrices.shape[-3]) > 1:
        last = matrices[..., count - count % 2 :, :, :]
        pairs = matrices[..., 1::2, :, :] @ matrices[..., 0 : count - 1 : 2, :, :]
        matrices = torch.cat([pairs, last], -3) if count % 2 else pairs
    return matrices.squeeze(-3)
