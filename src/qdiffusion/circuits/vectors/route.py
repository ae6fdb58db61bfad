"""Where fused blocks meet a state vector: what is copied, and what stays in a processor's cache.

A matrix product wants a block's wires side by side; a `Seat` says how they get there. Blocks are gathered into sweeps
of at most `SWEEP_WIRES` wires: the values of all other wires are then as independent as samples are, and the state can
go through a sweep piece by piece (`chunks.py`). Pure functions; the search for seats is in `seating.py`.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from qdiffusion.circuits.vectors.permutation import Permutation


@dataclass(frozen=True)
class Seat:
    """Where a block meets the state: in the order that `arrange` makes, the last axis is (pre, dim, post).

    States are (P, L, R, O, 2^m): P of them go through the same matrices, (L, R or 1, d, d); O are the values of wires
    that no block of the sweep touches.
    """

    arrange: Permutation
    pre: int
    dim: int
    post: int

    def apply(self, matrix: Tensor, psi: Tensor, out: Tensor | None = None) -> Tensor:
        """The matrix times an arranged state → (P, L, R, O, 2^m), in `out` where given."""
        columns, flat = self._columns(psi, matrix.shape[1]), matrix.flatten(0, 1)
        factors = (columns, flat.mT) if self.post == 1 else (flat.unsqueeze(1), columns)
        if out is None:
            return torch.matmul(*factors).reshape(psi.shape)
        torch.matmul(*factors, out=out.view(columns.shape))
        return out

    def outer(self, left: Tensor, right: Tensor, count: int) -> Tensor:
        """Σ left right^T of two (L, R, O, 2^m) over all but the block's wires → (L, count, d, d): over the samples too
        where count is 1, else R.
        """
        rows, columns = (self._columns(psi.unsqueeze(0), count).squeeze(0) for psi in (left, right))
        sums = rows.mT @ columns if self.post == 1 else (rows @ columns.mT).sum(1)
        return sums.unflatten(0, (-1, count))

    def _columns(self, psi: Tensor, count: int) -> Tensor:
        """(P, L·count, rows, d, post), or (P, L·count, rows, d) where no wire follows the block's."""
        rows = prod(psi.shape[2:4]) // max(count, 1) * self.pre
        shape = (psi.shape[0], psi.shape[1] * count, rows, self.dim)
        return psi.reshape(shape if self.post == 1 else (*shape, self.post))


@dataclass(frozen=True)
class Sweep:
    """Blocks, by their numbers, on the wires that `arrange` puts last, which have `length` values."""

    arrange: Permutation
    length: int
    steps: tuple[tuple[int, Seat], ...]

    def split(self, psi: Tensor) -> Tensor:
        """(…, 2^n) → (…, O, length)."""
        return psi.unflatten(-1, (-1, self.length))


@dataclass(frozen=True)
class Route:
    """How a state passes through all blocks.

    Attributes:
        sweeps: in order of application.
        registers: for each block, its wires in the order its matrix must have.
        order: the wires in the order in which the last sweep leaves them.
    """

    sweeps: tuple[Sweep, ...]
    registers: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
