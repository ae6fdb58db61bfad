"""A model's circuits, gate by gate: as data, so that a picture of them needs no model."""

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from qdiffusion.circuits import Circuit, Gate, QuantumLayer
from qdiffusion.circuits.observables import Expectations
from qdiffusion.runs.description import CircuitDrawing, GateFacts


def drawings(model: nn.Module) -> tuple[CircuitDrawing, ...]:
    """The circuits of all banks, each with its plan in words; banks that run the same circuit share one drawing."""
    banks: dict[CircuitDrawing, dict[str, int]] = {}
    for where, layer in model.named_modules():
        if isinstance(layer, QuantumLayer):
            banks.setdefault(_drawing(layer), {})[where] = layer.n_circuits
    return tuple(
        replace(drawing, banks=tuple(counts), n_circuits=sum(counts.values())) for drawing, counts in banks.items()
    )


def _drawing(layer: QuantumLayer) -> CircuitDrawing:
    circuit = layer.circuit
    length, times = repetition(circuit.gates)
    shown = circuit.gates[: len(circuit.gates) - (times - 1) * length]
    return CircuitDrawing(
        name=circuit.name,
        banks=(),
        n_circuits=0,
        n_wires=circuit.n_wires,
        n_gates=len(circuit.gates),
        gates=tuple(
            GateFacts(gate.name, gate.targets, gate.controls, str(gate.angle) if gate.angle else None) for gate in shown
        ),
        repeated=length,
        times=times,
        read=_read(layer, circuit),
        plan=layer.plan.explain(),
    )


def repetition(gates: Sequence[Gate]) -> tuple[int, int]:
    """Length and number of the equal blocks that a circuit ends in: those that leave the fewest gates to draw.

    Blocks are equal when only the numbers of their weights differ, larger by the same step in each block than in the
    one before. Where at most half of the circuit lies in such blocks, nothing counts as repeated: (0, 1).
    """
    n_gates = len(gates)
    kinds = [_split_weight(gate) for gate in gates]
    best, saved = (0, 1), 0
    for length in range(1, n_gates // 2 + 1):
        if saved >= n_gates - length:
            break
        times = 1 + _periodic(kinds, length) // length
        if 2 * times * length > n_gates and (times - 1) * length > saved:
            best, saved = (length, times), (times - 1) * length
    return best


def _split_weight(gate: Gate) -> tuple[Gate, int]:
    """The gate as if it read weight 0, and the weight it reads; -1 without one."""
    if gate.angle is None or gate.angle.source != "weight":
        return gate, -1
    return replace(gate, angle=replace(gate.angle, index=0)), gate.angle.index


def _periodic(kinds: Sequence[tuple[Gate, int]], length: int) -> int:
    """How many gates, counted from the end, equal the one `length` places before but for the same step of weights."""
    step = 0
    for count, place in enumerate(reversed(range(length, len(kinds)))):
        (later, weight), (earlier, weight_before) = kinds[place], kinds[place - length]
        if later != earlier:
            return count
        if weight >= 0:
            step = step or weight - weight_before
            if weight - weight_before != step or step <= 0:
                return count
    return len(kinds) - length


def _read(layer: QuantumLayer, circuit: Circuit) -> tuple[tuple[int, str], ...]:
    """The Pauli letters that are read of single wires."""
    readout = layer.observable.on(circuit.n_wires)
    words = readout.words if isinstance(readout, Expectations) else []
    return tuple(word[0] for word in words if len(word) == 1)
