"""Noise that grows continuously, and how it is taken away, in plain values; torch loads when something is built."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from qdiffusion.data.space import Space
from qdiffusion.diffusion.config import Prediction, SamplingFields, check_prediction, refuse_states
from qdiffusion.errors import UsageError, require

if TYPE_CHECKING:
    from qdiffusion.diffusion.sde import SDE
    from qdiffusion.diffusion.sde_sampling import SDESampler
    from qdiffusion.diffusion.system import System

TIMESTEPS = 1000
"""Levels that a denoiser is told of a unit of time: t is told as 1000 t - 1, as the levels 0 … 999 are counted."""
MOST_BETA = 1000.0
MOST_T_MIN = 0.1

SDEName = Literal["vp", "sub-vp", "ve"]
SDESamplerName = Literal["euler-maruyama", "pc", "heun", "rk4"]


@dataclass(frozen=True)
class SDEConfig:
    """Gaussian noise that grows with a continuous time t in (0, 1], by a stochastic differential equation."""

    name: SDEName = "vp"
    """vp: the item fades as the noise grows; sub-vp: the same with less noise at every t; ve: the item stays, and the
    noise explodes."""
    prediction: Prediction = "epsilon"
    """What the denoiser says of x_t: the noise, the data, v = α ε - σ x0, or the score -ε / σ."""
    beta_min: float = 0.1
    """Of vp and sub-vp: β at t = 0."""
    beta_max: float = 20.0
    """Of vp and sub-vp: β at t = 1; it grows linearly."""
    sigma_min: float = 0.01
    """Of ve: the noise's standard deviation near t = 0."""
    sigma_max: float = 50.0
    """Of ve: the same at t = 1; about the largest distance between two items."""
    t_min: float = 1e-5
    """Where training, sampling and likelihoods stop short of t = 0, at which the score has no bound."""
    kind: Literal["sde"] = field(default="sde", kw_only=True)
    """Names this forward process in a saved experiment."""

    def __post_init__(self) -> None:
        names = get_args(SDEName)
        require(self.name in names, "name", repr(self.name), f"one of {', '.join(names)}")
        check_prediction(self.prediction)
        betas, sigmas = (self.beta_min, self.beta_max), (self.sigma_min, self.sigma_max)
        rising = 0 < self.beta_min <= self.beta_max <= MOST_BETA
        require(rising, "(beta_min, beta_max)", betas, f"rising, above 0 and at most {MOST_BETA:g}")
        require(0 < self.sigma_min < self.sigma_max < math.inf, "(sigma_min, sigma_max)", sigmas, "rising, above 0")
        require(0 < self.t_min <= MOST_T_MIN, "t_min", self.t_min, f"above 0 and at most {MOST_T_MIN}")

    @property
    def timesteps(self) -> int:
        """Levels that a denoiser is told of: see `TIMESTEPS`."""
        return TIMESTEPS

    def build(self, space: Space, seed: int) -> "SDE":
        """The process on items of `space`; `seed` decides nothing here. Raises UsageError for states."""
        from qdiffusion.diffusion.sde import VESDE, VPSDE, SubVPSDE

        refuse_states(space)
        if self.name == "ve":
            return VESDE(self.sigma_min, self.sigma_max, self.t_min, self.prediction)
        made = VPSDE if self.name == "vp" else SubVPSDE
        return made(self.beta_min, self.beta_max, self.t_min, self.prediction)


@dataclass(frozen=True)
class SDESamplingConfig(SamplingFields):
    """Solve the reverse equation from t = 1 back to t_min, then take the rest of the noise away at once."""

    sampler: SDESamplerName = "heun"
    """euler-maruyama: the reverse SDE; pc: the same, each step corrected by one of Langevin's; heun and rk4: the
    probability-flow ODE, which adds no noise, to second and fourth order."""
    steps: int = 50
    """Steps an item. They ask the denoiser once, pc and heun twice, rk4 four times; noisy ones take about 1000."""
    kind: Literal["sde"] = field(default="sde", kw_only=True)
    """Names this way of sampling in a saved experiment."""

    def __post_init__(self) -> None:
        names = get_args(SDESamplerName)
        if self.sampler not in names:
            raise UsageError(f"There is no sampler {self.sampler!r} of an SDE; choose one of {', '.join(names)}.")
        super().__post_init__()

    def build(self, system: "System") -> "SDESampler":
        """The sampler.

        Raises:
            UsageError: the process is no SDE; guidance for a denoiser that knows no classes.
        """
        from qdiffusion.diffusion.guidance import check_guidance
        from qdiffusion.diffusion.sde import check_sde
        from qdiffusion.diffusion.sde_sampling import SDESampler
        from qdiffusion.diffusion.sde_steps import SDE_STEPS

        process = check_sde(system.process, f"The sampler {self.sampler}")
        if self.guidance != 1:
            check_guidance(system.denoiser, f"guidance {self.guidance:g}")
        return SDESampler(process, SDE_STEPS[self.sampler], process.grid(self.steps), self.guidance)
