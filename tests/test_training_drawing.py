"""Circuits as data: what is left out can be put back."""

from dataclasses import replace

import pytest
from torch import nn

from qdiffusion.circuits import (
    Circuit,
    Gate,
    QuantumLayer,
    angle_encoding,
    basic_entangling,
    circuit_of,
    constant,
    fqconv,
    hqconv,
    pauli_sum,
    probabilities,
    weight,
)
from qdiffusion.training.drawing import drawings, repetition


def unrolled(circuit: Circuit) -> tuple[Gate, ...]:
    """The gates, from those that are drawn and the number of repetitions."""
    length, times = repetition(circuit.gates)
    drawn = circuit.gates[: len(circuit.gates) - (times - 1) * length]
    before, block = drawn[: len(drawn) - length], drawn[len(drawn) - length :]
    n_weights = len({gate.angle.index for gate in block if gate.angle and gate.angle.source == "weight"})

    def moved(gate: Gate, by: int) -> Gate:
        if gate.angle is None or gate.angle.source != "weight":
            return gate
        return replace(gate, angle=replace(gate.angle, index=gate.angle.index + by))

    return (*before, *(moved(gate, index * n_weights) for index in range(times) for gate in block))


@pytest.mark.parametrize("n_layers", [1, 2, 3, 5])
@pytest.mark.parametrize("ansatz", [hqconv, fqconv, lambda n_layers: basic_entangling(12, n_layers)])
def test_layers_are_found_and_make_the_whole_circuit(ansatz, n_layers: int) -> None:
    circuit = angle_encoding(12) >> ansatz(n_layers=n_layers)
    length, times = repetition(circuit.gates)
    assert (length, times) == ((len(ansatz(n_layers=1).gates), n_layers) if n_layers > 1 else (0, 1))
    assert unrolled(circuit) == circuit.gates


def test_uploading_again_is_part_of_the_layer() -> None:
    layer = angle_encoding(12) >> fqconv(1)
    circuit = layer >> layer >> layer
    assert repetition(circuit.gates) == (len(layer.gates), 3)
    assert unrolled(circuit) == circuit.gates


LINE = [Gate("h", (0,)), Gate("ry", (0,), weight(0)), Gate("ry", (1,), weight(1))]


@pytest.mark.parametrize(
    "gates",
    [
        [],
        LINE,
        [*LINE, *LINE],  # the same weights again
        [*LINE, Gate("h", (0,)), Gate("ry", (0,), weight(2)), Gate("ry", (1,), weight(4))],  # uneven steps
        [*LINE, Gate("h", (1,)), Gate("h", (1,))],  # most of it does not repeat
        [Gate("rx", (0,), constant(angle)) for angle in (0.1, 0.2, 0.3)],
    ],
)
def test_what_is_no_repetition_is_drawn_whole(gates: list[Gate]) -> None:
    assert repetition(gates) == (0, 1)


def test_gates_are_told_as_they_are() -> None:
    gates = [Gate("rz", (1,), 0.5 * weight(3), controls=(0,)), Gate("swap", (0, 1))]
    (drawing,) = drawings(QuantumLayer(circuit_of(2, gates, "two"), pauli_sum({"IX": 1}, {"ZZ": 1})))
    assert [(gate.name, gate.targets, gate.controls, gate.angle) for gate in drawing.gates] == [
        ("rz", (1,), (0,), "0.5·w3"),
        ("swap", (0, 1), (), None),
    ]
    assert drawing.read == ((1, "X"),)
    assert drawing.plan.startswith("two: 2 wires")


def test_circuits_read_differently_are_drawn_apart() -> None:
    circuit = hqconv(1)
    model = nn.ModuleList(
        [QuantumLayer(circuit, n_circuits=2), QuantumLayer(circuit, probabilities()), QuantumLayer(circuit)]
    )
    first, second = drawings(model)
    assert (first.banks, first.n_circuits, second.banks) == (("0", "2"), 3, ("1",))
    assert second.read == ()
