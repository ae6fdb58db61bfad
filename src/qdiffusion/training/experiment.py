"""Experiments as plain values: what is trained, on which images, for how long, and how it is judged."""

from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from qdiffusion.data import ImagesConfig
from qdiffusion.diffusion import ScheduleConfig
from qdiffusion.errors import UsageError, first_problem
from qdiffusion.models import QVUNetConfig, UNetConfig

ModelConfig = Annotated[UNetConfig | QVUNetConfig, Field(discriminator="kind")]
Sampler = Literal["ddpm", "ddim", "dpmpp"]


def _require(condition: bool, field_name: str, given: object, expected: str) -> None:
    if not condition:
        raise UsageError(f"{field_name} is {given}, but must be {expected}.")


@dataclass(frozen=True)
class AdamConfig:
    """The optimiser: Adam."""

    learning_rate: float = 1e-3
    """Step size."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay of the running means of the gradient and of its square."""
    circuit_rate: float = 1.0
    """Step size of circuit angles, in radians, as a multiple of the others'; 2π trains them in turns."""

    def __post_init__(self) -> None:
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "a number above 0")
        _require(self.circuit_rate > 0, "circuit_rate", self.circuit_rate, "a number above 0")
        _require(all(0 <= beta < 1 for beta in self.betas), "betas", self.betas, "two numbers in [0, 1)")


@dataclass(frozen=True)
class EMAConfig:
    """The exponential moving average of the weights, with which images are sampled."""

    decay: float = 0.995
    """Largest share of the old average that an update keeps."""
    every: int = 10
    """Steps between two updates."""
    start: int = 100
    """For so many steps the average is a copy of the weights."""
    power: float = 2 / 3
    """Update n after the start keeps at most 1 - (1 + n)^-power."""

    def __post_init__(self) -> None:
        _require(0 <= self.decay < 1, "decay", self.decay, "a number in [0, 1)")
        _require(self.every >= 1, "every", self.every, "at least 1")
        _require(self.start >= 0, "start", self.start, "at least 0")
        _require(self.power > 0, "power", self.power, "a number above 0")


@dataclass(frozen=True)
class Stage:
    """One part of a training: an objective, an optimiser and a number of steps."""

    name: str = "train"
    """What the stage is called in logs."""
    steps: int = 9375
    """Optimiser steps."""
    batch_size: int = 128
    """Images a step."""
    optimiser: AdamConfig = AdamConfig()
    """Adam starts afresh with each stage."""
    ema: EMAConfig = EMAConfig()
    """The average starts afresh with each stage."""
    p2_gamma: float = 1.0
    """Strength γ of the P2 weight (k + SNR)^-γ of the loss; 0 switches it off."""
    p2_k: float = 1.0
    """Offset k of the P2 weight."""

    def __post_init__(self) -> None:
        _require(1 <= self.steps < 2**63, "steps", self.steps, "at least 1 and below 2^63")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        _require(self.p2_k > 0, "p2_k", self.p2_k, "a number above 0")


@dataclass(frozen=True)
class SamplingConfig:
    """How images are drawn from the model."""

    sampler: Sampler = "ddim"
    """ddpm: ancestral; ddim: deterministic; dpmpp: second order, fewest steps."""
    steps: int = 50
    """Denoising steps an image."""
    count: int = 64
    """Images drawn for the picture after training; 0: none."""

    def __post_init__(self) -> None:
        _require(self.steps >= 1, "steps", self.steps, "at least 1")
        _require(self.count >= 0, "count", self.count, "at least 0")


@dataclass(frozen=True)
class EvaluationConfig:
    """How the model is scored after training."""

    count: int = 0
    """Images drawn and compared; 0: no evaluation."""
    features: str | None = None
    """Feature network: a packaged one's name or a TorchScript file; None: the one that fits the data."""
    split: Literal["train", "test"] = "train"
    """Images to compare with; published scores compare with the training images."""

    def __post_init__(self) -> None:
        _require(self.count == 0 or self.count >= 2, "count", self.count, "0 (no evaluation) or at least 2")


@dataclass(frozen=True)
class Experiment:
    """Everything that decides how a run turns out."""

    name: str
    """What the run is called in reports."""
    data: ImagesConfig = field(default_factory=ImagesConfig)
    """The images."""
    model: ModelConfig = field(default_factory=UNetConfig)
    """The denoiser."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """How noise destroys the images."""
    stages: tuple[Stage, ...] = (Stage(),)
    """Trained one after the other; each goes on with the weights of the one before."""
    sampling: SamplingConfig = SamplingConfig()
    """How images are drawn."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """How the result is scored."""
    seed: int = 0
    """Fixes initial weights, order of images and noise, bit for bit on one machine."""
    log_every: int = 10
    """Steps between two lines of stats.jsonl."""
    checkpoint_every: int = 250
    """Steps between two checkpoints."""
    precision: Literal["no", "bf16"] = "no"
    """bf16: forward passes in bfloat16 where that is safe; no: float32."""

    def __post_init__(self) -> None:
        _require(len(self.stages) >= 1, "stages", self.stages, "at least one stage")
        _require(0 <= self.seed < 2**63, "seed", self.seed, "a whole number from 0 to 2^63 - 1")
        _require(self.log_every >= 1, "log_every", self.log_every, "at least 1")
        _require(self.checkpoint_every >= 1, "checkpoint_every", self.checkpoint_every, "at least 1")
        _require(
            self.sampling.steps <= self.schedule.timesteps,
            "sampling.steps",
            self.sampling.steps,
            f"at most schedule.timesteps = {self.schedule.timesteps}",
        )

    @property
    def total_steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)


def to_json(experiment: Experiment) -> str:
    """The experiment as indented JSON; `from_json` gives it back equal."""
    return _adapter().dump_json(experiment, indent=2).decode()


def from_json(text: str | bytes) -> Experiment:
    """The experiment of a JSON text. Missing fields take their defaults.

    Raises:
        UsageError: no JSON, an unknown field, or a value of the wrong type or range.
    """
    try:
        return _adapter().validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        raise UsageError(_sentence(error)) from error


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(Experiment)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "unexpected_keyword_argument":
        place = ".".join(map(str, first["loc"]))
        return f"The experiment has an unknown field {place}; remove it or correct its name."
    return f"The experiment is wrong {first_problem(error.errors())}."
