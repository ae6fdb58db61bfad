"""How ordered a chain of spins is, whichever way it points."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.states.checks import check_density, check_states, matrix_qubits, qubits_of
from qdiffusion.states.fidelity import squares


def magnetisation(states: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    r"""The mean size of a measured spin, (…, 2^n) → (…), in [0, 1]:

    .. math:: \sum_z |⟨z|ψ⟩|^2 \, \Big| \frac1n \sum_j (-1)^{z_j} \Big|

    1 of every superposition of |0…0⟩ and |1…1⟩, whose ⟨Z⟩ may be 0.

    Raises:
        UsageError: states not of norm 1.

    Source: Zhang et al. 2024 (arXiv 2310.05866), the TFIM task.
    """
    check_states(states)
    return _ordered(squares(states), qubits_of(states))


def mixed_magnetisation(density: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    """The same of density matrices: (…, 2^n, 2^n) → (…).

    Raises:
        UsageError: no density matrices.
    """
    check_density(density)
    return _ordered(density.diagonal(dim1=-2, dim2=-1).real, matrix_qubits(density))


def _ordered(populations: Float[Tensor, "*n d"], n_qubits: int) -> Float[Tensor, "*n"]:
    places = torch.arange(n_qubits, device=populations.device)
    ones = (torch.arange(1 << n_qubits, device=populations.device).unsqueeze(-1) >> places & 1).sum(-1)
    return populations @ ((n_qubits - 2 * ones).abs().to(populations) / n_qubits)
