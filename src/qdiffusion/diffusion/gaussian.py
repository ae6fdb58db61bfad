"""The Gaussian forward process.

x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε,  ε ~ N(0, 1),  t = 0 … T-1

t = 0 carries the noise of the first step already, as in diffusers (Ho et al. 2020, eq. 4, with t shifted by one).
"""

import math

import torch
from jaxtyping import Float, Int64, Real
from torch import Tensor

from qdiffusion.diffusion.config import Prediction
from qdiffusion.diffusion.grid import drawn_levels
from qdiffusion.diffusion.noise import GaussianNoise
from qdiffusion.diffusion.system import Level
from qdiffusion.errors import UsageError


class GaussianProcess(GaussianNoise):
    """Mixes items with Gaussian noise, level by level t = 0 … T-1: α_t = √ᾱ_t, σ_t = √(1 - ᾱ_t).

    Buffers (float32, computed in float64), each (T,):
        signal_scale: √ᾱ_t.
        noise_scale: √(1 - ᾱ_t).

    Args:
        betas: (T,) variances β_t in [0, 1].
        prediction: what the denoiser says of x_t, see `GaussianNoise`.

    Raises:
        UsageError: betas are not one row of numbers in [0, 1].
    """

    signal_scale: Tensor
    noise_scale: Tensor

    def __init__(self, betas: Float[Tensor, " timesteps"], prediction: Prediction = "epsilon") -> None:
        super().__init__(prediction)
        if betas.ndim != 1 or not bool(((betas >= 0) & (betas <= 1)).all()):
            raise UsageError(
                f"Betas of shape {tuple(betas.shape)} are no schedule; give one row of variances between 0 and 1."
            )
        # No buffer: it stays in float64 and on the CPU, where a sampler reads numbers without waiting for a device.
        self.alphas_cumprod = torch.cumprod(1 - betas.double().cpu(), dim=0)
        self.register_buffer("signal_scale", self.alphas_cumprod.sqrt().float(), persistent=False)
        self.register_buffer("noise_scale", (1 - self.alphas_cumprod).sqrt().float(), persistent=False)

    @property
    def timesteps(self) -> int:
        """Number of noise levels T."""
        return len(self.alphas_cumprod)

    @property
    def device(self) -> torch.device:
        """Where the scales are."""
        return self.signal_scale.device

    def levels(self, n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
        """Uniformly drawn t in 0 … T-1, on the process's device."""
        return drawn_levels(self.timesteps, n, generator, self.device)

    def shares(self, t: Real[Tensor, " n"]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """(√ᾱ_t, √(1 - ᾱ_t)) for t (N,) int64 in 0 … T-1."""
        return self.signal_scale[t], self.noise_scale[t]

    def scales(self, t: Level) -> tuple[float, float]:
        """(√ᾱ_t, √(1 - ᾱ_t)), the shares of item and noise at level t; (1, 0) at -1."""
        alpha_cumprod = self.alphas_cumprod[int(t)].item() if t >= 0 else 1.0
        return math.sqrt(alpha_cumprod), math.sqrt(1 - alpha_cumprod)

    def half_log_snr(self, t: int) -> float:
        """λ_t = log(√ᾱ_t / √(1 - ᾱ_t)): -∞ where no item is left, ∞ where no noise is."""
        signal, noise = (math.log(scale) if scale else -math.inf for scale in self.scales(t))
        return signal - noise

    @property
    def caption(self) -> str:
        """What is mixed, and what `label` says."""
        return (
            "Noise is mixed into real items, xₜ = √ᾱₜ x₀ + √(1 - ᾱₜ) ε. Below each column stand t and the "
            "signal-to-noise ratio ᾱₜ / (1 - ᾱₜ)."
        )

    def label(self, t: int) -> tuple[str, ...]:
        """t and the signal-to-noise ratio, ("t 999", "2·10⁻⁹"); ("data",) at -1."""
        return ("data",) if t < 0 else (f"t {t}", self.ratio(t))
