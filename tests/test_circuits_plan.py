"""Plans against the dense reference on circuits nobody thought of, and what they say they found."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_strategies import assert_equal_with_gradients, circuits, dense, draws, pauli_sums
from qdiffusion.circuits import (
    Gate,
    Plan,
    QuantumLayer,
    angle_encoding,
    basic_entangling,
    circuit_of,
    fqconv,
    hqconv,
    input,
    pauli_sum,
    pauli_x,
    pauli_y,
    pauli_z,
    probabilities,
    state,
    structure,
    weight,
)
from qdiffusion.errors import UsageError

SEEDS = st.integers(0, 2**31)


@given(data=st.data(), seed=SEEDS, per_sample=st.booleans())
@settings(max_examples=60, deadline=None)
def test_random_circuits_equal_the_dense_reference(data, seed, per_sample):
    circuit = data.draw(circuits())
    observable = data.draw(
        st.one_of(st.sampled_from([pauli_x(), pauli_y(), pauli_z(), probabilities()]), pauli_sums(circuit.n_wires))
    )
    x, weights = draws(
        seed, (2, 2, circuit.n_inputs), (2, 2, circuit.n_weights) if per_sample else (2, circuit.n_weights)
    )
    layer = QuantumLayer(circuit, observable, n_circuits=2).double()
    assert_equal_with_gradients(layer(x, weights), dense(circuit, observable, x, weights), [x, weights], seed)


@given(data=st.data(), seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_random_states_equal_the_dense_reference(data, seed):
    circuit = data.draw(circuits())
    x, weights = draws(seed, (2, 1, circuit.n_inputs), (1, circuit.n_weights))
    got = QuantumLayer(circuit, state()).double()(x, weights)
    assert torch.allclose(got, dense(circuit, state(), x, weights), rtol=0, atol=1e-10)
    assert torch.allclose(got.abs().square().sum(-1), torch.ones(2, 1, dtype=torch.float64))


def test_fqconv_is_four_independent_circuits_of_three_qubits():
    parts = structure.split_components(12, (angle_encoding(12) >> fqconv(3)).gates)
    assert [part.wires for part in parts] == [(p, p + 4, p + 8) for p in range(4)]
    assert "4 components of 3 qubits" in Plan(angle_encoding(12) >> fqconv(3), pauli_z()).explain()


def test_released_hqconv_leaves_nine_wires_to_themselves():
    circuit = angle_encoding(12) >> hqconv(3, block_a=False)
    parts = structure.split_components(circuit.n_wires, circuit.gates)
    assert sorted(len(part.wires) for part in parts) == [1] * 9 + [3]
    assert next(part.wires for part in parts if len(part.wires) == 3) == (0, 4, 8)
    layer = QuantumLayer(circuit).double()
    (x,) = draws(0, (5, 1, 12))
    out = layer(x)
    idle = [wire for wire in range(12) if wire not in (0, 4, 8)]
    assert torch.allclose(out[..., idle], x[..., idle].cos())
    (gradient,) = torch.autograd.grad(out.square().sum(), layer.weights)
    alive = torch.zeros(3, 28, dtype=bool)
    alive[:, :4] = True
    assert (gradient[0, ~alive.flatten()] == 0).all()
    # The last CRZ of each pair still matters to later layers; only the very last layer's leave no trace.
    assert (gradient[0].reshape(3, 28)[:2, :4] != 0).all()


def test_plans_say_what_they_found():
    assert "3 active and 9 idle wires" in Plan(angle_encoding(12) >> hqconv(3, block_a=False), pauli_z()).explain()
    assert "12 active and 0 idle wires" in Plan(angle_encoding(12) >> hqconv(3), pauli_z()).explain()


def test_light_cones_drop_what_cannot_be_seen_and_nothing_else():
    gates = [
        Gate("ry", (0,), weight(0)),
        Gate("rx", (1,), weight(1), (0,)),
        Gate("ry", (2,), weight(2)),  # reads nothing, is read by nothing
        Gate("rz", (1,), weight(3)),  # commutes with Z
        Gate("rz", (1,), weight(4), (0,)),
    ]
    assert structure.light_cone(gates, {1}, ()) == [0, 1]
    assert structure.light_cone(gates, {0}, ()) == [0]
    assert structure.light_cone(gates, (), {1}) == [0, 1, 3, 4]
    # Control 0 is read diagonally behind the controlled gates: phases on it before them cancel, rotations do not.
    before = [Gate("rz", (0,), weight(0)), Gate("rx", (1,), weight(1), (0,))]
    assert structure.light_cone(before, {0, 1}, ()) == [1]


def test_the_directions_differ_as_the_paper_and_the_programs_do():
    program, formula = (hqconv(1, direction=d).gates for d in ("program", "formula"))
    assert [g.wires for g in formula[:24]] == [g.wires[::-1] for g in program[:24]]
    assert [g.wires for g in formula[24:]] == [g.wires for g in program[24:]]
    program, formula = (fqconv(1, direction=d).gates for d in ("program", "formula"))
    assert [g.wires for g in formula] == [g.wires[::-1] for g in program]
    assert all((g.targets[0] - g.controls[0]) % 12 == 4 for g in formula)


def test_fusing_keeps_the_order_of_gates_that_share_a_wire():
    circuit = hqconv(3)
    blocks = structure.fuse(circuit.gates)
    assert max(len(block.wires) for block in blocks) <= structure.FUSED_WIRES
    assert len(blocks) < len(circuit.gates) / 6
    fused = [gate for block in blocks for gate in block.gates]
    for wire in range(12):
        assert [g for g in fused if wire in g.wires] == [g for g in circuit.gates if wire in g.wires]


def test_composition_appends_weights_and_shares_inputs():
    once = angle_encoding(4) >> basic_entangling(4, 1)
    twice = once >> once
    assert (twice.n_inputs, twice.n_weights) == (4, 8)
    first, second = once.gates, twice.gates[len(once.gates) :]
    assert [g.angle.index for g in second if g.angle] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [g.wires for g in first] == [g.wires for g in second]


def test_layer_survives_deepcopy_pickle_and_state_dict():
    layer = QuantumLayer(angle_encoding(12) >> hqconv(2), n_circuits=2)
    (x,) = draws(1, (3, 2, 12))
    expected = layer(x)
    other = QuantumLayer(angle_encoding(12) >> hqconv(2), n_circuits=2)
    other.load_state_dict(layer.state_dict())
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
        assert torch.equal(twin(x), expected)


def test_initial_weights_follow_the_generator():
    first, second = (QuantumLayer(fqconv(3), generator=torch.Generator().manual_seed(s)).weights for s in (1, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, QuantumLayer(fqconv(3), generator=torch.Generator().manual_seed(2)).weights)
    assert 0 <= first.min() < 1 < 5 < first.max() < 6.284


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: angle_encoding(3, axis="w"), "axis 'w'"),
        (lambda: angle_encoding(3) >> hqconv(), "3 wires cannot be followed by one of 12"),
        (lambda: hqconv(0), "at least 1 layer"),
        (lambda: fqconv(direction="sideways"), "direction 'sideways'"),
        (lambda: Gate("toffoli", (0,)), "Unknown gate 'toffoli'"),
        (lambda: Gate("rx", (0,)), "takes an angle"),
        (lambda: Gate("x", (0,), weight(0)), "takes no angle"),
        (lambda: Gate("x", (1,), controls=(1,)), "names a wire twice"),
        (lambda: circuit_of(2, [Gate("x", (2,))], "far"), "leaves the circuit's wires"),
        (lambda: Plan(angle_encoding(2), pauli_z([2])), "reads wire 2"),
        (lambda: pauli_sum({"ZQ": 1}), "letters I, X, Y, Z"),
        (lambda: pauli_z("all"), "'all'"),
        (lambda: QuantumLayer(angle_encoding(2), n_circuits=0), "at least 1 circuit"),
        (lambda: QuantumLayer(angle_encoding(2))(torch.zeros(5, 1, 3)), r"\(5, 1, 3\)"),
        (lambda: QuantumLayer(angle_encoding(2))(torch.zeros(5, 2, 2)), "circuits, then inputs"),
        (lambda: QuantumLayer(angle_encoding(2))(torch.zeros(5, 1, 2, dtype=int)), "int64"),
        (lambda: QuantumLayer(fqconv(1))(torch.zeros(5, 1, 0), torch.zeros(3, 1, 24)), "broadcast"),
    ],
)
def test_bad_requests_are_refused_in_a_sentence(build, message):
    with pytest.raises(UsageError, match=message):
        build()


def test_inputs_may_feed_any_gate():
    circuit = circuit_of(2, [Gate("ry", (0,), weight(0)), Gate("rx", (1,), 2 * input(0) + 0.3, (0,))], "reupload")
    layer = QuantumLayer(circuit).double()
    x, weights = draws(4, (6, 1, 1), (1, 1))
    assert_equal_with_gradients(layer(x, weights), dense(circuit, pauli_z(), x, weights), [x, weights], 4)
