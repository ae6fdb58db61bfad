"""What is read out of states: reals of each."""

from collections.abc import Callable

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, pauli_z, probabilities, state_preparation


class Readout(nn.Module):
    """forward: complex (N, 2^n) of norm 1 → float (N, n_outputs)."""

    n_outputs: int


class PauliReadout(Readout):
    """⟨Z⟩ of every wire: (N, 2^n) → (N, n)."""

    def __init__(self, n_wires: int, n_observables: int) -> None:
        super().__init__()
        self.n_outputs = n_wires
        self.layer = QuantumLayer(state_preparation(n_wires), pauli_z("each"), check_norms=False)

    def forward(self, psi: Complex[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        return self.layer(psi[:, None])[:, 0]


class ProbabilityReadout(Readout):
    """|ψ_i|² of every basis state: (N, 2^n) → (N, 2^n)."""

    def __init__(self, n_wires: int, n_observables: int) -> None:
        super().__init__()
        self.n_outputs = 1 << n_wires
        self.layer = QuantumLayer(state_preparation(n_wires), probabilities(), check_norms=False)

    def forward(self, psi: Complex[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        return self.layer(psi[:, None])[:, 0]


class HermitianReadout(Readout):
    """Trainable observables on all wires: ⟨ψ|(M_k + M_k†)/2|ψ⟩ = Re ⟨ψ|M_k ψ⟩, (N, 2^n) → (N, K).

    Adaptive non-local observables; M_k free, N(0, 1) at first, so that outputs have variance 1. Never written in Pauli
    words, of which there are 4^n.

    Attributes:
        weight: (K, 2^n, 2^n, 2), real and imaginary parts of M_k: 2 · 4^n reals each.
    """

    def __init__(self, n_wires: int, n_observables: int) -> None:
        super().__init__()
        self.n_outputs = n_observables
        self.weight = nn.Parameter(torch.randn(n_observables, 1 << n_wires, 1 << n_wires, 2))

    def forward(self, psi: Complex[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        matrices = torch.view_as_complex(self.weight).to(psi.dtype)
        turned = psi @ matrices.flatten(0, 1).mT  # (N, K 2^n)
        return (psi.conj()[:, None] * turned.unflatten(1, (self.n_outputs, -1))).sum(-1).real


READOUTS: dict[str, Callable[[int, int], Readout]] = {
    "pauli": PauliReadout,
    "probability": ProbabilityReadout,
    "hermitian": HermitianReadout,
}
