"""One scrambling circuit for all states: x = U x₀, one noise level.

U is `depth` layers of a general rotation RZ RY RZ on every qubit and the CNOT ladder 0→1, 1→2, …, all angles uniform
in [0, 2π).
"""

import math
from typing import Any

import torch
from jaxtyping import Complex, Complex64, Int64
from torch import Tensor, nn

from qdiffusion.circuits import Plan, ladder_entangling, state, state_preparation
from qdiffusion.diffusion.system import Noised
from qdiffusion.states import derived, haar


class Scrambler(nn.Module):
    """Applies one fixed unitary; what a denoiser is to say of x is x₀.

    Buffers:
        matrix: U (2^n, 2^n) complex64, computed in complex128; not saved, as it follows from the key.

    Args:
        n_qubits: n.
        depth: layers of the circuit.
        key: whole numbers of at least 0 that set this circuit's angles apart.
    """

    matrix: Tensor
    timesteps = 1

    def __init__(self, n_qubits: int, depth: int, key: tuple[int, ...]) -> None:
        super().__init__()
        self.depth = depth
        circuit = state_preparation(n_qubits) >> ladder_entangling(n_qubits, depth)
        angles = torch.rand(1, circuit.n_weights, dtype=torch.float64, generator=derived(*key)) * 2 * math.pi
        basis = torch.eye(1 << n_qubits, dtype=torch.complex128)
        columns: Any = Plan(circuit, state())(angles.unsqueeze(0), basis.view(1, 1, *basis.shape))
        self.register_buffer("matrix", columns.view(basis.shape).mT.to(torch.complex64).contiguous(), persistent=False)

    def levels(self, n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
        """The only level, 0, n times."""
        return torch.zeros(n, dtype=torch.int64, device=self.matrix.device)

    def noised(self, x0: Complex[Tensor, "n d"], t: Int64[Tensor, " n"], generator: torch.Generator) -> Noised:
        """U x₀ for states (N, 2^n) and t (N,), all 0, or -1 for the state itself; draws nothing."""
        x = torch.where(t.unsqueeze(-1) < 0, x0, x0 @ self.matrix.mT)
        return Noised(x0, x, t, x0.new_empty(len(x0), 0))

    def target(self, noised: Noised) -> Complex[Tensor, "n d"]:
        """x₀."""
        return noised.x0

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Complex64[Tensor, "n d"]:
        """Haar-random states (N, 2^n), complex64, on the process's device."""
        return haar(shape[0], shape[1].bit_length() - 1, generator).to(self.matrix.device)

    @property
    def caption(self) -> str:
        """How deep the circuit is."""
        return f"One circuit of depth {self.depth}, the same for every state, is applied to real states."

    def label(self, t: int) -> tuple[str, ...]:
        """How deep the circuit is."""
        return ("state",) if t < 0 else (f"depth {self.depth}",)
