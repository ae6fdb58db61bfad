"""Quantum states in memory."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdiffusion.data.config import Split
from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError

NORM_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class StateSet:
    """One split of an ensemble of pure states.

    Attributes:
        name: the ensemble's, "haar" or "cluster".
        split: "train" or "test".
        states: complex (N, 2^n), of norm 1 to 1e-4.
        source: one sentence that says which states these are; every report prints it.

    Raises:
        UsageError: wrong dtype, shape or norm.
    """

    name: str
    split: Split
    states: Tensor
    source: str

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.states.shape), self.states.dtype
        if not self.states.is_complex() or len(shape) != 2 or not all(shape) or shape[1].bit_count() != 1:
            raise UsageError(f"The states are {dtype} of shape {shape}, expected complex (N, 2^n), nothing empty.")
        norms = torch.linalg.vector_norm(self.states, dim=-1)
        if not bool(((norms - 1).abs() <= NORM_TOLERANCE).all()):  # NaN is refused, too
            raise UsageError(
                f"The states have norms {norms.min():.6g} to {norms.max():.6g}, expected 1; divide each by its norm."
            )

    def __len__(self) -> int:
        return len(self.states)

    @property
    def items(self) -> Tensor:
        """The states."""
        return self.states

    @property
    def labels(self) -> None:
        """States have none."""
        return None

    @property
    def space(self) -> Space:
        """What one state is."""
        return Space("states", tuple(self.states.shape[1:]))
