"""Items mixed with Gaussian noise, and what a denoiser's answer says of them, whatever decides how much of each.

x_t = α_t x_0 + σ_t ε,  ε ~ N(0, 1)
"""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from qdiffusion.diffusion.config import Prediction
from qdiffusion.diffusion.numerals import short
from qdiffusion.diffusion.system import Level, Noised


class GaussianNoise(nn.Module, ABC):
    """A forward process whose x_t is an item times α_t and noise times σ_t; a subclass says what these are.

    Args:
        prediction: what the denoiser says of x_t: "epsilon" the noise, "x0" the item, "v" = α ε - σ x0 (Salimans and Ho
            2022, section 4 and appendix D), or "score" = -ε / σ, the gradient of log q(x_t | x_0) (Song et al. 2021,
            eq. 7), which the mean over all items turns into that of log q(x_t).
    """

    def __init__(self, prediction: Prediction = "epsilon") -> None:
        super().__init__()
        self.prediction = prediction

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where chance and levels are put."""

    @abstractmethod
    def shares(self, t: Real[Tensor, " n"]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """(α_t, σ_t) of each level t (N,), on its device."""

    @abstractmethod
    def scales(self, t: Level) -> tuple[float, float]:
        """(α_t, σ_t), in the precision of float64; (1, 0) at -1, the item itself."""

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Float[Tensor, "..."]:
        """Pure noise ε ~ N(0, 1) of the given shape, float32, on the process's device."""
        return torch.randn(shape, generator=generator, device=generator.device).to(self.device)

    def noised(self, x0: Float[Tensor, "n ..."], t: Real[Tensor, " n"], generator: torch.Generator) -> Noised:
        """x_t drawn from q(x_t | x_0): x0 (N, …) and t (N,); x and noise are (N, …)."""
        noise = torch.randn(x0.shape, generator=generator, device=generator.device).to(self.device)
        return Noised(x0, self.mix(x0, noise, t), t, noise)

    def mix(
        self, x0: Float[Tensor, "n ..."], noise: Float[Tensor, "n ..."], t: Real[Tensor, " n"]
    ) -> Float[Tensor, "n ..."]:
        """α_t x0 + σ_t noise, for items that carry their noise along: all (N, …), t (N,)."""
        signal, sigma = self.shares(t)
        return column(signal, x0) * x0 + column(sigma, x0) * noise

    def shown(self, x: Float[Tensor, "n ..."], t: Real[Tensor, "..."]) -> Float[Tensor, "n ..."]:
        """What the denoiser is shown of x (N, …) at t, one for all or (N,): x itself, unless it grows without bound."""
        return x

    def target(self, noised: Noised) -> Float[Tensor, "n ..."]:
        """What the denoiser is to say of x_t, (N, …), by `prediction`."""
        x0, _, t, noise = noised
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "x0":
            return x0
        signal, sigma = (column(each, x0) for each in self.shares(t))
        return -noise / sigma if self.prediction == "score" else signal * noise - sigma * x0

    def signal_to_noise(self, t: Real[Tensor, " n"]) -> Float[Tensor, " n"]:
        """α_t² / σ_t² for t (N,)."""
        signal, sigma = self.shares(t)
        return (signal / sigma) ** 2

    def denoised(self, output: Float[Tensor, "n ..."], x: Float[Tensor, "n ..."], t: Level) -> Float[Tensor, "n ..."]:
        """x0 by what the denoiser said of x at level t: all (N, …)."""
        signal, sigma = self.scales(t)
        if self.prediction == "epsilon":
            return (x - sigma * output) / signal
        if self.prediction == "x0":
            return output
        if self.prediction == "score":
            return (x + sigma**2 * output) / signal
        return (signal * x - sigma * output) / (signal**2 + sigma**2)

    def score(self, output: Float[Tensor, "n ..."], x: Float[Tensor, "n ..."], t: Level) -> Float[Tensor, "n ..."]:
        """∇ log q(x_t) = -E[ε | x_t] / σ_t by what the denoiser said of x at level t: all (N, …)."""
        signal, sigma = self.scales(t)
        if self.prediction == "epsilon":
            return -output / sigma
        if self.prediction == "x0":
            return (signal * output - x) / sigma**2
        if self.prediction == "score":
            return output
        return -(x + signal / sigma * output) / (signal**2 + sigma**2)

    def noise_beside(self, x0: Float[Tensor, "n ..."], x: Float[Tensor, "n ..."], t: Level) -> Float[Tensor, "n ..."]:
        """ε, what x at level t holds beside x0: all (N, …)."""
        signal, sigma = self.scales(t)
        return (x - signal * x0) / sigma

    def ratio(self, t: Level) -> str:
        """The signal-to-noise ratio α² / σ² in few characters."""
        signal, sigma = self.scales(t)
        return short((signal / sigma) ** 2 if sigma else math.inf)


def column(shares: Float[Tensor, " n"], like: Float[Tensor, "..."]) -> Float[Tensor, "n ..."]:
    """(N,) as (N, 1, …, 1), with as many axes as `like`."""
    return shares.view(-1, *[1] * (like.ndim - 1))


def noise_like(x: Float[Tensor, "..."], generator: torch.Generator) -> Float[Tensor, "..."]:
    """N(0, 1) in the shape, dtype and place of x, drawn where the generator is."""
    return torch.randn(x.shape, generator=generator, device=generator.device).to(x)
