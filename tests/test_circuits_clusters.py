"""Trees of clusters: what they look like, and that they equal the state vector on circuits nobody thought of."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_strategies import assert_equal_with_gradients, draws
from qdiffusion.circuits import (
    Gate,
    Plan,
    angle_encoding,
    circuit_of,
    hqconv,
    pauli_z,
    structure,
    weight,
)
from qdiffusion.circuits.trees import clusterwords
from qdiffusion.circuits.trees.algebra import pullback
from qdiffusion.circuits.trees.clusterwords import ClusterWords
from qdiffusion.circuits.trees.program.compilation import compile_words
from qdiffusion.circuits.trees.program.unfolding import Unfolding
from qdiffusion.circuits.trees.shape.layout import Layout
from qdiffusion.circuits.trees.shape.topology import Topology
from qdiffusion.circuits.trees.shape.tree import grow_tree
from qdiffusion.circuits.vectors.dense import DenseWords
from tree_strategies import all_letters, tied, trees, two_ways


@given(case=trees(), seed=st.integers(0, 2**31), merged=st.sampled_from([1, 2, 4]), per_sample=st.booleans())
@settings(max_examples=80, deadline=None)
def test_random_trees_equal_the_state_vector(case, seed, merged, per_sample):
    circuit, words = case
    clusters, states = two_ways(circuit, words, merged)
    batch, samples = (3, 1) if per_sample else (1, 3)
    weights, inputs = draws(seed, (batch, 2, circuit.n_weights), (batch, 2, samples, circuit.n_inputs))
    assert_equal_with_gradients(clusters(weights, inputs), states(weights, inputs), [weights, inputs], seed)


@given(case=trees(), seed=st.integers(0, 2**31), merged=st.sampled_from([1, 2, 4]))
@settings(max_examples=15, deadline=None)
def test_second_derivatives_equal_the_state_vectors(case, seed, merged):
    circuit, words = case
    weights, inputs = draws(seed, (1, 1, circuit.n_weights), (1, 1, 2, circuit.n_inputs))
    found = []
    for way in two_ways(circuit, words, merged):
        value = way(weights, inputs).sin().sum() + 0 * (weights.sum() + inputs.sum())
        first = torch.autograd.grad(value, [weights, inputs], create_graph=True)
        again = sum((gradient.sin() + 0 * gradient).sum() for gradient in first)
        zero = 0 * (weights.square().sum() + inputs.square().sum())
        found.append((*first, *torch.autograd.grad(again + zero, [weights, inputs])))
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "edges",
    [
        # Wire 2 is turned twice, and passes what it took on to wire 3 in between.
        [(1, 2), (2, 3), (1, 2), (0, 1)],
        [(1, 2), (2, 3), (3, 4), (1, 2), (0, 1)],
        # Two links behind one V, and a V that comes back.
        [(1, 2), (1, 4), (2, 3), (0, 1)],
        [(1, 2), (2, 1), (2, 3), (0, 1)],
        # A V that is to leave by the link it came from, with links ahead of it.
        [(1, 0), (1, 2), (0, 1)],
        [(1, 0), (1, 2), (2, 3), (0, 1)],
        [(1, 2), (1, 0), (2, 3), (0, 1)],
    ],
)
def test_a_turn_waits_only_where_all_its_links_lead_on(edges):
    circuit = tied(edges)
    clusters, states = two_ways(circuit, all_letters(circuit.n_wires), merged=1)
    weights, inputs = draws(8, (1, 1, circuit.n_weights), (1, 1, 3, circuit.n_inputs))
    assert_equal_with_gradients(clusters(weights, inputs), states(weights, inputs), [weights, inputs], 8)


def test_samples_of_many_chunks_equal_those_of_one(monkeypatch):
    circuit = angle_encoding(12) >> hqconv(3)
    clusters, _ = two_ways(circuit, [((wire, "Z"),) for wire in range(12)])
    weights, inputs = draws(9, (1, 2, circuit.n_weights), (1, 2, 7, 12))
    whole = clusters(weights, inputs)
    monkeypatch.setattr(clusterwords, "CHUNK", 4)
    assert_equal_with_gradients(clusters(weights, inputs), whole, [weights, inputs], 9)


def test_each_further_channel_costs_as_much_as_the_one_before():
    words = {n: [((wire, "Z"),) for wire in range(4 * n)] for n in (5, 6, 7)}
    steps = [
        len(compile_words(Layout(Topology(grow_tree(4 * n, hqconv(3, n_channels=n).gates))), words[n]).program.steps)
        for n in words
    ]
    assert steps[2] - steps[1] == steps[1] - steps[0]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_an_unfolding_has_the_axes_it_names_as_rows(data):
    """Whatever axes are kept and however they lie, both contractions are those of einsum."""
    sizes = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    kept = tuple(data.draw(st.lists(st.sampled_from(range(len(sizes))), unique=True)))
    unfolding = Unfolding(sizes, kept)
    first, second, matrix = draws(
        3, (2, math.prod(sizes)), (2, math.prod(sizes)), (2, unfolding.count, unfolding.count)
    )
    axes, new = "abcd"[: len(sizes)], {axis: "wxyz"[axis] for axis in kept}
    changed = "".join(new.get(axis, letter) for axis, letter in enumerate(axes))
    old_kept, new_kept = "".join(axes[axis] for axis in kept), "".join(new[axis] for axis in kept)
    shape = [sizes[axis] for axis in kept]
    expected = torch.einsum(f"n{axes},n{changed}->n{old_kept}{new_kept}", *(t.view(2, *sizes) for t in (first, second)))
    assert torch.allclose(unfolding.overlap(first, second), expected.reshape(2, unfolding.count, unfolding.count))
    applied = torch.einsum(
        f"n{new_kept}{old_kept},n{axes}->n{changed}", matrix.view(2, *shape, *shape), first.view(2, *sizes)
    )
    assert torch.allclose(unfolding.apply(matrix, first), applied.flatten(1))


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
    steps = [(wire, wire + 1) for wire in range(6)]
    circuit = tied(steps[::-1] if backwards else steps)
    words = [*all_letters(7), ((1, "X"), (4, "Y")), ((0, "Y"), (1, "X"), (2, "Z"), (6, "X"))]
    clusters, states = two_ways(circuit, words, merged=1)
    weights, inputs = draws(5, (1, 1, circuit.n_weights), (1, 1, 3, 7))
    assert_equal_with_gradients(clusters(weights, inputs), states(weights, inputs), [weights, inputs], 5)


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


def test_words_of_too_many_terms_are_read_from_a_state_vector(monkeypatch):
    circuit = angle_encoding(8) >> hqconv(2, n_channels=2)
    expected = Plan(circuit, pauli_z())
    assert "clusters" in expected.explain()
    monkeypatch.setattr(pullback, "MOST_TERMS", 0)
    got = Plan(circuit, pauli_z())
    assert "state vector" in got.explain()
    weights, inputs = draws(3, (1, 2, circuit.n_weights), (1, 2, 4, 8))
    assert_equal_with_gradients(got(weights, inputs), expected(weights, inputs), [weights, inputs], 3)
