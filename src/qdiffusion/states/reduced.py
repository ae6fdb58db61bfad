"""What is left of a pure state when all qubits but one are traced out."""

import torch
from jaxtyping import Complex
from torch import Tensor

from qdiffusion.errors import UsageError


def qubit_states(states: Complex[Tensor, "*n d"]) -> Complex[Tensor, "*n q 2 2"]:
    """ρ_j = tr_{all but j} |ψ⟩⟨ψ| of every qubit j: (…, 2^q) → (…, q, 2, 2), qubit 0 the most significant bit.

    Raises:
        UsageError: the number of amplitudes is no power of two, or 1.
    """
    size = states.shape[-1]
    n_qubits = size.bit_length() - 1
    if size != 1 << n_qubits or n_qubits < 1:
        raise UsageError(f"States of {size} amplitudes are none of qubits; give 2, 4, 8, … amplitudes.")
    tensor = states.reshape(*states.shape[:-1], *(2,) * n_qubits)
    rows = [tensor.movedim(axis - n_qubits, -1).reshape(*states.shape[:-1], -1, 2) for axis in range(n_qubits)]
    # ρ_ab = Σ_x ψ_xa ψ*_xb
    return torch.stack([row.mT @ row.conj() for row in rows], -3)
