"""States without entanglement."""

import torch
from jaxtyping import Complex64
from torch import Tensor

from qdiffusion.states.haar import haar


def product(n: int, n_qubits: int, generator: torch.Generator) -> Complex64[Tensor, "n d"]:
    """ψ = ψ_1 ⊗ … ⊗ ψ_q of Haar-random one-qubit states: (N, 2^n_qubits) complex64, on the generator's device."""
    states = haar(n * n_qubits, 1, generator).view(n, n_qubits, 2)
    whole = states[:, 0]
    for qubit in range(1, n_qubits):
        whole = (whole.unsqueeze(-1) * states[:, qubit].unsqueeze(-2)).flatten(-2)
    return whole
