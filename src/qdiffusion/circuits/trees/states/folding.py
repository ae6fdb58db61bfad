r"""Products of matrices that split: T_k = M_k T_{k-1}, the rows of M_k being (values, s) with s a new column of T_k.

Let μ be the complex conjugate of the gradient, as in docs/adjoint.md. From T_k = M_k T_{k-1}

.. math:: μ_{M_k} = μ_{T_k} T_{k-1}^T, \quad μ_{T_{k-1}} = M_k^T μ_{T_k}

and nothing large is conjugated.
"""

from collections.abc import Sequence

from torch import Tensor, bmm

from qdiffusion.circuits.angles.gradients import apply


def fold(matrices: Sequence[Tensor]) -> Tensor:
    """(N, d or 2d, d) each, the first to act first → (N, d, columns): the s from last to first, then the input."""
    return apply(_Fold(), *matrices)


class _Fold:
    """As an operation on the matrices."""

    def run(self, first: Tensor, *others: Tensor) -> tuple[Tensor, list[Tensor]]:
        """T_K; all before it."""
        tables = [first.view(first.shape[0], first.shape[-1], -1)]
        for matrix in others:
            tables.append(bmm(matrix, tables[-1]).view(first.shape[0], first.shape[-1], -1))
        return tables[-1], tables[:-1]

    def pull(self, matrices: Sequence[Tensor], value: Tensor, tables: list[Tensor], gradient: Tensor) -> list[Tensor]:
        mu = gradient.conj().resolve_conj()
        cotangents = []
        for matrix, table in zip(reversed(matrices[1:]), reversed(tables), strict=True):
            mu = mu.view(matrix.shape[0], matrix.shape[1], -1)
            cotangents.append(bmm(mu, table.mT))
            mu = bmm(matrix.mT, mu)
        cotangents.append(mu.view_as(matrices[0]))
        return [each.conj() for each in reversed(cotangents)]
