"""Which images make up which batch, as a pure function of seed and step, so that nothing has to be saved to go on."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from qdiffusion.errors import UsageError


def derived_seed(*key: int) -> int:
    """A seed of its own for every key, and for nothing else: `derived_seed(seed, purpose, index)`."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


@dataclass
class Batches:
    """Batches of a set in memory: every epoch takes each image at most once, in an order of its own.

    The order of an epoch is a permutation drawn from (key, epoch); the last, incomplete batch is dropped.

    images: (N, …) of any dtype.
    key: whole numbers that set this sequence apart, say (seed, stage).

    Raises:
        UsageError: there are fewer images than one batch takes.
    """

    images: Tensor
    batch_size: int
    key: tuple[int, ...]
    _epoch: int = field(default=-1, init=False)
    _order: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64), init=False)

    def __post_init__(self) -> None:
        if len(self.images) < self.batch_size:
            raise UsageError(
                f"A batch takes {self.batch_size} images, but the training set has {len(self.images)}; "
                f"give a batch size of at most {len(self.images)}."
            )

    def __getitem__(self, step: int) -> Tensor:
        """The batch of step 0, 1, …: (batch_size, …)."""
        epoch, place = divmod(step, len(self.images) // self.batch_size)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derived_seed(*self.key, epoch))
            self._epoch, self._order = epoch, torch.randperm(len(self.images), generator=generator)
        return self.images[self._order[place * self.batch_size : (place + 1) * self.batch_size]]


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no number in any of the tensors is infinite or NaN."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
