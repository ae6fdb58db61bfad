r"""State evolution whose memory does not grow with the number of gates.

.. math:: ψ_b = U_b ψ_{b-1}, \quad b = 1 … B, \quad ψ_0 = φ

Backprop keeps every ψ_b. Since the U_b are unitary, only ψ_B need be kept; the backward pass un-computes the rest while
it carries μ_b, the complex conjugate of the cotangent of ψ_b:

.. math::
    ψ_{b-1} = U_b^† ψ_b, \quad \overline{∂L/∂U_b} = Σ μ_b ψ_{b-1}^T, \quad μ_{b-1} = U_b^T μ_b

The sum runs over the samples and the wires that U_b leaves alone. Derivation: docs/adjoint.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from qdiffusion.errors import UsageError

Differentiation = Literal["auto", "backprop", "adjoint"]

CHEAP_TO_KEEP = 1 << 20
"""Backprop where all states between blocks are at most this many amplitudes (8 MB in complex64): they then stay in a
processor's cache and reading them costs less than un-computing them. Chosen by that size, not by measurement.
"""

CHUNK = 1 << 18
"""Samples are evolved together up to this many amplitudes (2 MB in complex64), through all blocks before the next
samples, so that a chunk stays in the cache.
"""

WIDE = 2
"""A block is applied in place where the wires after it span at least this many times its dimension: the outer products
of the backward pass, one for each value of the wires before it, are then at most half a state.
"""


@dataclass(frozen=True)
class Seat:
    """Where a block meets the state: an array (…, 2^n) is split into `sizes`, permuted by `axes`, which are in order
    where nothing has to be copied, and then seen as (…, pre, d, post).
    """

    sizes: tuple[int, ...]
    axes: tuple[int, ...]
    pre: int
    dim: int
    post: int

    def arrange(self, psi: Tensor) -> Tensor:
        """(L, R, 2^n) → (L, R, 2^n) with the wires in this block's order."""
        return self._permuted(psi, self.sizes, self.axes)

    def restore(self, psi: Tensor) -> Tensor:
        """Undoes `arrange`."""
        inverse = tuple(sorted(range(len(self.axes)), key=self.axes.__getitem__))
        return self._permuted(psi, tuple(self.sizes[axis] for axis in self.axes), inverse)

    def apply(self, matrix: Tensor, psi: Tensor) -> Tensor:
        """A matrix (L, R or 1, d, d) times an arranged state (L, R, 2^n) → (L, R, 2^n)."""
        columns, flat = self._columns(psi, matrix.shape[1]), matrix.flatten(0, 1)
        out = columns @ flat.mT if self.post == 1 else flat.unsqueeze(1) @ columns
        return out.reshape(psi.shape)

    def outer(self, mu: Tensor, psi: Tensor, per_sample: bool) -> Tensor:
        """Σ μ ψ^T over all but the block's wires (and the samples, where `per_sample`) → (L, R or 1, d, d)."""
        count = psi.shape[1] if per_sample else 1
        left, right = self._columns(mu, count), self._columns(psi, count)
        sums = left.mT @ right if self.post == 1 else (left @ right.mT).sum(1)
        return sums.unflatten(0, (-1, count))

    def _columns(self, psi: Tensor, count: int) -> Tensor:
        """(L·count, rows, d, post), or (L·count, rows, d) where no wire follows the block's."""
        rows = psi.shape[1] // count * self.pre
        shape = (psi.shape[0] * count, rows, self.dim)
        return psi.reshape(shape if self.post == 1 else (*shape, self.post))

    def _permuted(self, psi: Tensor, sizes: tuple[int, ...], axes: tuple[int, ...]) -> Tensor:
        if axes == tuple(range(len(axes))):
            return psi
        return psi.unflatten(-1, sizes).permute(0, 1, *(2 + axis for axis in axes)).flatten(2)


def seat(order: tuple[int, ...], wires: Sequence[int]) -> tuple[Seat, tuple[int, ...], tuple[int, ...]]:
    """How a block on `wires` meets a state whose wires stand in `order`.

    Adjacent wires with none, or with many, after them are left where they are. Others move to the front where at least
    two untouched wires close the order (rows of 4 amplitudes are copied whole), else to the end.

    Returns:
        The seat, the block's wires in the order its matrix must have, and the order of the wires afterwards.
    """
    own = tuple(wire for wire in order if wire in wires)
    runs = [(mine, tuple(run)) for mine, run in groupby(order, lambda wire: wire in own)]
    sizes, dim = tuple(1 << len(run) for _, run in runs), 1 << len(own)
    mine = [axis for axis, (is_mine, _) in enumerate(runs) if is_mine]
    rest = [axis for axis in range(len(runs)) if axis not in mine]
    before, after = prod(sizes[: mine[0]]), prod(sizes[mine[-1] + 1 :])
    if len(mine) == 1 and (after == 1 or after >= WIDE * dim):
        return Seat(sizes, tuple(range(len(runs))), before, dim, after), own, order
    others = prod(sizes[axis] for axis in rest)
    in_front = after >= 4 and others >= WIDE * dim
    axes = tuple(mine + rest if in_front else rest + mine)
    reordered = tuple(wire for axis in axes for wire in runs[axis][1])
    return Seat(sizes, axes, *((1, dim, others) if in_front else (others, dim, 1))), own, reordered


def evolve(
    seats: Sequence[Seat],
    psi: Tensor,
    matrices: Sequence[Tensor],
    differentiation: Differentiation = "auto",
    unitary: bool = True,
) -> Tensor:
    """U_B … U_1 ψ.

    Args:
        seats: where each block meets the state.
        psi: (L, R, 2^n) complex.
        matrices: one (L, R or 1, d, d) for each seat, of psi's dtype.
        differentiation: "adjoint" keeps the final state alone and, while it un-computes, differentiates along unitary
            matrices only; "backprop" keeps every state; "auto" is adjoint where more than `CHEAP_TO_KEEP` amplitudes
            would be kept.
        unitary: whether every matrix is unitary; where one is not, "auto" is backprop.

    Returns:
        (L, R, 2^n), the wires in the order the last seat leaves them.

    Raises:
        UsageError: "adjoint" was asked for matrices that are not unitary, or an unknown way of differentiation.
    """
    if uses_adjoint(differentiation, psi.numel() * len(seats), unitary):
        return psi if not matrices else _Adjoint.apply(tuple(seats), psi, *matrices)
    for place, matrix in zip(seats, matrices, strict=True):
        psi = place.apply(matrix, place.arrange(psi))
    return psi


def uses_adjoint(differentiation: Differentiation, kept: int, unitary: bool = True) -> bool:
    """Whether to un-compute, where backprop would keep `kept` amplitudes."""
    if differentiation not in ("auto", "backprop", "adjoint"):
        raise UsageError(f"Unknown differentiation {differentiation!r}; choose 'auto', 'backprop' or 'adjoint'.")
    if differentiation == "adjoint" and not unitary:
        raise UsageError("Adjoint differentiation got matrices that are not unitary; use 'backprop' or 'auto'.")
    return differentiation == "adjoint" or (differentiation == "auto" and unitary and kept > CHEAP_TO_KEEP)


class _Adjoint(torch.autograd.Function):
    """The evolution as one step of autograd.

    Under create_graph the same backward pass is itself recorded: that ψ_{b-1} = U_b† ψ_b holds at all angles, so its
    derivatives along angles are right too, and ψ_B depends on φ and U through this very function.
    """

    @staticmethod
    def forward(ctx: Any, seats: tuple[Seat, ...], psi: Tensor, *matrices: Tensor) -> Tensor:
        out = torch.empty_like(psi)
        for axis, start, length in _chunks(psi):
            part = psi.narrow(axis, start, length)
            for place, matrix in zip(seats, matrices, strict=True):
                part = place.apply(_narrow(matrix, axis, start, length), place.arrange(part))
            out.narrow(axis, start, length).copy_(part)
        ctx.seats = seats
        ctx.save_for_backward(out, *matrices)
        return out

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        psi, *matrices = ctx.saved_tensors
        need = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():
            first, sums = _uncompute(ctx.seats, psi, cotangent.conj(), matrices, need)
            return None, first.conj(), *(None if total is None else total.conj() for total in sums)
        out = torch.empty_like(psi) if need[0] else None
        totals = [
            torch.zeros_like(matrix) if wanted else None for matrix, wanted in zip(matrices, need[1:], strict=True)
        ]
        for axis, start, length in _chunks(psi):
            parts = [_narrow(matrix, axis, start, length) for matrix in matrices]
            last, mu = (tensor.narrow(axis, start, length) for tensor in (psi, cotangent.conj()))
            first, sums = _uncompute(ctx.seats, last, mu, parts, need)
            for total, part in zip(totals, sums, strict=True):
                if total is not None and part is not None:
                    _narrow(total, axis, start, length).add_(part.conj())
            if out is not None:
                out.narrow(axis, start, length).copy_(first.conj())
        return None, out, *totals


def _uncompute(
    seats: Sequence[Seat], psi: Tensor, mu: Tensor, matrices: Sequence[Tensor], need: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """From ψ_B and μ_B: μ_0 and Σ μ_b ψ_{b-1}^T of each block; `need` says of φ and of each matrix whether its gradient
    is read, and nothing is computed that none needs.
    """
    sums: list[Tensor | None] = [None] * len(seats)
    for index in reversed(range(len(seats))):
        if not any(need[: index + 2]):
            break
        place, matrix = seats[index], matrices[index]
        psi = place.apply(matrix.mH, psi)
        if need[index + 1]:
            sums[index] = place.outer(mu, psi, matrix.shape[1] > 1)
        psi = place.restore(psi)
        if any(need[: index + 1]):
            mu = place.restore(place.apply(matrix.mT, mu))
    return mu, sums


def _chunks(psi: Tensor) -> list[tuple[int, int, int]]:
    """(axis, start, length) of slices of the longer of the axes L and R."""
    axis = 0 if psi.shape[0] >= psi.shape[1] else 1
    count = psi.shape[axis]
    length = max(1, CHUNK * count // max(1, psi.numel()))
    return [(axis, start, min(length, count - start)) for start in range(0, count, length)]


def _narrow(matrix: Tensor, axis: int, start: int, length: int) -> Tensor:
    """The matrices (L, R or 1, d, d) of a chunk."""
    return matrix if axis == 1 and matrix.shape[1] == 1 else matrix.narrow(axis, start, length)
