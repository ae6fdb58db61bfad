"""What the files of a run must hold: each is validated as a whole before any of it is used.

The experiment within experiment.json is validated by `training.experiment`; here stands what is read of it elsewhere.
Fields beyond these are kept as they are.
"""

from functools import cache
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from qdiffusion.errors import first_problem

Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Open(TypedDict):
    """A record that may hold further fields."""

    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]


class DataName(Open):
    """Which images an experiment asks for."""

    name: str


class StageLength(Open):
    """How long a stage trains."""

    steps: Positive


class ExperimentOutline(Open):
    """What pictures and reports read of an experiment."""

    name: str
    data: DataName
    stages: list[StageLength]


class ImageFacts(Open):
    """The training images."""

    name: str
    source: str
    count: Positive
    channels: Literal[1, 3]
    size: Positive
    sha256: str


class Environment(Open):
    """Versions and machine."""

    qdiffusion: str


class RunRecord(Open):
    """experiment.json"""

    experiment: ExperimentOutline
    data: ImageFacts
    environment: Environment


class LoggedStep(Open):
    """A line of stats.jsonl; the losses of a training that goes well are finite."""

    step: Natural
    stage: str
    loss: Finite
    learning_rate: Finite
    seconds: Finite
    images_per_second: Finite


class SampleMeta(Open):
    """How a sample set was made, samples/NAME.json."""

    sampler: NotRequired[str]
    steps: NotRequired[Positive]
    seed: NotRequired[Natural]
    count: NotRequired[Positive]
    batch_size: NotRequired[Positive]
    step: NotRequired[Natural]
    finished: NotRequired[bool]
    weights_sha256: NotRequired[str]


class CheckpointMeta(Open):
    """The plain values in a checkpoint."""

    step: Natural
    stage: Natural
    seconds: Finite


class ScoreConditions(Open):
    """What metrics.json says of its scores, which carry the network's name: `fid-mnist-cnn`."""

    features: str
    reference: str
    n_samples: Positive
    n_reference: Positive
    n_floor: Positive
    fid_rank_deficient: bool


def _check_scores(metrics: dict[str, Any]) -> dict[str, Any]:
    """Every score is a number or null; those of the network are there."""
    network = metrics["features"]
    for name in (f"{score}-{network}" for score in ("fid", "kid", "is")):
        if name not in metrics:
            raise ValueError(f"{name} is missing")
        for key in (name, f"{name}-std", f"floor-{name}"):
            value = metrics.get(key)
            if isinstance(value, bool) or not isinstance(value, int | float | None):
                raise ValueError(f"{key} is no number")
    return metrics


Metrics = Annotated[ScoreConditions, AfterValidator(_check_scores)]


def validated(kind: Any, content: bytes | str) -> dict[str, Any]:
    """The JSON object in a text, as `kind` says.

    Raises:
        ValueError: no JSON, a field missing, or a value of the wrong type or range; says which.
    """
    try:
        return _adapter(kind).validate_json(content)
    except ValidationError as error:
        raise ValueError(first_problem(error.errors())) from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
