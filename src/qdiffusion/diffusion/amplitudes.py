r"""Gaussian noise on the amplitudes of a state.

.. math:: \tilde x_t = \sqrt{\bar α_t} x_0 + \sqrt{1 - \bar α_t}\, s ε, \quad x_t = \tilde x_t / ‖\tilde x_t‖

ε has real and imaginary parts N(0, 1), or real ones alone; s = 1, or such that E ‖s ε‖² = 1. What a denoiser is to say
is the state of the mean of q(x̃_{t-1} | x̃_t, x_0) (Ho et al. 2020, eq. 7):

.. math:: μ_t = \frac{\sqrt{\bar α_{t-1}} β_t x_0 + \sqrt{α_t}(1 - \bar α_{t-1}) \tilde x_t}{1 - \bar α_t}

t = 0 … T-1, with ᾱ_{-1} = 1, so that level 0 asks for x_0. With s = 1 the noise of 2^n amplitudes has the energy
2^{n+1} (1 - ᾱ_t), the state that of ᾱ_t: at β = 1e-2 and n = 8 the state is drowned at the first level.

Source: Cacioppo et al. 2023 (arXiv 2311.15444), section III, and the program of QAMP 2025.
"""

import math
from typing import Literal

import torch
from jaxtyping import Complex, Complex64, Float64, Int64
from torch import Tensor, nn

from qdiffusion.diffusion.grid import drawn_levels
from qdiffusion.diffusion.numerals import short
from qdiffusion.diffusion.system import Noised
from qdiffusion.states.haar import normalised


def alphas_cumprod(
    schedule: Literal["beta", "snr"], first: float, last: float, timesteps: int
) -> Float64[Tensor, " timesteps"]:
    """ᾱ_t of variances, or of signal-to-noise ratios ᾱ_t / (1 - ᾱ_t), from `first` to `last`: (T,) float64."""
    if schedule == "beta":
        return torch.cumprod(1 - torch.linspace(first, last, timesteps, dtype=torch.float64), dim=0)
    ratios = torch.linspace(math.log(first), math.log(last), timesteps, dtype=torch.float64).exp()
    return ratios / (1 + ratios)


class AmplitudeNoise(nn.Module):
    """Mixes states with Gaussian noise, level by level, and normalises them.

    Args:
        alphas_cumprod: ᾱ_t, (T,) in (0, 1], not rising.
        dimension: 2^n.
        noise: "complex" or "real".
        scale: "literal" for s = 1, "unit" for E ‖s ε‖² = 1.
        prediction: "previous", the state of μ_t, or "clean", x_0.

    Buffers:
        alphas: ᾱ_{-1} = 1, then ᾱ_t: (T + 1,) float64, since 1 - ᾱ_t may be small; not saved.
    """

    alphas: Tensor

    def __init__(
        self,
        alphas_cumprod: Float64[Tensor, " timesteps"],
        dimension: int,
        noise: Literal["complex", "real"] = "complex",
        scale: Literal["literal", "unit"] = "literal",
        prediction: Literal["previous", "clean"] = "previous",
    ) -> None:
        super().__init__()
        self.timesteps = len(alphas_cumprod)
        self.noise, self.prediction = noise, prediction
        parts = dimension * (2 if noise == "complex" else 1)
        self.scale = 1.0 if scale == "literal" else parts**-0.5
        self.energy = self.scale**2 * parts
        self.register_buffer("alphas", nn.functional.pad(alphas_cumprod, (1, 0), value=1.0).double(), persistent=False)

    def levels(self, n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
        """Uniformly drawn t in 0 … T-1, on the process's device."""
        return drawn_levels(self.timesteps, n, generator, self.alphas.device)

    def noised(self, x0: Complex[Tensor, "n d"], t: Int64[Tensor, " n"], generator: torch.Generator) -> Noised:
        """x_t of states x0 (N, 2^n), t (N,) in 0 … T-1, or -1 for x0 itself; noise: s ε, (N, 2^n)."""
        noise, alpha = self._draw(x0.shape, generator).to(x0), self.alphas[t + 1]
        return Noised(x0, normalised(_sum(x0, alpha.sqrt(), noise, (1 - alpha).sqrt())), t, noise)

    def target(self, noised: Noised) -> Complex[Tensor, "n d"]:
        """What the denoiser is to say of x_t, (N, 2^n), norm 1, by `prediction`."""
        x0, _, t, noise = noised
        if self.prediction == "clean":
            return x0
        clean, noisy = self._posterior(t)
        alpha = self.alphas[t + 1]
        return normalised(_sum(x0, clean + noisy * alpha.sqrt(), noise, noisy * (1 - alpha).sqrt()))

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Complex64[Tensor, "n d"]:
        """Noise alone, normalised: (N, 2^n), complex64, on the process's device."""
        return normalised(self._draw(shape, generator)).to(self.alphas.device)

    def kicked(
        self, x: Complex[Tensor, "n d"], t: Int64[Tensor, " n"], generator: torch.Generator
    ) -> Complex[Tensor, "n d"]:
        r"""What chance is left of x_{t-1} when its mean is known, put on states x (N, 2^n) of that mean's direction.

        √E‖μ_t‖² x + √β̃_t s ε, normalised, with β̃_t = (1 - ᾱ_{t-1}) β_t / (1 - ᾱ_t), of which nothing is left at t = 0;
        E ‖μ_t‖² = ᾱ_{t-1} + (1 - ᾱ_{t-1} - β̃_t) E ‖s ε‖².
        """
        alpha, before = self.alphas[t + 1], self.alphas[t]
        variance = (1 - before) * (1 - alpha / before) / (1 - alpha)
        norm = (before + (1 - before - variance) * self.energy).sqrt()
        noise = self._draw(x.shape, generator).to(x)
        return normalised(_sum(x, norm, noise, variance.sqrt()))

    def _draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Complex64[Tensor, "n d"]:
        parts = torch.randn(*shape, 2, generator=generator, device=generator.device)
        if self.noise == "real":
            parts[..., 1] = 0
        return torch.view_as_complex(parts.mul_(self.scale))

    def _posterior(self, t: Int64[Tensor, " n"]) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
        """The shares of x_0 and x̃_t in μ_t, each (N,)."""
        alpha, before = self.alphas[t + 1], self.alphas[t]
        step = alpha / before
        return before.sqrt() * (1 - step) / (1 - alpha), step.sqrt() * (1 - before) / (1 - alpha)

    @property
    def caption(self) -> str:
        """What is mixed, and what `label` says."""
        return (
            "Noise is mixed into the amplitudes of real states, which are normalised again. Below each column stand t "
            "and the energy of what is left of the state over that of the noise."
        )

    def label(self, t: int) -> tuple[str, ...]:
        """t and the ratio of energies, ("t 9", "0.0195"); ("data",) at -1."""
        if t < 0:
            return ("data",)
        alpha = self.alphas[t + 1].item()
        return f"t {t}", short(alpha / ((1 - alpha) * self.energy))


def _sum(
    x: Complex[Tensor, "n d"], a: Float64[Tensor, " n"], y: Complex[Tensor, "n d"], b: Float64[Tensor, " n"]
) -> Complex[Tensor, "n d"]:
    """a x + b y, row by row, in x's precision."""
    first, second = (scales.to(x.real.dtype)[:, None, None] for scales in (a, b))
    pairs = torch.view_as_real(x) * first
    return torch.view_as_complex(pairs.addcmul_(torch.view_as_real(y), second))
