"""What a run's models consist of, as they lie in `description.json`: plain values, read without building a model."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from qdiffusion.errors import RunError, first_problem
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.names import spans
from qdiffusion.runs.run import Run

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of parameters; the dead ones, split by kind, are among the others."""

    total: int
    classical: int
    quantum: int
    dead: int
    dead_classical: int
    dead_quantum: int


@dataclass(frozen=True)
class DeadParameters:
    """The entries of one parameter that cannot learn."""

    name: str
    count: int
    size: int
    """Entries of the parameter, dead or not."""
    places: str
    """Which, row after row: "4-27, 32-55"; "all"."""


@dataclass(frozen=True)
class CircuitFacts:
    """One bank of circuits: `n_circuits` of one shape, each with its own weights."""

    where: str
    ansatz: str
    n_circuits: int
    n_wires: int
    n_weights: int
    n_gates: int


@dataclass(frozen=True)
class GateFacts:
    """One gate; `angle` as it is written, "w3" or "-0.5·i0", None where the gate has none."""

    name: str
    targets: tuple[int, ...]
    controls: tuple[int, ...]
    angle: str | None

    @property
    def wires(self) -> tuple[int, ...]:
        """Controls first, then targets."""
        return self.controls + self.targets


@dataclass(frozen=True)
class CircuitDrawing:
    """One circuit, gate by gate, and the banks that run it.

    The last `repeated` of the `gates` stand for `times` repetitions of themselves, each with the next weights.

    Raises:
        ValueError: a gate leaves the wires, or more gates repeat than there are.
    """

    name: str
    banks: tuple[str, ...]
    """Names of the modules."""
    n_circuits: int
    """In all banks together."""
    n_wires: int
    n_gates: int
    """With all repetitions."""
    gates: tuple[GateFacts, ...]
    repeated: int
    times: int
    read: tuple[tuple[int, str], ...]
    """What is read of single wires at the end: (0, "Z")."""
    plan: str
    """How it is computed, in words."""

    def __post_init__(self) -> None:
        wires = {wire for gate in self.gates for wire in gate.wires} | {wire for wire, _ in self.read}
        if not all(0 <= wire < self.n_wires for wire in wires) or not all(gate.targets for gate in self.gates):
            raise ValueError(f"a gate leaves the wires 0 … {self.n_wires - 1}")
        if not 0 <= self.repeated <= len(self.gates):
            raise ValueError(f"{self.repeated} of {len(self.gates)} gates repeat")


@dataclass(frozen=True)
class LayerFacts:
    """One part of the model; `output` is the shape for one item, () where it is not known."""

    name: str
    type: str
    parameters: int
    output: tuple[int, ...]

    @property
    def shape(self) -> str:
        """The output's, as readers see it: "16 × 8 × 8"; "–" where it is not known."""
        return " × ".join(map(str, self.output)) or "–"


@dataclass(frozen=True)
class Description:
    """A model on paper."""

    name: str
    stage: str
    """The names of the stages that use it."""
    parameters: ParameterCount
    dead: tuple[DeadParameters, ...]
    circuits: tuple[CircuitFacts, ...]
    layers: tuple[LayerFacts, ...]
    drawings: tuple[CircuitDrawing, ...]
    """The circuits of all banks, alike ones once."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def table(self) -> "Group":
        """Three tables for a terminal."""
        from qdiffusion.runs.tables import tables

        return tables(self)


@dataclass(frozen=True)
class DescribedModels:
    """What description.json holds."""

    models: tuple[Description, ...]


def grouped_circuits(circuits: Sequence[CircuitFacts]) -> list[CircuitFacts]:
    """Equal banks of consecutive modules as one, "steps.0 … steps.19", whose circuits are summed."""
    found = spans([each.where for each in circuits], [replace(each, where="") for each in circuits])
    return [
        replace(circuits[places[0]], where=name, n_circuits=sum(circuits[place].n_circuits for place in places))
        for name, places in found
    ]


def grouped_layers(layers: Sequence[LayerFacts]) -> list[LayerFacts]:
    """Equal parts that count on as one, "steps.0 … steps.19", whose parameters are summed."""
    found = spans([each.name for each in layers], [replace(each, name="") for each in layers])
    return [
        replace(layers[places[0]], name=name, parameters=sum(layers[place].parameters for place in places))
        for name, places in found
    ]


def write_description(run: Run, models: Sequence[Description]) -> None:
    """Write description.json, each distinct model of the stages once.

    Raises:
        RunError: the folder cannot be written.
    """
    write_json_atomic(run.description_path, {"models": [model.to_dict() for model in models]})


def read_description(run: Run) -> tuple[Description, ...] | None:
    """Read description.json, or give None where a run has none.

    Raises:
        RunError: the file is damaged.
    """
    path = run.description_path
    if not path.exists():
        return None
    try:
        return TypeAdapter(DescribedModels).validate_json(path.read_bytes(), strict=True, extra="forbid").models
    except (OSError, ValidationError) as error:
        reason = str(error) if isinstance(error, OSError) else first_problem(error.errors())
        raise RunError(
            f"{path} is damaged ({reason}); delete it, and `qdiffusion resume {run.path}` writes it again."
        ) from error
