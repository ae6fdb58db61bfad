r"""Products of matrices that split: T_k = M_k T_{k-1}, the rows of M_k being (values, s) with s a new column of T_k.

Let μ be the complex conjugate of the gradient, as in docs/adjoint.md. From T_k = M_k T_{k-1}

.. math:: μ_{M_k} = μ_{T_k} T_{k-1}^T, \quad μ_{T_{k-1}} = M_k^T μ_{T_k}

and nothing large is conjugated.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import records_alone


def fold(matrices: Sequence[Tensor]) -> Tensor:
    """(N, d or 2d, d) each, the first to act first → (N, d, columns): the s from last to first, then the input."""
    if any(map(records_alone, matrices)):
        folded: Tensor = _Fold.apply(*matrices)
        return folded
    return _tables(matrices)[-1]


def _tables(matrices: Sequence[Tensor]) -> list[Tensor]:
    """T_0, T_1, …"""
    first, *others = matrices
    tables = [first.view(first.shape[0], first.shape[-1], -1)]
    for matrix in others:
        tables.append(torch.bmm(matrix, tables[-1]).view(first.shape[0], first.shape[-1], -1))
    return tables


class _Fold(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *matrices: Tensor) -> Tensor:
        *ctx.tables, folded = _tables(matrices)
        ctx.save_for_backward(*matrices)
        return folded

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        matrices = ctx.saved_tensors
        if torch.is_grad_enabled():
            # Differentiated once more: every operation is recorded by autograd itself.
            return torch.autograd.grad(_tables(matrices)[-1], matrices, gradient, create_graph=True)
        mu = gradient.conj().resolve_conj()
        cotangents = []
        for matrix, table in zip(reversed(matrices[1:]), reversed(ctx.tables), strict=True):
            mu = mu.view(matrix.shape[0], matrix.shape[1], -1)
            cotangents.append(torch.bmm(mu, table.mT))
            mu = torch.bmm(matrix.mT, mu)
        cotangents.append(mu.view_as(matrices[0]))
        return tuple(each.conj() for each in reversed(cotangents))
