r"""What is left of a state when some of its qubits are traced out.

.. math:: ρ_K = \mathrm{tr}_{\bar K} ρ, \quad ⟨a|ρ_K|b⟩ = \sum_x ⟨a, x|ρ|b, x⟩

Qubit 0 is the most significant bit; the first kept qubit is the most significant one of the result.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Complex
from torch import Tensor

from qdiffusion.states.checks import check_kept, matrix_qubits, qubits_of


def partial_trace(density: Complex[Tensor, "*n d d"], keep: Sequence[int]) -> Complex[Tensor, "*n k k"]:
    """ρ_K of density matrices, or of any operators: (…, 2^n, 2^n) → (…, 2^|K|, 2^|K|), the qubits in the order given.

    Raises:
        UsageError: no matrices of qubits, or the kept qubits are not distinct ones among them.
    """
    n_qubits = matrix_qubits(density)
    check_kept(keep, n_qubits)
    lead = density.ndim - 2
    order = [*keep, *_others(keep, n_qubits)]
    tensor = density.reshape(*density.shape[:-2], *(2,) * 2 * n_qubits)
    axes = [*range(lead), *(lead + q for q in order), *(lead + n_qubits + q for q in order)]
    kept, traced = 1 << len(keep), 1 << n_qubits - len(keep)
    blocks = tensor.permute(axes).reshape(*density.shape[:-2], kept, traced, kept, traced)
    return blocks.diagonal(dim1=-3, dim2=-1).sum(-1)


def reduced_density(states: Complex[Tensor, "*n d"], keep: Sequence[int]) -> Complex[Tensor, "*n k k"]:
    """`partial_trace` of |ψ⟩⟨ψ|, which is never built: (…, 2^n) → (…, 2^|K|, 2^|K|), the qubits in the order given.

    Raises:
        UsageError: no states of qubits, or the kept qubits are not distinct ones among them.
    """
    matrix = bipartite(states, keep)
    return matrix @ matrix.mH


def bipartite(states: Complex[Tensor, "*n d"], keep: Sequence[int]) -> Complex[Tensor, "*n k r"]:
    """ψ as a matrix: rows are the kept qubits in the order given, columns the others, (…, 2^n) → (…, 2^|K|, 2^(n-|K|)).

    Raises:
        UsageError: no states of qubits, or the kept qubits are not distinct ones among them.
    """
    n_qubits = qubits_of(states)
    check_kept(keep, n_qubits)
    lead = states.ndim - 1
    tensor = states.reshape(*states.shape[:-1], *(2,) * n_qubits)
    axes = [*range(lead), *(lead + q for q in (*keep, *_others(keep, n_qubits)))]
    return tensor.permute(axes).reshape(*states.shape[:-1], 1 << len(keep), -1)


def qubit_states(states: Complex[Tensor, "*n d"]) -> Complex[Tensor, "*n q 2 2"]:
    """ρ_j of every qubit j: (…, 2^q) → (…, q, 2, 2).

    Raises:
        UsageError: the number of amplitudes is no power of two, or 1.
    """
    return torch.stack([reduced_density(states, [qubit]) for qubit in range(qubits_of(states))], -3)


def _others(keep: Sequence[int], n_qubits: int) -> list[int]:
    return [qubit for qubit in range(n_qubits) if qubit not in keep]
