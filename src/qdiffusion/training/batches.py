"""Which items make up which batch, as a pure function of seed and step, so that nothing has to be saved to go on."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from qdiffusion.data import ItemSet
from qdiffusion.diffusion.system import Batch
from qdiffusion.errors import UsageError


def derived_seed(*key: int) -> int:
    """A seed of its own for every key, and for nothing else: `derived_seed(seed, purpose, index)`."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


@dataclass
class Batches:
    """Batches of a set in memory: every epoch takes each item at most once, in an order of its own.

    The order of an epoch is a permutation drawn from (key, epoch); the last, incomplete batch is dropped.

    items: the set.
    key: whole numbers that set this sequence apart, say (seed, stage).
    flips: turn each picture left to right with probability 1/2, as (flips, step) decides; None: never.

    Raises:
        UsageError: there are fewer items than one batch takes.
    """

    items: ItemSet
    batch_size: int
    key: tuple[int, ...]
    flips: tuple[int, ...] | None = None
    _epoch: int = field(default=-1, init=False)
    _order: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64), init=False)

    def __post_init__(self) -> None:
        if len(self.items) < self.batch_size:
            raise UsageError(
                f"A batch takes {self.batch_size} items, but the training set has {len(self.items)}; "
                f"give a batch size of at most {len(self.items)}."
            )

    def __getitem__(self, step: int) -> Batch:
        """The batch of step 0, 1, …"""
        epoch, place = divmod(step, len(self.items) // self.batch_size)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derived_seed(*self.key, epoch))
            self._epoch, self._order = epoch, torch.randperm(len(self.items), generator=generator)
        places = self._order[place * self.batch_size : (place + 1) * self.batch_size]
        labels = None if self.items.labels is None else self.items.labels[places]
        return Batch(self._flipped(self.items.items[places], step), labels, places)

    def _flipped(self, items: Tensor, step: int) -> Tensor:
        if self.flips is None:
            return items
        generator = torch.Generator().manual_seed(derived_seed(*self.flips, step))
        turned = torch.rand(len(items), generator=generator) < 0.5
        return torch.where(turned.view(-1, *[1] * (items.ndim - 1)), items.flip(-1), items)


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no number in any of the tensors is infinite or NaN."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
