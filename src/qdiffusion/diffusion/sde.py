"""Noise that grows continuously: the three linear stochastic differential equations of Song et al. 2021.

dx = f(t) x dt + g(t) dw,  t in (0, 1],  so that x_t = α(t) x_0 + σ(t) ε

Back in time the same densities belong to the reverse SDE and to the probability-flow ODE (Song et al. 2021, eq. 6, 13):

dx = (f x - g² ∇log p_t(x)) dt + g dw̄,    dx/dt = f x - g²/2 ∇log p_t(x)

Between a time and the level that the rest of the program counts, and that a denoiser is told, stands t = (level + 1) /
1000: level 999 is t = 1, and -1 the item. Levels may be fractions.
"""

import math
from abc import abstractmethod

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from qdiffusion.diffusion.config import Prediction
from qdiffusion.diffusion.noise import GaussianNoise, column
from qdiffusion.diffusion.sde_config import TIMESTEPS
from qdiffusion.diffusion.system import Level
from qdiffusion.errors import UsageError


class SDE(GaussianNoise):
    """What the three have in common.

    Args:
        t_min: where times begin, above 0.
        prediction: what the denoiser says of x_t, see `GaussianNoise`.
    """

    timesteps = TIMESTEPS
    prior_scale = 1.0
    """Standard deviation of the noise at t = 1."""
    place: Tensor

    def __init__(self, t_min: float, prediction: Prediction = "epsilon") -> None:
        super().__init__(prediction)
        self.t_min = t_min
        self.register_buffer("place", torch.empty(0), persistent=False)  # moves with the system

    @abstractmethod
    def drift(self, time: float) -> float:
        """f(t)."""

    @abstractmethod
    def diffusion(self, time: float) -> float:
        """g(t)."""

    @abstractmethod
    def marginal(self, time: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """(α(t), σ(t)) of times above 0."""

    @property
    def device(self) -> torch.device:
        """Where chance and levels are put."""
        return self.place.device

    @staticmethod
    def time(level: Level) -> float:
        """t of a level."""
        return (level + 1) / TIMESTEPS

    @staticmethod
    def level(time: float) -> float:
        """The level of t."""
        return time * TIMESTEPS - 1

    def grid(self, steps: int) -> tuple[float, ...]:
        """steps + 1 times from 1 to t_min, evenly spaced in √t: near 0 the noise grows as √t, or faster."""
        root = math.sqrt(self.t_min)
        return (1.0, *((1 - i / steps * (1 - root)) ** 2 for i in range(1, steps)), self.t_min)

    def levels(self, n: int, generator: torch.Generator) -> Float[Tensor, " n"]:
        """Levels of times drawn uniformly from [t_min, 1], float32 (n,), on the process's device."""
        time = self.t_min + (1 - self.t_min) * torch.rand(n, generator=generator, device=generator.device)
        return (time * TIMESTEPS - 1).to(self.device)

    def shares(self, t: Real[Tensor, " n"]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """(α, σ) of levels t (N,)."""
        return self.marginal((t + 1) / TIMESTEPS)

    def scales(self, t: Level) -> tuple[float, float]:
        """(α, σ) of a level, in the precision of float64; (1, 0) at -1."""
        if t == -1:
            return 1.0, 0.0
        signal, sigma = self.marginal(torch.tensor(self.time(t), dtype=torch.float64))
        return signal.item(), sigma.item()

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Float[Tensor, "..."]:
        """What x is at t = 1, the item forgotten: N(0, prior_scale²), float32, on the process's device."""
        return self.prior_scale * super().prior(shape, generator)

    def log_prior(self, x: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        """log N(x; 0, prior_scale²) of each item, in nats."""
        return torch.distributions.Normal(0.0, self.prior_scale).log_prob(x).flatten(1).sum(dim=1)

    @property
    def caption(self) -> str:
        """What is mixed, and what `label` says."""
        return (
            "Noise grows in real items, xₜ = α(t) x₀ + σ(t) ε. Below each column stand the time t and the "
            "signal-to-noise ratio α² / σ²."
        )

    def label(self, t: Level) -> tuple[str, ...]:
        """Time and signal-to-noise ratio, ("t 0.5", "0.086"); ("data",) at -1."""
        return ("data",) if t == -1 else (f"t {self.time(t):.2g}", self.ratio(t))


class VPSDE(SDE):
    """Variance preserving, the limit of many small steps of the discrete process: f = -β/2, g = √β, α² + σ² = 1.

    β(t) = β₀ + t (β₁ - β₀),  B(t) = ∫₀ᵗ β = β₀ t + (β₁ - β₀) t²/2,  α = e^(-B/2),  σ² = 1 - e^-B

    Source: Song et al. 2021, eq. 11, 32 and 33.
    """

    def __init__(
        self, beta_min: float = 0.1, beta_max: float = 20.0, t_min: float = 1e-5, prediction: Prediction = "epsilon"
    ) -> None:
        super().__init__(t_min, prediction)
        self.beta_min, self.beta_max = beta_min, beta_max

    def beta(self, time: float) -> float:
        """β(t)."""
        return self.beta_min + time * (self.beta_max - self.beta_min)

    def drift(self, time: float) -> float:
        """f(t) = -β(t) / 2."""
        return -self.beta(time) / 2

    def diffusion(self, time: float) -> float:
        """g(t) = √β(t)."""
        return math.sqrt(self.beta(time))

    def marginal(self, time: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """(e^(-B/2), √(1 - e^-B))."""
        grown = self._grown(time)
        return torch.exp(-grown / 2), torch.sqrt(-torch.expm1(-grown))

    def _grown(self, time: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """B(t)."""
        return self.beta_min * time + (self.beta_max - self.beta_min) / 2 * time**2


class SubVPSDE(VPSDE):
    """VP with less noise at every time, its variance squared: σ = 1 - e^-B, g = √(β (1 - e^-2B)).

    Source: Song et al. 2021, eq. 14 and 29.
    """

    def diffusion(self, time: float) -> float:
        """g(t) = √(β(t) (1 - e^-2B(t)))."""
        grown = self._grown(torch.tensor(time, dtype=torch.float64)).item()
        return math.sqrt(-self.beta(time) * math.expm1(-2 * grown))

    def marginal(self, time: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """(e^(-B/2), 1 - e^-B)."""
        grown = self._grown(time)
        return torch.exp(-grown / 2), -torch.expm1(-grown)


class VESDE(SDE):
    """Variance exploding: f = 0, α = 1, σ(t) = σ₀ (σ₁/σ₀)ᵗ, g = σ √(2 log(σ₁/σ₀)).

    The denoiser is shown x / √(1 + σ²), whose values stay about 1 (Karras et al. 2022, table 1, c_in).

    Source: Song et al. 2021, eq. 9, 30 and 31. σ(0) = σ₀ where it should be 0: times below t_min are left out.
    """

    def __init__(
        self, sigma_min: float = 0.01, sigma_max: float = 50.0, t_min: float = 1e-5, prediction: Prediction = "epsilon"
    ) -> None:
        super().__init__(t_min, prediction)
        self.sigma_min, self.prior_scale = sigma_min, sigma_max
        self._rate = math.log(sigma_max / sigma_min)

    def grid(self, steps: int) -> tuple[float, ...]:
        """steps + 1 times from 1 to t_min, evenly spaced, where σ is a geometric sequence."""
        return (1.0, *(1 - i / steps * (1 - self.t_min) for i in range(1, steps)), self.t_min)

    def drift(self, time: float) -> float:
        """0."""
        return 0.0

    def diffusion(self, time: float) -> float:
        """g(t) = σ(t) √(2 log(σ₁/σ₀))."""
        return self.sigma_min * math.exp(self._rate * time) * math.sqrt(2 * self._rate)

    def marginal(self, time: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """(1, σ₀ (σ₁/σ₀)ᵗ)."""
        return torch.ones_like(time), self.sigma_min * torch.exp(self._rate * time)

    def shown(self, x: Float[Tensor, "n ..."], t: Real[Tensor, "..."]) -> Float[Tensor, "n ..."]:
        """x / √(1 + σ²)."""
        sigma = self.shares(t.reshape(-1))[1]
        return x / column((1 + sigma**2).sqrt(), x)


def check_sde(process: nn.Module, who: str) -> SDE:
    """The process, where it is an SDE; raises UsageError where it is not: `who` takes no others ("The sampler pc")."""
    if isinstance(process, SDE):
        return process
    raise UsageError(
        f"{who} solves a stochastic differential equation, but was given a {type(process).__name__}; choose what "
        "belongs to this forward process, or the forward process sde."
    )
