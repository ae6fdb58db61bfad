"""Measurements put off to the end.

A measurement is a sum over outcomes of what the circuit does to each. Copying the wire with a CNOT to a fresh wire that
nothing touches again gives the same states, one for each value of the fresh wire. Where later gates only read the
measured wire (as a control, or diagonally), it holds the outcome itself and no copy is needed.
"""

from collections.abc import Container
from dataclasses import dataclass, replace

from qdiffusion.circuits.channels import phase_damping
from qdiffusion.circuits.circuit import Circuit, Gate
from qdiffusion.circuits.structure import is_diagonal, split_components


@dataclass(frozen=True)
class Deferred:
    """A circuit without measurements.

    Attributes:
        wires: those of the circuit as it was given; wires that hold copies follow them.
        outcomes: the wires that hold the outcomes, in the order of measurement.
    """

    circuit: Circuit
    wires: tuple[int, ...]
    outcomes: tuple[int, ...]

    @property
    def others(self) -> tuple[int, ...]:
        """The wires that do not stay in a measured basis state to the end."""
        return tuple(wire for wire in self.wires if wire not in self.outcomes)


def defer(circuit: Circuit, disturbed: Container[int]) -> Deferred:
    """Puts all measurements off; `disturbed` are the wires whose coherences are read at the end."""
    gates: list[Gate] = []
    outcomes: list[int] = []
    n_wires = circuit.n_wires
    for index, gate in enumerate(circuit.gates):
        if not gate.is_measurement:
            gates.append(gate)
            continue
        (wire,) = gate.targets
        if wire in disturbed or any(_disturbs(later, wire) for later in circuit.gates[index + 1 :]):
            gates.append(Gate("x", (n_wires,), controls=(wire,)))
            wire, n_wires = n_wires, n_wires + 1
        outcomes.append(wire)
    copied = replace(circuit, n_wires=n_wires, gates=tuple(gates))
    return Deferred(copied, tuple(range(circuit.n_wires)), tuple(outcomes))


def dephased(circuit: Circuit) -> Circuit:
    """The circuit with measurements as phase damping of strength 1, on wires joined to a channel or to a given density
    matrix: where ρ is computed anyway, that is cheaper than a copy.
    """
    parts = split_components(circuit.n_wires, circuit.gates, circuit.prepared, circuit.density)
    mixed = {wire for part in parts if part.is_mixed for wire in part.wires}
    gates = (
        phase_damping(gate.targets[0], 1.0) if gate.is_measurement and gate.targets[0] in mixed else gate
        for gate in circuit.gates
    )
    return replace(circuit, gates=tuple(gates))


def _disturbs(gate: Gate, wire: int) -> bool:
    """Whether the gate changes the wire's basis states, or measures it anew."""
    return wire in gate.targets and (gate.is_measurement or not is_diagonal(gate))
