"""What a run's model consists of, as it lies in `description.json`: plain values, read without building a model."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from qdiffusion.errors import RunError, first_problem
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.run import Run

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


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
    """One part of the model; `output` is the shape for one image."""

    name: str
    type: str
    parameters: int
    output: tuple[int, ...]


@dataclass(frozen=True)
class Description:
    """A model on paper."""

    name: str
    parameters: ParameterCount
    circuits: tuple[CircuitFacts, ...]
    layers: tuple[LayerFacts, ...]
    drawings: tuple[CircuitDrawing, ...]
    """The circuits of all banks, alike ones once."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def table(self) -> "Group":
        """Three tables for a terminal."""
        from rich.console import Group

        return Group(self._layer_table(), self._circuit_table(), self._parameter_table())

    def _layer_table(self) -> "Table":
        from rich.table import Table

        table = Table("layer", "type", "parameters", "output", title=self.name)
        table.columns[2].justify = "right"
        for layer in self.layers:
            shape = " × ".join(map(str, layer.output))
            table.add_row(layer.name, layer.type, f"{layer.parameters:,}", shape)
        return table

    def _circuit_table(self) -> "Table":
        from rich.table import Table

        table = Table("circuits in", "ansatz", "number", "qubits", "angles each", "gates each")
        for column in table.columns[:2]:
            column.overflow = "fold"
        for circuit in self.circuits:
            numbers = (circuit.n_circuits, circuit.n_wires, circuit.n_weights, circuit.n_gates)
            table.add_row(circuit.where, circuit.ansatz, *map(str, numbers))
        return table

    def _parameter_table(self) -> "Table":
        from rich.table import Table

        counts = self.parameters
        table = Table("parameters", "number", "of these dead")
        table.columns[1].justify = table.columns[2].justify = "right"
        table.add_row("classical", f"{counts.classical:,}", f"{counts.dead_classical:,}")
        table.add_row("quantum", f"{counts.quantum:,}", f"{counts.dead_quantum:,}")
        table.add_row("total", f"{counts.total:,}", f"{counts.dead:,}")
        return table


def write_description(run: Run, description: Description) -> None:
    """Write description.json.

    Raises:
        RunError: the folder cannot be written.
    """
    write_json_atomic(run.description_path, description.to_dict())


def read_description(run: Run) -> Description | None:
    """Read description.json, or give None where a run has none.

    Raises:
        RunError: the file is damaged.
    """
    path = run.description_path
    if not path.exists():
        return None
    try:
        return TypeAdapter(Description).validate_json(path.read_bytes(), strict=True, extra="forbid")
    except (OSError, ValidationError) as error:
        reason = str(error) if isinstance(error, OSError) else first_problem(error.errors())
        raise RunError(
            f"{path} is damaged ({reason}); delete it, and `qdiffusion resume {run.path}` writes it again."
        ) from error
