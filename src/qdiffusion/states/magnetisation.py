"""How ordered a chain of spins is, whichever way it points."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.states.checks import check_states, qubits_of
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
    n_qubits = qubits_of(states)
    places = torch.arange(n_qubits, device=states.device)
    ones = (torch.arange(states.shape[-1], device=states.device).unsqueeze(-1) >> places & 1).sum(-1)
    probabilities = squares(states)
    return probabilities @ ((n_qubits - 2 * ones).abs().to(probabilities) / n_qubits)
