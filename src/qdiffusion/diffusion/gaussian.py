"""The Gaussian forward process.

x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε,  ε ~ N(0, 1),  t = 0 … T-1

t = 0 carries the noise of the first step already, as in diffusers (Ho et al. 2020, eq. 4, with t shifted by one).
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from qdiffusion.diffusion.config import Prediction
from qdiffusion.diffusion.numerals import short
from qdiffusion.diffusion.system import Noised
from qdiffusion.errors import UsageError


class GaussianProcess(nn.Module):
    """Mixes items with Gaussian noise, level by level, and tells what a denoiser's answer says of them.

    Buffers (float32, computed in float64), each (T,):
        signal_scale: √ᾱ_t.
        noise_scale: √(1 - ᾱ_t).

    Args:
        betas: (T,) variances β_t in [0, 1].
        prediction: what the denoiser says of x_t: "epsilon" the noise, "x0" the item, or "v" = √ᾱ ε - √(1 - ᾱ) x0
            (Salimans and Ho 2022, section 4 and appendix D).

    Raises:
        UsageError: betas are not one row of numbers in [0, 1].
    """

    signal_scale: Tensor
    noise_scale: Tensor

    def __init__(self, betas: Float[Tensor, " timesteps"], prediction: Prediction = "epsilon") -> None:
        super().__init__()
        if betas.ndim != 1 or not bool(((betas >= 0) & (betas <= 1)).all()):
            raise UsageError(
                f"Betas of shape {tuple(betas.shape)} are no schedule; give one row of variances between 0 and 1."
            )
        self.prediction = prediction
        # No buffer: it stays in float64 and on the CPU, where a sampler reads numbers without waiting for a device.
        self.alphas_cumprod = torch.cumprod(1 - betas.double().cpu(), dim=0)
        self.register_buffer("signal_scale", self.alphas_cumprod.sqrt().float(), persistent=False)
        self.register_buffer("noise_scale", (1 - self.alphas_cumprod).sqrt().float(), persistent=False)

    @property
    def timesteps(self) -> int:
        """Number of noise levels T."""
        return len(self.alphas_cumprod)

    def levels(self, n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
        """Uniformly drawn t in 0 … T-1, on the process's device."""
        t = torch.randint(self.timesteps, (n,), generator=generator, device=generator.device)
        return t.to(self.signal_scale.device)

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Float[Tensor, "..."]:
        """Pure noise ε ~ N(0, 1) of the given shape, float32, on the process's device."""
        noise = torch.randn(shape, generator=generator, device=generator.device)
        return noise.to(self.signal_scale.device)

    def noised(self, x0: Float[Tensor, "n ..."], t: Int64[Tensor, " n"], generator: torch.Generator) -> Noised:
        """x_t drawn from q(x_t | x_0): x0 (N, …) and t (N,) in 0 … T-1; x and noise are (N, …)."""
        noise = self.prior(tuple(x0.shape), generator)
        return Noised(x0, self.mix(x0, noise, t), t, noise)

    def mix(
        self, x0: Float[Tensor, "n ..."], noise: Float[Tensor, "n ..."], t: Int64[Tensor, " n"]
    ) -> Float[Tensor, "n ..."]:
        """√ᾱ_t x0 + √(1 - ᾱ_t) noise, for items that carry their noise along: all (N, …), t (N,) in 0 … T-1."""
        return _column(self.signal_scale[t], x0) * x0 + _column(self.noise_scale[t], x0) * noise

    def target(self, noised: Noised) -> Float[Tensor, "n ..."]:
        """What the denoiser is to say of x_t, (N, …), by `prediction`."""
        x0, _, t, noise = noised
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "x0":
            return x0
        return _column(self.signal_scale[t], x0) * noise - _column(self.noise_scale[t], x0) * x0

    def signal_to_noise(self, t: Int64[Tensor, " n"]) -> Float[Tensor, " n"]:
        """ᾱ_t / (1 - ᾱ_t) for t (N,) in 0 … T-1."""
        return (self.signal_scale[t] / self.noise_scale[t]) ** 2

    def scales(self, t: int) -> tuple[float, float]:
        """(√ᾱ_t, √(1 - ᾱ_t)), the shares of item and noise at level t; (1, 0) at -1."""
        alpha_cumprod = self.alphas_cumprod[t].item() if t >= 0 else 1.0
        return math.sqrt(alpha_cumprod), math.sqrt(1 - alpha_cumprod)

    def half_log_snr(self, t: int) -> float:
        """λ_t = log(√ᾱ_t / √(1 - ᾱ_t)): -∞ where no item is left, ∞ where no noise is."""
        signal, noise = (math.log(scale) if scale else -math.inf for scale in self.scales(t))
        return signal - noise

    def denoised(self, output: Float[Tensor, "n ..."], x: Float[Tensor, "n ..."], t: int) -> Float[Tensor, "n ..."]:
        """x0 by what the denoiser said of x at level t: all (N, …)."""
        signal, noise = self.scales(t)
        if self.prediction == "epsilon":
            return (x - noise * output) / signal
        if self.prediction == "x0":
            return output
        return signal * x - noise * output

    def noise_beside(self, x0: Float[Tensor, "n ..."], x: Float[Tensor, "n ..."], t: int) -> Float[Tensor, "n ..."]:
        """ε, what x at level t holds beside x0: all (N, …)."""
        signal, noise = self.scales(t)
        return (x - signal * x0) / noise

    @property
    def caption(self) -> str:
        """What is mixed, and what `label` says."""
        return (
            "Noise is mixed into real items, xₜ = √ᾱₜ x₀ + √(1 - ᾱₜ) ε. Below each column stand t and the "
            "signal-to-noise ratio ᾱₜ / (1 - ᾱₜ)."
        )

    def label(self, t: int) -> tuple[str, ...]:
        """t and the signal-to-noise ratio, ("t 999", "2·10⁻⁹"); ("data",) at -1."""
        if t < 0:
            return ("data",)
        signal, noise = self.scales(t)
        return f"t {t}", short((signal / noise) ** 2 if noise else math.inf)


def _column(scales: Float[Tensor, " n"], like: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """(N,) as (N, 1, …, 1)."""
    return scales.view(-1, *[1] * (like.ndim - 1))
