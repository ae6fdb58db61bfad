"""Kets as matrices (unfolding, or matricization): flat tensors (B, axes multiplied out) seen as (B, some axes, all
others).
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor


@dataclass(frozen=True)
class Unfolding:
    """The axes that a matrix acts on, or that a density matrix keeps, as rows. Adjacent ones are met where they lie."""

    sizes: tuple[int, ...]
    kept: tuple[int, ...]

    @cached_property
    def count(self) -> int:
        return prod(self.sizes[axis] for axis in self.kept)

    @cached_property
    def _order(self) -> tuple[int, ...] | None:
        """The axes to be moved first, None where they lie side by side."""
        first = self.kept[0] if self.kept else 0
        if self.kept == tuple(range(first, first + len(self.kept))):
            return None
        return (*self.kept, *(axis for axis in range(len(self.sizes)) if axis not in self.kept))

    @cached_property
    def _shape(self) -> tuple[int, int, int]:
        before = prod(self.sizes[: self.kept[0]]) if self.kept and self._order is None else 1
        return before, self.count, prod(self.sizes) // (before * self.count)

    def _split(self, psi: Tensor) -> Tensor:
        """(B, before, count, after), or without an axis of one element."""
        if self._order is not None:
            psi = psi.view(psi.shape[0], *self.sizes).permute(0, *(1 + axis for axis in self._order))
            return psi.reshape(psi.shape[0], self.count, -1)
        before, count, after = self._shape
        if before == 1:
            return psi.view(psi.shape[0], count, after)
        return psi.view(psi.shape[0], before, count) if after == 1 else psi.view(psi.shape[0], *self._shape)

    def overlap(self, first: Tensor, second: Tensor) -> Tensor:
        """Σ first second over all other axes, (B, count, count)."""
        first, second = self._split(first), self._split(second)
        if first.ndim == 4:
            return (first @ second.mT).sum(1)
        return torch.bmm(first, second.mT) if self._shape[0] == 1 else torch.bmm(first.mT, second)

    def apply(self, matrix: Tensor, psi: Tensor) -> Tensor:
        """The matrices (B, count, count) on the kept axes."""
        split = self._split(psi)
        if self._order is not None:
            sizes = [self.sizes[axis] for axis in self._order]
            back = (0, *(1 + self._order.index(axis) for axis in range(len(sizes))))
            return torch.bmm(matrix, split).view(psi.shape[0], *sizes).permute(back).reshape(psi.shape[0], -1)
        if split.ndim == 4:
            return (matrix.unsqueeze(1) @ split).flatten(1)
        return (torch.bmm(matrix, split) if self._shape[0] == 1 else torch.bmm(split, matrix.mT)).flatten(1)
