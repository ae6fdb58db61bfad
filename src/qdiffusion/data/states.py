"""Quantum states in memory."""

from dataclasses import dataclass

from torch import Tensor

from qdiffusion.data.config import Split
from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError
from qdiffusion.states import check_states


@dataclass(frozen=True, eq=False)
class StateSet:
    """One split of an ensemble of pure states.

    Attributes:
        name: the ensemble's, such as "haar" or "cluster".
        split: "train" or "test".
        states: complex (N, 2^n), of norm 1 to 1e-4.
        source: one sentence that says which states these are; every report prints it.
        labels: int64 (N,), each state's class in 0 … n_classes - 1; None without classes.
        n_classes: of the labels; 0 without.

    Raises:
        UsageError: wrong dtype, shape or norm.
    """

    name: str
    split: Split
    states: Tensor
    source: str
    labels: Tensor | None = None
    n_classes: int = 0

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.states.shape), self.states.dtype
        if not self.states.is_complex() or len(shape) != 2 or not shape[0] or shape[1] < 2 or shape[1].bit_count() != 1:
            raise UsageError(f"The states are {dtype} of shape {shape}, expected complex (N, 2^n), nothing empty.")
        check_states(self.states)

    def __len__(self) -> int:
        return len(self.states)

    @property
    def items(self) -> Tensor:
        """The states."""
        return self.states

    @property
    def space(self) -> Space:
        """What one state is."""
        return Space("states", tuple(self.states.shape[1:]), tuple(range(self.n_classes)))
