"""Experiments as plain values: what is trained, on which data, for how long, and how it is judged.

A field that differs between families is a union of frozen dataclasses, each with `kind` and one method that makes what
it stands for; the unions are spelt here and nowhere else. A new member is a line.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from qdiffusion.data.config import ImagesConfig
from qdiffusion.data.ensemble import EnsembleConfig
from qdiffusion.diffusion.amplitude_config import AmplitudeNoiseConfig
from qdiffusion.diffusion.config import DenoiseConfig, GaussianConfig, ReconstructConfig, SchedulerConfig
from qdiffusion.diffusion.depolarising_config import DepolarisingConfig
from qdiffusion.diffusion.sde_config import SDEConfig, SDESamplingConfig
from qdiffusion.diffusion.state_config import ScramblerConfig, ScramblingConfig
from qdiffusion.diffusion.state_objective_config import (
    ChainObjectiveConfig,
    ChainSamplingConfig,
    InfidelityConfig,
    UndoConfig,
)
from qdiffusion.errors import UsageError, first_problem, require
from qdiffusion.metrics.amplitude_config import AmplitudesEvaluationConfig
from qdiffusion.metrics.config import (
    DenoisingEvaluationConfig,
    ImagesEvaluationConfig,
    LikelihoodEvaluationConfig,
    StatesEvaluationConfig,
)
from qdiffusion.models.amplitude_config import QAMPConfig
from qdiffusion.models.capece_config import CapeceConfig
from qdiffusion.models.circuit_config import (
    ChainConfig,
    ChannelConfig,
    MixedChainConfig,
    ReuploadingConfig,
    UnitaryConfig,
)
from qdiffusion.models.codec_config import (
    AmplitudesConfig,
    AutoencoderConfig,
    DensitiesConfig,
    PixelsConfig,
    RawConfig,
)
from qdiffusion.models.config import MLPConfig, QuanvUNetConfig, QVUNetConfig, UNetConfig
from qdiffusion.models.qdm_config import NNCPQCConfig, QDMConfig
from qdiffusion.training.config import AdamConfig, AdamWConfig, EMAConfig, NaturalConfig

OneOf = Field(discriminator="kind")

Data = ImagesConfig | EnsembleConfig
Codec = PixelsConfig | RawConfig | AutoencoderConfig | AmplitudesConfig | DensitiesConfig
Forward = GaussianConfig | SDEConfig | ScramblerConfig | ScramblingConfig | AmplitudeNoiseConfig | DepolarisingConfig
Model = (
    UNetConfig
    | QVUNetConfig
    | QuanvUNetConfig
    | CapeceConfig
    | MLPConfig
    | UnitaryConfig
    | ChainConfig
    | MixedChainConfig
    | ChannelConfig
    | QAMPConfig
    | QDMConfig
    | NNCPQCConfig
    | ReuploadingConfig
)
Objective = DenoiseConfig | ReconstructConfig | InfidelityConfig | UndoConfig | ChainObjectiveConfig
Optimiser = AdamConfig | AdamWConfig | NaturalConfig
Sampling = SchedulerConfig | SDESamplingConfig | ChainSamplingConfig
Evaluation = (
    ImagesEvaluationConfig
    | StatesEvaluationConfig
    | DenoisingEvaluationConfig
    | AmplitudesEvaluationConfig
    | LikelihoodEvaluationConfig
)


@dataclass(frozen=True)
class Stage:
    """One part of a training: an objective, an optimiser and a number of steps."""

    name: str = "train"
    """What the stage is called in logs."""
    steps: int = 9375
    """Optimiser steps of each round."""
    batch_size: int = 128
    """Items a step."""
    objective: Annotated[Objective, OneOf] = field(default_factory=DenoiseConfig)
    """What is minimised, and in how many rounds."""
    optimiser: Annotated[Optimiser, OneOf] = field(default_factory=AdamConfig)
    """Starts afresh with each round."""
    ema: EMAConfig = field(default_factory=EMAConfig)
    """The average starts afresh with each round."""
    train: tuple[str, ...] = ("denoiser.*",)
    """Which parameters learn, by globs; the rest is frozen."""
    model: Annotated[Model | None, OneOf] = None
    """The denoiser from here on; None: the one before goes on. It takes over what has equal name and shape."""
    fresh: tuple[str, ...] = ()
    """Which parameters are not taken over but drawn anew, by globs."""
    forward: Annotated[Forward | None, OneOf] = None
    """How data are destroyed in this stage; None: as in the whole experiment."""
    carry: bool = False
    """Keep the optimiser's moments of the stage before."""
    accumulation: int = 1
    """Parts that a batch is cut into, one after the other, where memory is short; the gradient is that of the whole."""
    flips: bool = False
    """Turn each image left to right with probability 1/2."""

    def __post_init__(self) -> None:
        require(1 <= self.steps < 2**63, "steps", self.steps, "at least 1 and below 2^63")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        require(
            1 <= self.accumulation <= self.batch_size,
            "accumulation",
            self.accumulation,
            f"1 to batch_size = {self.batch_size}",
        )
        warmup = self.optimiser.rate.warmup
        require(warmup <= self.steps, "optimiser.rate.warmup", warmup, f"at most the stage's {self.steps} steps")
        if not self.train:
            raise UsageError(f"Stage {self.name} trains nothing: train is empty; give globs such as 'denoiser.*'.")


@dataclass(frozen=True)
class Leg:
    """Round `round` of stage `index`, from step `begin` of the run to step `end`."""

    index: int
    round: int
    begin: int
    end: int


@dataclass(frozen=True)
class Experiment:
    """Everything that decides how a run turns out."""

    name: str
    """What the run is called in reports."""
    data: Annotated[Data, OneOf] = field(default_factory=ImagesConfig)
    """The items that are learnt."""
    codec: Annotated[Codec, OneOf] = field(default_factory=PixelsConfig)
    """What diffusion sees of an item, and back."""
    forward: Annotated[Forward, OneOf] = field(default_factory=GaussianConfig)
    """How items are destroyed, and what the model is asked of what is left."""
    model: Annotated[Model, OneOf] = field(default_factory=UNetConfig)
    """The denoiser."""
    stages: tuple[Stage, ...] = (Stage(),)
    """Trained one after the other; each goes on with the weights of the one before."""
    sampling: Annotated[Sampling, OneOf] = field(default_factory=SchedulerConfig)
    """How new items are drawn."""
    evaluation: Annotated[Evaluation, OneOf] = field(default_factory=ImagesEvaluationConfig)
    """How the result is scored."""
    snapshots: tuple[int, ...] = ()
    """Steps whose averaged weights are kept; after the training each is sampled, and scored as the result is."""
    branches: tuple[int, ...] = ()
    """Steps whose checkpoint is kept for good, so that other runs can branch off there."""
    seed: int = 0
    """Fixes initial weights, order of items and noise, bit for bit on one machine."""
    log_every: int = 10
    """Steps between two lines of stats.jsonl."""
    checkpoint_every: int = 250
    """Steps between two checkpoints."""
    precision: Literal["no", "bf16"] = "no"
    """bf16: forward passes in bfloat16 where that is safe; no: float32."""
    track: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)
    """Where logged steps are sent beside stats.jsonl."""

    def __post_init__(self) -> None:
        require(len(self.stages) >= 1, "stages", self.stages, "at least one stage")
        first = self.stages[0]
        if first.carry or first.fresh:
            raise UsageError(
                f"Stage {first.name} is the first: there is nothing before it to carry over, or to draw anew; leave"
                " carry and fresh to later stages."
            )
        require(0 <= self.seed < 2**63, "seed", self.seed, "a whole number from 0 to 2^63 - 1")
        require(self.log_every >= 1, "log_every", self.log_every, "at least 1")
        require(self.checkpoint_every >= 1, "checkpoint_every", self.checkpoint_every, "at least 1")
        for name in ("snapshots", "branches"):
            _check_steps(name, getattr(self, name), self.total_steps)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Every round of every stage, in order."""
        return tuple(self._legs())

    def _legs(self) -> Iterator[Leg]:
        begin = 0
        for index, stage in enumerate(self.stages):
            for number in range(stage.objective.rounds(self.forward_of(index))):
                yield Leg(index, number, begin, begin + stage.steps)
                begin += stage.steps

    @property
    def total_steps(self) -> int:
        """Steps of all rounds of all stages together."""
        return self.legs[-1].end

    def forward_of(self, index: int) -> Forward:
        """The forward process of stage `index`."""
        return self.stages[index].forward or self.forward

    def model_of(self, index: int) -> Model:
        """The denoiser that stage `index` trains; -1: the last."""
        own = [stage.model for stage in self.stages[: index % len(self.stages) + 1] if stage.model is not None]
        return own[-1] if own else self.model

    def stage_at(self, step: int) -> int:
        """The index of the stage that makes step 1, 2, …"""
        return next(leg.index for leg in self.legs if step <= leg.end)

    def with_steps(self, steps: int) -> "Experiment":
        """The experiment whose last stage has so many steps a round; snapshots beyond the end are left out."""
        *before, last = self.stages
        shorter = replace(self, stages=(*before, replace(last, steps=steps)), snapshots=(), branches=())
        snapshots, branches = (
            tuple(step for step in kept if step <= shorter.total_steps) for kept in (self.snapshots, self.branches)
        )
        return replace(shorter, snapshots=snapshots, branches=branches)


def _check_steps(name: str, steps: tuple[int, ...], total: int) -> None:
    require(all(a < b for a, b in pairwise(steps)), name, steps, "steps in increasing order, each once")
    within = all(1 <= step <= total for step in steps)
    require(within, name, steps, f"steps from 1 to the last of the training, {total:,}")


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
