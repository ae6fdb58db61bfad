"""Trees of clusters: what they look like, and that they equal the state vector on circuits nobody thought of."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qdiffusion.circuits import Gate, Plan, angle_encoding, circuit_of, hqconv, pauli_z, structure, weight
from qdiffusion.circuits.clusterwords import ClusterWords
from qdiffusion.circuits.dense import DenseWords
from qdiffusion.circuits.tree import grow_tree
from test_circuits_plan import assert_equal_with_gradients, draws


@st.composite
def trees(draw):
    """A component whose wires hang together in a tree of edges, each with many gates both ways, and words on it."""
    n_wires = draw(st.integers(2, 7))
    parents = [draw(st.integers(0, wire - 1)) for wire in range(1, n_wires)]
    edges = [(parent, wire) for wire, parent in enumerate(parents, start=1)]
    extra = draw(st.lists(st.sampled_from(edges), max_size=6))
    gates = []
    for edge in draw(st.permutations([*edges, *extra])):
        control, target = draw(st.permutations(edge))
        if draw(st.booleans()):
            gates.append(Gate("ry", (draw(st.sampled_from(edge)),), weight(len(gates))))
        gates.append(Gate(draw(st.sampled_from(["rx", "rz", "p"])), (target,), weight(len(gates)), (control,)))
    circuit = angle_encoding(n_wires, draw(st.sampled_from("xy"))) >> circuit_of(n_wires, gates, "tree", 32)
    word = st.dictionaries(st.integers(0, n_wires - 1), st.sampled_from("XYZ"), min_size=1).map(
        lambda letters: tuple(sorted(letters.items()))
    )
    return circuit, draw(st.lists(word, min_size=1, max_size=4, unique=True))


@given(case=trees(), seed=st.integers(0, 2**31), merged=st.sampled_from([1, 2, 4]))
@settings(max_examples=80, deadline=None)
def test_random_trees_equal_the_state_vector(case, seed, merged):
    circuit, words = case
    (component,) = structure.split_components(circuit.n_wires, circuit.gates)
    prefix, rest = structure.split_prefix(component)
    tree = grow_tree(circuit.n_wires, rest, merged_wires=merged)
    weights, inputs = draws(seed, (1, 2, circuit.n_weights), (1, 2, 3, circuit.n_inputs))
    clusters = ClusterWords(tree, prefix, words, circuit.n_weights)(weights, inputs)
    states = DenseWords([component], words, circuit.n_weights)(weights, inputs)
    assert_equal_with_gradients(clusters, states, [weights, inputs], seed)


def test_hqconv_is_three_clusters_and_its_last_links_belong_to_the_observables():
    tree = grow_tree(12, hqconv(3).gates)
    assert tree.clusters == ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11))
    assert [(link.control, link.target) for link in tree.links] == [(4, 8), (0, 4)] * 3
    assert tree.trailing == (5, 4)
    explained = Plan(angle_encoding(12) >> hqconv(3), pauli_z()).explain()
    assert "3 clusters of 4 qubits joined by bonds of 4" in explained


def test_every_gate_stands_once_in_a_tree_and_in_order():
    circuit = hqconv(3)
    tree = grow_tree(12, circuit.gates)
    inside = [gate for events in tree.events for event in events for gate in event.gates]
    across = [gate for link in tree.links for gate in link.gates]
    assert len(inside) + len(across) == len(circuit.gates)
    for wires, events in zip(tree.clusters, tree.events, strict=True):
        expected = [g for g in circuit.gates if set(g.wires) <= set(wires)]
        assert [g for event in events for g in event.gates] == expected


@pytest.mark.parametrize("backwards", [True, False])
def test_staircases_equal_the_state_vector(backwards):
    """Trailing links whose targets control the next: the way one circuit joins all channels of a vertex."""
    gates = [Gate("rx", (wire + 1,), weight(wire), (wire,)) for wire in range(6)]
    circuit = angle_encoding(7) >> circuit_of(7, gates[::-1] if backwards else gates, "staircase")
    (component,) = structure.split_components(circuit.n_wires, circuit.gates)
    prefix, rest = structure.split_prefix(component)
    words = [((wire, letter),) for wire in range(7) for letter in "XYZ"]
    words += [((1, "X"), (4, "Y")), ((0, "Y"), (1, "X"), (2, "Z"), (6, "X"))]
    weights, inputs = draws(5, (1, 1, circuit.n_weights), (1, 1, 3, 7))
    clusters = ClusterWords(grow_tree(7, rest, merged_wires=1), prefix, words, circuit.n_weights)(weights, inputs)
    states = DenseWords([component], words, circuit.n_weights)(weights, inputs)
    assert_equal_with_gradients(clusters, states, [weights, inputs], 5)


def test_one_circuit_over_four_channels_equals_the_state_vector():
    circuit = angle_encoding(16) >> hqconv(2, n_channels=4)
    (component,) = structure.split_components(circuit.n_wires, circuit.gates)
    words = [((wire, "Z"),) for wire in range(16)]
    weights, inputs = draws(6, (1, 1, circuit.n_weights), (1, 1, 2, 16))
    clusters = Plan(circuit, pauli_z())(weights, inputs)
    states = DenseWords([component], words, circuit.n_weights)(weights, inputs).squeeze(2)
    assert_equal_with_gradients(clusters, states, [weights, inputs], 6)


def test_one_circuit_over_all_forty_channels_splits_where_its_links_are_off():
    """With every link's angles at zero, the 160-wire circuit is forty separate ones of four wires."""
    joint = angle_encoding(160) >> hqconv(3, n_channels=40)
    weights, inputs = draws(7, (1, 1, 3, 398), (1, 1, 2, 160))
    off = torch.cat([weights[..., :320], torch.zeros_like(weights[..., 320:])], -1)
    values = Plan(joint, pauli_z())(off.flatten(2), inputs)
    alone = angle_encoding(4) >> hqconv(3, n_channels=1)
    own = off[..., :320].unflatten(-1, (40, 8)).transpose(2, 3).reshape(1, 40, 24)
    apart = Plan(alone, pauli_z())(own, inputs.unflatten(-1, (40, 4))[0].transpose(1, 2).reshape(1, 40, 2, 4))
    assert torch.allclose(values[0, 0].unflatten(-1, (40, 4)).transpose(0, 1), apart[0], atol=1e-12)


def test_wires_on_a_cycle_are_never_cut():
    ring = [Gate("rx", ((wire + 1) % 6,), weight(wire), (wire,)) for wire in range(6)]
    assert grow_tree(6, ring).clusters == ((0, 1, 2, 3, 4, 5),)


def test_a_chain_of_wires_needs_no_state_vector():
    """A GHZ chain far beyond any state vector: ⟨Z_i Z_j⟩ = cos(θ) for all pairs of a chain begun by RY(θ)."""
    n_wires = 60
    gates = [Gate("ry", (0,), weight(0)), *(Gate("x", (w + 1,), controls=(w,)) for w in range(n_wires - 1))]
    circuit = circuit_of(n_wires, gates, "ghz")
    (component,) = structure.split_components(circuit.n_wires, circuit.gates)
    prefix, rest = structure.split_prefix(component)
    words = [((0, "Z"),), ((n_wires - 1, "Z"),), ((7, "Z"), (41, "Z"))]
    (angles,) = draws(3, (1, 1, 1))
    values = ClusterWords(grow_tree(n_wires, rest), prefix, words, 1)(
        angles, torch.zeros(1, 1, 1, 0, dtype=torch.float64)
    )
    expected = torch.stack([angles.cos().squeeze()] * 2 + [torch.ones((), dtype=torch.float64)])
    assert torch.allclose(values.flatten(), expected, atol=1e-12)
