"""What a plan says it found."""

from collections.abc import Sequence

from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Circuit
from qdiffusion.circuits.structure import Component


def findings(circuit: Circuit, components: Sequence[Component], n_gates: int, n_outcomes: int = 0) -> list[str]:
    """A line for each pass that found something; `n_gates` are those inside the light cones."""
    splits = [(component.wires, *structure.split_prefix(component)) for component in components]
    active = {wires[wire] for wires, _, rest in splits for gate in rest for wire in gate.wires}
    lines = [f"{len(active)} active and {circuit.n_wires - len(active)} idle wires"]
    if dropped := len(circuit.gates) - n_gates:
        lines.append(f"{dropped} gates outside the light cones of what is read")
    lengths = {wire: len(run) for wires, prefix, _ in splits for wire, run in zip(wires, prefix, strict=True)}
    if leading := sum(lengths.values()):
        lines.append(f"{leading} leading one-wire gates make a product state")
    if n_outcomes:
        lines.append(f"{_counted(n_outcomes, 'measurement')} put off to the end")
    return lines


def group_line(group: Sequence[Component], how: str, cost: float, samples: int) -> str:
    """How many components alike there are, how they are computed, and how long that takes for a batch of `samples`:
    `cost` nanoseconds each.
    """
    time = f"about {cost * len(group) / 1e6:.2g} ms for {_counted(samples, 'sample')} and their gradients"
    return f"{_counted(len(group), 'component')} of {_counted(len(group[0].wires), 'qubit')}: {how}; {time}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number > 1)}"
