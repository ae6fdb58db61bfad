"""How data are destroyed with noise, what is learnt from it and how it is sampled back, in plain values; torch loads
when something is built."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError, require

if TYPE_CHECKING:
    from jaxtyping import Float64
    from torch import Tensor

    from qdiffusion.diffusion.gaussian import GaussianProcess
    from qdiffusion.diffusion.objectives import DenoiseObjective, ReconstructObjective
    from qdiffusion.diffusion.sampling import GaussianSampler
    from qdiffusion.diffusion.system import System

MOST_TIMESTEPS = 1_000_000

ScheduleName = Literal["cosine", "linear"]
Prediction = Literal["epsilon", "x0", "v", "score"]
SamplerName = Literal["ddpm", "ddim", "dpmpp"]
Variance = Literal["posterior", "beta"]


@dataclass(frozen=True)
class ScheduleConfig:
    """Which noise schedule, and over how many steps."""

    name: ScheduleName = "cosine"
    """Shape of the schedule."""
    timesteps: int = 1000
    """Number of noise levels T."""

    def __post_init__(self) -> None:
        names = get_args(ScheduleName)
        if self.name not in names:
            raise UsageError(f"There is no noise schedule {self.name!r}; choose one of {', '.join(names)}.")
        check_timesteps(self.timesteps)

    def betas(self) -> "Float64[Tensor, ' timesteps']":
        """β_t: (T,) float64."""
        from qdiffusion.diffusion.schedules import BETAS

        return BETAS[self.name](self.timesteps)


def check_timesteps(timesteps: int) -> None:
    """Raise UsageError unless there is a noise level, and not too many."""
    if not 1 <= timesteps <= MOST_TIMESTEPS:
        raise UsageError(f"A noise schedule got {timesteps} timesteps; it takes 1 to {MOST_TIMESTEPS:,}.")


def check_prediction(prediction: str) -> None:
    """Raise UsageError unless a denoiser can say this of x_t."""
    names = get_args(Prediction)
    require(prediction in names, "prediction", repr(prediction), f"one of {', '.join(names)}")


def check_variance(variance: str) -> None:
    """Raise UsageError unless a reverse step can have this variance."""
    names = get_args(Variance)
    require(variance in names, "variance", repr(variance), f"one of {', '.join(names)}")


def refuse_states(space: Space) -> None:
    """Raise UsageError for states and density matrices, which a sum with noise makes none."""
    if space.is_quantum:
        raise UsageError(
            f"Gaussian noise is added to images or vectors, but was given {space}; choose a forward process for "
            "states, or other data."
        )


@dataclass(frozen=True)
class GaussianConfig:
    """Gaussian noise, level by level."""

    schedule: ScheduleConfig = ScheduleConfig()
    """How fast the noise grows."""
    prediction: Prediction = "epsilon"
    """What the denoiser says of x_t: the noise, the data, v = √ᾱ ε - √(1 - ᾱ) x0, or the score -ε / √(1 - ᾱ)."""
    kind: Literal["gaussian"] = field(default="gaussian", kw_only=True)
    """Names this forward process in a saved experiment."""

    def __post_init__(self) -> None:
        check_prediction(self.prediction)

    @property
    def timesteps(self) -> int:
        """Number of noise levels T."""
        return self.schedule.timesteps

    def build(self, space: Space, seed: int) -> "GaussianProcess":
        """The process on items of `space`; `seed` decides nothing here.

        Raises:
            UsageError: the items are states.
        """
        from qdiffusion.diffusion.gaussian import GaussianProcess

        refuse_states(space)
        return GaussianProcess(self.schedule.betas(), self.prediction)


@dataclass(frozen=True)
class DenoiseConfig:
    """Say what is asked of a noisy item, at a noise level drawn at random."""

    p2_gamma: float = 1.0
    """Strength γ of the P2 weight (k + SNR)^-γ of the loss; 0 switches it off."""
    p2_k: float = 1.0
    """Offset k of the P2 weight."""
    label_dropout: float = 0.1
    """Share of a conditional denoiser's labels that are hidden, so that it learns to do without."""
    kind: Literal["denoise"] = field(default="denoise", kw_only=True)
    """Names this objective in a saved experiment."""

    def __post_init__(self) -> None:
        require(math.isfinite(self.p2_gamma), "p2_gamma", self.p2_gamma, "a finite number")
        require(0 < self.p2_k < math.inf, "p2_k", self.p2_k, "a number above 0")
        require(0 <= self.label_dropout <= 1, "label_dropout", self.label_dropout, "a number in [0, 1]")

    def rounds(self, forward: object) -> int:
        """One: all levels are learnt at once."""
        return 1

    def build(self, forward: object, round: int) -> "DenoiseObjective":
        """The objective."""
        from qdiffusion.diffusion.objectives import DenoiseObjective

        return DenoiseObjective(self.p2_gamma, self.p2_k, self.label_dropout)


@dataclass(frozen=True)
class ReconstructConfig:
    """Give items back that went through the codec."""

    kind: Literal["reconstruct"] = field(default="reconstruct", kw_only=True)
    """Names this objective in a saved experiment."""

    def rounds(self, forward: object) -> int:
        """One: there are no levels in it."""
        return 1

    def build(self, forward: object, round: int) -> "ReconstructObjective":
        """The objective."""
        from qdiffusion.diffusion.objectives import ReconstructObjective

        return ReconstructObjective()


@dataclass(frozen=True)
class SamplingFields:
    """What is told of taking Gaussian noise away, in counted levels or continuously."""

    sampler: str
    """Which steps are taken."""
    steps: int = 50
    """Denoising steps an item."""
    count: int = 64
    """Items drawn for the picture after training; 0: none."""
    guidance: float = 1.0
    """Weight g of the labels: 0 leaves them out, 1 is the denoiser as trained, more exaggerates what they say."""

    def __post_init__(self) -> None:
        require(self.steps >= 1, "steps", self.steps, "at least 1")
        require(self.count >= 0, "count", self.count, "at least 0")
        require(0 <= self.guidance < math.inf, "guidance", self.guidance, "a number of at least 0")

    @property
    def name(self) -> str:
        """Of files: "ddim-50", "heun-50-g2.5", "ddpm-50-beta"."""
        return "-".join([self.sampler, str(self.steps), *(mark for mark, _ in self._unusual)])

    @property
    def words(self) -> list[str]:
        """For people: ["ddpm", "50 steps", "variance beta", "guidance 2.5"]."""
        return [self.sampler, f"{self.steps} steps", *(words for _, words in self._unusual)]

    @property
    def _unusual(self) -> list[tuple[str, str]]:
        """What differs from what is usual, in short and in words."""
        return [] if self.guidance == 1 else [(f"g{self.guidance:g}", f"guidance {self.guidance:g}")]


@dataclass(frozen=True)
class SchedulerConfig(SamplingFields):
    """How items are drawn from a denoiser of Gaussian noise."""

    sampler: SamplerName = "ddim"
    """ddpm: ancestral; ddim: deterministic; dpmpp: second order, fewest steps."""
    clip: bool = True
    """Clip the predicted x0 to [-1, 1] in every step. Where the last level is all but pure noise, an x0 that follows
    from a predicted ε needs it: the error of ε counts 1/√ᾱ times, 20,000 times with the cosine schedule."""
    variance: Variance = "posterior"
    """Of ddpm's steps: posterior: β̃, right for one known item; beta: β, right for items that are pure noise."""
    kind: Literal["scheduler"] = field(default="scheduler", kw_only=True)
    """Names this way of sampling in a saved experiment."""

    def __post_init__(self) -> None:
        names = get_args(SamplerName)
        if self.sampler not in names:
            raise UsageError(f"There is no sampler {self.sampler!r}; choose one of {', '.join(names)}.")
        super().__post_init__()
        check_variance(self.variance)
        if self.variance != "posterior" and self.sampler != "ddpm":
            raise UsageError(
                f"The variance {self.variance} was given for the sampler {self.sampler}, which adds no noise; choose "
                "ddpm, or leave variance at posterior."
            )

    @property
    def _unusual(self) -> list[tuple[str, str]]:
        variance = [] if self.variance == "posterior" else [(self.variance, f"variance {self.variance}")]
        return [*variance, *super()._unusual]

    def build(self, system: "System") -> "GaussianSampler":
        """The sampler.

        Raises:
            UsageError: the process is not Gaussian, or has fewer levels than there are steps; guidance for a denoiser
                that knows no classes.
        """
        from qdiffusion.diffusion.gaussian import GaussianProcess
        from qdiffusion.diffusion.grid import trailing_timesteps
        from qdiffusion.diffusion.guidance import check_guidance
        from qdiffusion.diffusion.sampling import GaussianSampler
        from qdiffusion.diffusion.steps import STEPS, ancestral_beta

        process = system.process
        if not isinstance(process, GaussianProcess):
            raise UsageError(
                f"The sampler {self.sampler} takes Gaussian noise away level by level, but was given a "
                f"{type(process).__name__}; choose the sampling that belongs to this forward process."
            )
        if self.steps > process.timesteps:
            raise UsageError(
                f"Sampling got {self.steps} steps; give 1 to {process.timesteps}, the noise levels of the training."
            )
        if self.guidance != 1:
            check_guidance(system.denoiser, f"guidance {self.guidance:g}")
        levels = trailing_timesteps(process.timesteps, self.steps)
        step = ancestral_beta if self.variance == "beta" else STEPS[self.sampler]
        return GaussianSampler(process, step, levels, self.guidance, self.clip)
