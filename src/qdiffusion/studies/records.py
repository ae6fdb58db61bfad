"""What a finished cell of a study's table leaves behind: one JSON file, small enough to commit."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from qdiffusion.errors import RunError, first_problem
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.records import Finite


@dataclass(frozen=True)
class Score:
    """One score of one set of samples, dimensionless."""

    value: Finite
    std: Finite | None
    """Standard deviation over parts of the samples, where the score has one."""
    floor: Finite | None
    """What real images score against real ones."""
    better: Literal["lower", "higher"]
    beside: dict[str, Finite] = field(default_factory=dict)
    """What else scores the same without training: {"identity": …}."""

    def reference(self, name: str) -> float | None:
        """What stands beside it under a name, "floor" or one of `beside`."""
        return self.floor if name == "floor" else self.beside.get(name)


@dataclass(frozen=True)
class Mark:
    """How good a column was at one moment of its training."""

    epoch: Annotated[Finite, Field(gt=0)]
    """Passes over the training images."""
    step: int
    """Steps of the optimiser."""
    scores: dict[str, Score]
    """By name: {"fid-mnist-cnn": …}."""


@dataclass(frozen=True)
class CellRecord:
    """One column of a table trained with one seed."""

    study: str
    """The study: "de-falco-mnist"."""
    column: str
    """The column's key: "classical", "1hq", "transfer"."""
    seed: int
    """Equal seeds share data order, training noise and sampling noise in every column."""
    parameters: int
    """Trainable parameters of the denoiser that is sampled."""
    dead: int
    """Of these, how many cannot learn."""
    marks: Annotated[tuple[Mark, ...], Field(min_length=1)]
    """In order; the last is the finished training's."""
    training_seconds: float
    """Wall time of the training steps, those of the run it branched from included."""
    sampling_seconds: float
    """Wall time of drawing the last mark's samples."""
    conditions: dict[str, Any]
    """Equal in every cell of one table: data, size, epochs, batch, sampler, steps, samples."""
    environment: dict[str, Any]
    """Machine, versions, threads, commit, date."""
    samples_sha256: str
    """Of the last mark's samples."""


def write_record(path: Path, record: CellRecord) -> None:
    """Write the JSON file of a cell; raises RunError where it cannot be written."""
    write_json_atomic(path, asdict(record))


def read_record(path: Path) -> CellRecord:
    """The record of a JSON file.

    Raises:
        RunError: the file cannot be read, or is no record.
    """
    try:
        return TypeAdapter(CellRecord).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = first_problem(error.errors()) if isinstance(error, ValidationError) else str(error)
        raise RunError(
            f"{path} is no record of a study's cell ({reason}); delete it and run the study again."
        ) from error
