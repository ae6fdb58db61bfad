"""Light cones of single observables: circuits that no state vector of all wires could hold."""

from functools import partial

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_strategies import dense, pauli_sums
from qdiffusion.circuits import (
    Circuit,
    Gate,
    Plan,
    QuantumLayer,
    circuit_of,
    input,
    on_wires,
    pauli_sum,
    pauli_x,
    pauli_z,
    weight,
)
from qdiffusion.circuits.plans.reads import split_reads
from qdiffusion.circuits.plans.ways import cheapest


def brickwork(n_wires: int, n_layers: int) -> Circuit:
    """RY(input) on every wire, then bricks of RXX·RZZ, each with angles of its own: no trees, wide cones."""
    gates = [Gate("ry", (wire,), input(wire)) for wire in range(n_wires)]
    count = 0
    for layer in range(n_layers):
        for wire in range(layer % 2, n_wires - 1, 2):
            gates += [Gate(name, (wire, wire + 1), weight(count + k)) for k, name in enumerate(("rxx", "rzz", "ryy"))]
            count += 3
    return circuit_of(n_wires, gates, f"brickwork({n_wires}, {n_layers})")


def test_forty_wires_two_bricks_deep_equal_their_cones():
    """Wire 20 depends on wires 18 … 21 alone: the same circuit cut out by hand gives the same value and gradients."""
    n_wires = 40
    circuit = brickwork(n_wires, 2)
    layer = QuantumLayer(circuit, pauli_z()).double()
    x = torch.randn(2, 1, n_wires, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    got = layer(x)
    assert got.shape == (2, 1, n_wires)
    for wire, near in ((20, (18, 19, 20, 21)), (21, (20, 21, 22, 23)), (0, (0, 1)), (39, (38, 39))):
        place = {w: index for index, w in enumerate(near)}
        gates = [g for g in circuit.gates if set(g.wires) <= set(near)]
        small = Circuit(len(near), tuple(_moved(g, place) for g in gates), circuit.n_weights, n_wires)
        expected = dense(small, pauli_z([place[wire]]), x, layer.weights)[..., 0]
        assert torch.allclose(got[..., wire], expected, rtol=0, atol=1e-10)
        ours, theirs = (torch.autograd.grad(v.sum(), x, retain_graph=True)[0] for v in (got[..., wire], expected))
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-10)


def _moved(gate: Gate, place: dict[int, int]) -> Gate:
    return Gate(gate.name, tuple(place[w] for w in gate.targets), gate.angle)


def test_plans_say_which_cones_they_cut():
    text = Plan(brickwork(40, 2), pauli_z()).explain()
    assert "light cones of at most 4 wires, of a component of 40" in text
    assert "17 components of 4 qubits" in text


def test_one_cone_serves_the_words_inside_it():
    """The ends of the line have smaller cones, which lie in their neighbours'."""
    circuit = brickwork(40, 2)
    reads = split_reads(circuit, pauli_z().on(40).words, partial(cheapest, states_only=False, samples=16))
    assert all(len(places) == 1 for places in reads.factors.values())
    assert sum(len(read.words) for read in reads.reads) == 40
    assert len(reads.reads) < 40


@given(data=st.data(), n_wires=st.integers(5, 8), n_layers=st.integers(1, 3), seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_cones_equal_the_dense_reference(data, n_wires, n_layers, seed):
    circuit = brickwork(n_wires, n_layers)
    observable = data.draw(st.one_of(st.sampled_from([pauli_z(), pauli_x()]), pauli_sums(n_wires)))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 1, n_wires, dtype=torch.float64, generator=generator)
    layer = QuantumLayer(circuit, observable, generator=generator).double()
    assert torch.allclose(layer(x), dense(circuit, observable, x, layer.weights), rtol=0, atol=1e-10)


def test_words_across_cones_stay_whole():
    """A word over both ends needs the product of two cones."""
    circuit = brickwork(30, 2)
    ends = "Z" + "I" * 28 + "Z"
    words = pauli_sum({ends: 1.0}, {"Z" + "I" * 29: 1.0}, {"I" * 29 + "Z": 1.0})
    generator = torch.Generator().manual_seed(0)
    layer = QuantumLayer(circuit, words, generator=generator).double()
    values = layer(torch.randn(3, 1, 30, dtype=torch.float64, generator=generator))
    assert torch.allclose(values[..., 0], values[..., 1] * values[..., 2], rtol=0, atol=1e-12)
    assert values[..., 0].abs().min() > 1e-3


def test_a_circuit_elsewhere_in_the_register_is_the_same():
    small = brickwork(4, 2)
    large = on_wires(small, [9, 3, 0, 6], 12)
    generator = torch.Generator().manual_seed(0)
    layer = QuantumLayer(small, pauli_x(), generator=generator).double()
    other = QuantumLayer(large, pauli_x([9, 3, 0, 6])).double()
    x = torch.randn(2, 1, 4, dtype=torch.float64, generator=generator)
    assert layer(x).abs().max() > 0.1
    assert torch.allclose(layer(x), other(x, layer.weights), rtol=0, atol=1e-12)
