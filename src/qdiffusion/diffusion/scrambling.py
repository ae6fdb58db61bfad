r"""Random kicks, step by step and for every state its own (QuDDPM's forward process).

.. math:: x_t = K_{t+1} \cdots K_1 x_0, \quad
    K_k = \prod_{i<j} R_{ZZ}^{(ij)}\left(\frac{g}{2\sqrt n}\right) \prod_i R_Z^{(i)}(γ_i) R_Y^{(i)}(β_i) R_Z^{(i)}(α_i)

with angles α, β, γ ~ U(-π/8, π/8) · h_k and one g ~ U(0.4, 0.6) · h_k a kick, h rising evenly. t = 0 is one
kick, t = -1 none.

Source: Zhang et al. 2024 (arXiv 2310.05866), appendix on the forward circuit.
"""

import math
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Complex, Complex64, Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, Gate, Plan, circuit_of, state, state_preparation, weight
from qdiffusion.diffusion.system import Noised
from qdiffusion.states import haar


class Scrambling(nn.Module):
    """Kicks every state T times; what a denoiser is to say of x_t is x₀.

    Buffers:
        strengths: h (T,) float32; not saved.

    Args:
        n_qubits: n.
        timesteps: T, the number of kicks.
        strength: h of the first and of the last kick.
    """

    strengths: Tensor

    def __init__(self, n_qubits: int, timesteps: int, strength: tuple[float, float]) -> None:
        super().__init__()
        self.timesteps = timesteps
        self.register_buffer("strengths", torch.linspace(*strength, timesteps), persistent=False)
        self._plan = Plan(state_preparation(n_qubits) >> kick(n_qubits), state())

    def levels(self, n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
        """Uniform in 0 … T-1, (n,)."""
        t = torch.randint(self.timesteps, (n,), generator=generator, device=generator.device)
        return t.to(self.strengths.device)

    def angles(self, n: int, generator: torch.Generator) -> Float[Tensor, "timesteps n angles"]:
        """The angles of all kicks of n states (T, n, 3·n_qubits + 1), radians, g last."""
        shape = (self.timesteps, n, self._plan.circuit.n_weights)
        uniform = torch.rand(shape, generator=generator, device=generator.device).to(self.strengths.device)
        rotations, g = (uniform[..., :-1] - 0.5) * math.pi / 4, 0.4 + 0.2 * uniform[..., -1:]
        return torch.cat([rotations, g], -1) * self.strengths.view(-1, 1, 1)

    def noised(self, x0: Complex[Tensor, "n d"], t: Int64[Tensor, " n"], generator: torch.Generator) -> Noised:
        """x_t (N, 2^n) for states x₀ (N, 2^n) and t (N,) in -1 … T-1.

        The angles of all T kicks are drawn whatever t is: with equal generators, x_t is x_{t-1} kicked once more.
        """
        x = x0
        for k, angles in enumerate(self.angles(len(x0), generator).to(x0.real.dtype)):
            kicked: Any = self._plan(angles.unsqueeze(1), x.view(len(x), 1, 1, -1))
            x = torch.where(k <= t.unsqueeze(-1), kicked.view(x.shape), x)
        return Noised(x0, x, t, x0.new_empty(len(x0), 0))

    def target(self, noised: Noised) -> Complex[Tensor, "n d"]:
        """x₀."""
        return noised.x0

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Complex64[Tensor, "n d"]:
        """Haar-random states (N, 2^n), complex64, on the process's device."""
        return haar(shape[0], shape[1].bit_length() - 1, generator).to(self.strengths.device)

    @property
    def caption(self) -> str:
        """How many kicks there are."""
        return f"Real states are kicked {self.timesteps} times, each by random rotations of its own."

    def label(self, t: int) -> tuple[str, ...]:
        """How often the state was kicked."""
        return ("state",) if t < 0 else (f"{t + 1} kick{'s' if t else ''}",)


def kick(n_qubits: int) -> Circuit:
    """K: weights 3i, 3i + 1, 3i + 2 are α, β, γ of qubit i, the last is g."""
    gates = [Gate(name, (i,), weight(3 * i + place)) for i in range(n_qubits) for place, name in enumerate(_EULER)]
    g = weight(3 * n_qubits) * (0.5 / math.sqrt(n_qubits))
    gates += [Gate("rzz", pair, g) for pair in combinations(range(n_qubits), 2)]
    return circuit_of(n_qubits, gates, f"kick({n_qubits})", 3 * n_qubits + 1)


_EULER = ("rz", "ry", "rz")
