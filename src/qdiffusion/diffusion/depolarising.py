r"""Density matrices that depolarise.

.. math:: ρ_t = (1 - p_t) ρ_{t-1} + p_t \frac1d = α_t ρ + (1 - α_t) \frac1d, \quad α_t = \prod_{s ≤ t} (1 - p_s)

Step by step it is `circuits.depolarising` of all wires, with strength p_t. A unitary that is shown ρ_t of a pure
state ψ and is to restore it reaches

.. math:: ⟨ψ| U ρ_t U^† |ψ⟩ = α_t |⟨ψ|U|ψ⟩|^2 + \frac{1 - α_t}d ≤ α_t + \frac{1 - α_t}d

at most, and the identity map reaches that of every ψ at once: no unitary denoiser does better than to leave states as
they are. A channel may: one that forgets its input, and makes a state near all of them instead.

Source: QAMP 2025, equations 9 and 10.
"""

import torch
from jaxtyping import Complex, Complex64, Float, Float64, Int64
from torch import Tensor, nn

from qdiffusion.diffusion.depolarising_config import Fall
from qdiffusion.diffusion.grid import drawn_levels
from qdiffusion.diffusion.state_config import Prediction
from qdiffusion.diffusion.system import Noised


def shares(timesteps: int, schedule: Fall, exponent: float) -> Float64[Tensor, " timesteps"]:
    """α_t of t = 0 … T-1, with u = (t + 1)/T: 1 - u, or cos(πu/2) to the power `exponent`."""
    u = torch.arange(1, timesteps + 1, dtype=torch.float64) / timesteps
    return 1 - u if schedule == "linear" else torch.sin(torch.pi / 2 * (1 - u)).pow(exponent)


class Depolarising(nn.Module):
    """Depolarises density matrices in T levels; what a denoiser is to say of ρ_t is ρ, or ρ_{t-1}.

    Buffers:
        alphas: α (T,) float32; not saved.

    Args:
        alphas: α (T,), falling, in [0, 1].
        prediction: "clean" for ρ, "previous" for ρ_{t-1}.
    """

    alphas: Tensor

    def __init__(self, alphas: Float64[Tensor, " timesteps"], prediction: Prediction = "clean") -> None:
        super().__init__()
        self.timesteps, self.prediction = len(alphas), prediction
        self.register_buffer("alphas", alphas.float(), persistent=False)

    def levels(self, n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
        """Uniform in 0 … T-1, (n,)."""
        return drawn_levels(self.timesteps, n, generator, self.alphas.device)

    def noised(self, x0: Complex[Tensor, "n d d"], t: Int64[Tensor, " n"], generator: torch.Generator) -> Noised:
        """ρ_t (N, d, d) for ρ (N, d, d) and t (N,) in -1 … T-1; no chance is used."""
        return Noised(x0, self._mixed(x0, t), t, x0.new_empty(len(x0), 0))

    def target(self, noised: Noised) -> Complex[Tensor, "n d d"]:
        """ρ, or ρ_{t-1}, by `prediction`."""
        return noised.x0 if self.prediction == "clean" else self._mixed(noised.x0, noised.t - 1)

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Complex64[Tensor, "n d d"]:
        """The maximally mixed state 1/d, (N, d, d), complex64, on the process's device; no chance is used."""
        return self._mixture(shape[-1]).to(torch.complex64).expand(shape).clone()

    def cap(self, d: int) -> Float[Tensor, " timesteps"]:
        """What a unitary reaches at most at each level of pure states of d amplitudes: α_t + (1 - α_t)/d, (T,)."""
        return self.alphas + (1 - self.alphas) / d

    @property
    def caption(self) -> str:
        """What is mixed with what."""
        return "Real states are mixed with the maximally mixed state."

    def label(self, t: int) -> tuple[str, ...]:
        """How much of the state is left."""
        return ("state",) if t < 0 else (f"α {self.alphas[t].item():.2g}",)

    def _mixed(self, x0: Complex[Tensor, "n d d"], t: Int64[Tensor, " n"]) -> Complex[Tensor, "n d d"]:
        alpha = torch.where(t < 0, 1, self.alphas[t.clamp_min(0)]).to(x0.real.dtype)[:, None, None]
        return alpha * x0 + (1 - alpha) * self._mixture(x0.shape[-1]).to(x0.dtype)

    def _mixture(self, d: int) -> Tensor:
        return torch.eye(d, device=self.alphas.device) / d
