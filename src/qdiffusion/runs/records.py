"""What the files of a run must hold: each is validated as a whole before any of it is used.

The experiment within experiment.json is validated by `training.experiment`; here stands what is read of it elsewhere.
Fields beyond these are kept as they are.
"""

import math
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


class DataChoice(Open):
    """Which data an experiment asks for."""

    kind: str


class StageOutline(Open):
    """A stage's name, and the steps of one of its rounds."""

    name: str
    steps: Positive


class ExperimentOutline(Open):
    """What pictures and reports read of an experiment."""

    name: str
    data: DataChoice
    stages: list[StageOutline]


class SpaceFacts(Open):
    """What one item is."""

    kind: Literal["images", "states", "vectors"]
    shape: list[Positive]
    classes: list[Natural]


class DataFacts(Open):
    """The training data."""

    name: str
    source: str
    count: Positive
    space: SpaceFacts
    sha256: str


class Environment(Open):
    """Versions and machine."""

    qdiffusion: str


class RunFormat(Open):
    """What tells whether experiment.json can be read."""

    format: NotRequired[int]
    environment: NotRequired[Environment]


class RunRecord(Open):
    """experiment.json"""

    format: Literal[2]
    experiment: ExperimentOutline
    data: DataFacts
    environment: Environment
    steps: NotRequired[Positive]
    """Of all stages and rounds."""


class StepOutline(Open):
    """What every line of stats.jsonl says."""

    step: Natural
    stage: str
    loss: Finite
    learning_rate: Finite
    seconds: Finite
    items_per_second: Finite
    round: NotRequired[Natural]


def _check_scalars(line: dict[str, Any]) -> dict[str, Any]:
    for name in line.keys() - {"stage"}:
        value = line[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{name} is no finite number")
    return line


LoggedStep = Annotated[StepOutline, AfterValidator(_check_scalars)]
"""A line of stats.jsonl, further finite scalars among it; the losses of a training that goes well are finite."""


class SampleMeta(Open):
    """How a sample set was made, samples/NAME.json."""

    made: NotRequired[list[str]]
    """The same in short words: "ddim", "50 steps"."""
    classes: NotRequired[list[Natural]]
    seed: NotRequired[Natural]
    count: NotRequired[Positive]
    batch_size: NotRequired[Positive]
    step: NotRequired[Natural]
    snapshot: NotRequired[Natural]
    """The step whose snapshot was sampled."""
    finished: NotRequired[bool]
    weights_sha256: NotRequired[str]


class CheckpointMeta(Open):
    """The plain values in a checkpoint."""

    step: Natural
    stage: Natural
    round: Natural
    seconds: Finite


class ScoreRow(Open):
    """One score, and what stands beside it to read it by."""

    name: str
    value: Finite
    std: Finite | None
    beside: dict[str, Finite | None]
    better: NotRequired[Literal["lower", "higher"]]


class Metrics(Open):
    """metrics.json"""

    title: str
    rows: list[ScoreRow]
    conditions: list[str]
    """Sentences: what the scores hold for, and how they are read."""


def validated(kind: Any, content: bytes | str) -> Any:
    """The JSON value in a text, as `kind` says.

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
