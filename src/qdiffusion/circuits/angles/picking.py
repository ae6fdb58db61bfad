"""From the row of angles that a circuit is given to the angle of each gate."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.circuit import Angle, Gate
from qdiffusion.circuits.structure import angle_indices

_NOTHING = Angle("constant")


class GateAngles:
    """factor · (offset + scale · row[index]) of each gate; 0 for gates without an angle.

    A gate that reads no free angle takes nothing from the row, not even 0 times a NaN in it.

    Args:
        gates: in the order of the result.
        n_weights: where inputs begin in the row (weights, inputs).
        factors: one for each gate.
    """

    def __init__(self, gates: Sequence[Gate], n_weights: int, factors: Sequence[float]) -> None:
        angles = [gate.angle or _NOTHING for gate in gates]
        fixed = np.array([angle.source == "constant" for angle in angles], dtype=bool)
        factor = np.array(factors, dtype=float)
        self._index = Constant(np.array(angle_indices(gates, n_weights), dtype=int))
        self._scale = Constant(factor * np.array([angle.scale for angle in angles]))
        self._offset = Constant(factor * np.array([angle.offset for angle in angles]))
        self._fixed = Constant(fixed) if fixed.any() else None

    def __call__(self, row: Tensor) -> Tensor:
        """Rows (…, n_angles), radians → (…, gates)."""
        picked = row.flatten(0, -2).index_select(1, self._index.like(row)).unflatten(0, row.shape[:-1])
        return torch.addcmul(self._offset.like(row), self._free(picked), self._scale.like(row))

    def pull(self, gradient: Tensor, n_angles: int) -> Tensor:
        """∂L/∂rows (N, n_angles) from that by the gates' angles, (N, gates)."""
        by_row = self._free(gradient * self._scale.like(gradient))
        return by_row.new_zeros(len(by_row), n_angles).index_add_(1, self._index.like(by_row), by_row)

    def _free(self, values: Tensor) -> Tensor:
        return values if self._fixed is None else values.masked_fill(self._fixed.like(values), 0)


def angle_row(weights: Tensor, inputs: Tensor | None = None) -> Tensor:
    """The row of angles that gates index: weights (W, C, n_weights), followed by the inputs of each sample where
    given.
    """
    if inputs is not None:
        weights = torch.cat([weights.unsqueeze(2).expand(*inputs.shape[:3], -1), inputs], -1)
    return weights if weights.shape[-1] else weights.new_zeros(*weights.shape[:-1], 1)
