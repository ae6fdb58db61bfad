"""The product state that leading one-wire gates make of |0…0⟩."""

from collections.abc import Sequence
from functools import reduce
from itertools import chain as concatenate

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.circuit import Gate, constant
from qdiffusion.circuits.matrices import Constant, GateMatrices
from qdiffusion.circuits.structure import angle_indices, renumber

_IDENTITY = Gate("rz", (0,), constant(0.0))


class ProductState:
    """The product states of K components alike, from the leading gates of each of their wires.

    Where every wire starts with one RX, or with one RY, the state is real up to constant phases: cos(x/2) |0⟩ - i
    sin(x/2) |1⟩ or cos(x/2) |0⟩ + sin(x/2) |1⟩. Then only the real part is computed, and whoever uses it multiplies
    by `phases` once per circuit.

    Attributes:
        phases: complex128 (2^n,), or None where the state is not of that form.
    """

    def __init__(self, prefixes: Sequence[list[list[Gate]]], n_weights: int) -> None:
        self._n_wires = len(prefixes[0])
        self.phases = _phases(prefixes[0])
        if self.phases is not None:
            gates = [[run[0] for run in prefix] for prefix in prefixes]
            self._index = Constant(np.array([angle_indices(row, n_weights) for row in gates]))
            self._half_scale = Constant(np.array([gate.angle.scale / 2 for gate in gates[0] if gate.angle]))
            self._half_offset = Constant(np.array([gate.angle.offset / 2 for gate in gates[0] if gate.angle]))
            return
        self._depth = max(1, *map(len, prefixes[0]))
        self._gates = GateMatrices([self._padded(prefix) for prefix in prefixes], (0,), n_weights)

    def __call__(self, angles: Tensor) -> Tensor:
        """Angles (W, C, R, n_angles) → (W, C, K, R, 2^n): the state, or its real part where there are `phases`."""
        vectors = self._vectors(angles) if self.phases is None else self._half_angles(angles)
        return reduce(lambda psi, v: (psi.unsqueeze(-1) * v.unsqueeze(-2)).flatten(-2), vectors.unbind(-2))

    def _half_angles(self, angles: Tensor) -> Tensor:
        picked = angles[..., self._index.like(angles)].transpose(2, 3)
        half = torch.addcmul(self._half_offset.like(angles), picked, self._half_scale.like(angles))
        return torch.stack([half.cos(), half.sin()], -1)

    def _vectors(self, angles: Tensor) -> Tensor:
        steps = self._gates(angles).transpose(2, 3).unflatten(-3, (self._depth, self._n_wires)).unbind(-4)
        return reduce(lambda v, m: (m @ v.unsqueeze(-1)).squeeze(-1), steps[1:], steps[0][..., 0])

    def _padded(self, prefix: list[list[Gate]]) -> list[Gate]:
        """Step by step and in each step wire by wire, every gate on wire 0 of a register of its own."""
        runs = [run + [_IDENTITY] * (self._depth - len(run)) for run in prefix]
        return list(
            concatenate.from_iterable(renumber([g], g.targets) for step in zip(*runs, strict=True) for g in step)
        )


def _phases(prefix: list[list[Gate]]) -> np.ndarray | None:
    axes = {"rx": -1j, "ry": 1.0}
    if any(len(run) != 1 or run[0].name not in axes or run[0].controls for run in prefix):
        return None
    return reduce(np.kron, ([1.0, axes[run[0].name]] for run in prefix), np.ones(1, dtype=complex))


def angle_row(weights: Tensor, inputs: Tensor | None = None) -> Tensor:
    """The row of angles that gates index: weights (W, C, n_weights), followed by the inputs of each sample where
    given.
    """
    if inputs is not None:
        weights = torch.cat([weights.unsqueeze(2).expand(*inputs.shape[:3], -1), inputs], -1)
    return weights if weights.shape[-1] else weights.new_zeros(*weights.shape[:-1], 1)
