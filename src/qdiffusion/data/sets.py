"""What every set of training items has, whatever the items are."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from qdiffusion.data.config import Split
from qdiffusion.data.space import Space


@runtime_checkable
class ItemSet(Protocol):
    """One split of a data set in memory."""

    @property
    def name(self) -> str: ...

    @property
    def split(self) -> Split: ...

    @property
    def items(self) -> Tensor:
        """(N, …) as `space` says; images as uint8."""

    @property
    def labels(self) -> Tensor | None:
        """int64 (N,) in 0 … space.n_classes - 1, or None."""

    @property
    def source(self) -> str:
        """One sentence that says which items these are; every report prints it."""

    @property
    def space(self) -> Space: ...

    def __len__(self) -> int: ...
