"""The un-computing backward pass against the dense reference, and against backprop where the reference is too slow."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_strategies import circuits, dense
from qdiffusion.circuits import (
    Circuit,
    Gate,
    circuit_of,
    input,
    pauli_x,
    pauli_z,
    state,
    structure,
    weight,
)
from qdiffusion.circuits.reference import simulate
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.vectors import adjoint, chunks, seating
from qdiffusion.circuits.vectors import words as reading
from qdiffusion.circuits.vectors.dense import DenseStates
from qdiffusion.circuits.vectors.permutation import permutation
from qdiffusion.circuits.vectors.words import DensityWords, HalvedWords, TabledWords, WordValues
from qdiffusion.errors import UsageError


def draw(seed: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).mul(2).requires_grad_()


def states(circuit: Circuit, way: str) -> DenseStates:
    component = Component(tuple(range(circuit.n_wires)), circuit.gates)
    return DenseStates([component], circuit.n_weights, differentiation=way)


def in_order(psi: torch.Tensor, order: tuple[int, ...]) -> torch.Tensor:
    """(W, 1, 1, R, 2^n) → (W·R, 2^n), wire 0 first."""
    axes = [1 + order.index(wire) for wire in range(len(order))]
    return psi.reshape(-1, *[2] * len(order)).permute(0, *axes).flatten(1)


def cut_into_sweeps(patch: pytest.MonkeyPatch, wires: int) -> None:
    """However small the state."""
    patch.setattr(seating, "WHOLE_WIRES", wires)
    patch.setattr(seating, "SWEEP_WIRES", wires)


def brickwork(n_wires: int, n_layers: int) -> Circuit:
    """RY(input), then layers of RX, RZ and CNOT bricks."""
    gates = [Gate("ry", (wire,), input(wire)) for wire in range(n_wires)]
    for layer in range(n_layers):
        first = 2 * layer * n_wires
        gates += [
            Gate(name, (w,), weight(first + 2 * w + i)) for w in range(n_wires) for i, name in enumerate(["rx", "rz"])
        ]
        gates += [Gate("x", (w + 1,), controls=(w,)) for w in range(layer % 2, n_wires - 1, 2)]
    return circuit_of(n_wires, gates, "brickwork")


@given(
    data=st.data(),
    seed=st.integers(0, 2**31),
    per_sample=st.booleans(),
    chunk=st.sampled_from([1, 8, 1 << 18]),
    sweep_wires=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_adjoint_equals_the_dense_reference(data, seed, per_sample, chunk, sweep_wires):
    circuit = data.draw(circuits())
    x, weights = draw(seed, 3, 1, circuit.n_inputs), draw(seed + 1, 3 if per_sample else 1, 1, circuit.n_weights)
    inputs = x.unsqueeze(2) if per_sample else x.transpose(0, 1).unsqueeze(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", chunk)
        cut_into_sweeps(patch, sweep_wires)
        compiled = states(circuit, "adjoint")
        got = in_order(compiled(weights, inputs), compiled.order)
        expected = dense(circuit, state(), x, weights).squeeze(1)
        assert torch.allclose(got, expected, rtol=0, atol=1e-10)
        pull = draw(seed + 2, *got.shape).detach()
        ours, theirs = (
            torch.autograd.grad((value * pull * (1 + 0.3j)).real.sum() + 0 * (x.sum() + weights.sum()), [x, weights])
            for value in (got, expected)
        )
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, rtol=0, atol=1e-9)


def test_gradients_through_several_blocks_equal_the_dense_reference():
    circuit = brickwork(6, 4)
    assert len(structure.fuse(structure.split_prefix(Component(tuple(range(6)), circuit.gates))[1])) > 2
    x, weights = draw(8, 2, 1, 6), draw(9, 1, 1, circuit.n_weights)
    compiled = states(circuit, "adjoint")
    got = in_order(compiled(weights, x.transpose(0, 1).unsqueeze(0)), compiled.order)
    expected = dense(circuit, state(), x, weights).squeeze(1)
    pull = torch.complex(draw(10, *got.shape), draw(11, *got.shape)).detach()
    ours, theirs = (torch.autograd.grad((value * pull).real.sum(), [x, weights]) for value in (got, expected))
    for mine, other in zip(ours, theirs, strict=True):
        assert other.abs().max() > 0.1
        assert torch.allclose(mine, other, rtol=0, atol=1e-10)


def test_second_derivatives_equal_those_of_backprop(monkeypatch):
    cut_into_sweeps(monkeypatch, 5)
    circuit = brickwork(6, 4)
    found = []
    for way in ("adjoint", "backprop"):
        x, weights = draw(1, 1, 1, 2, 6), draw(2, 1, 1, circuit.n_weights)
        value = states(circuit, way)(weights, x).real.pow(3).sum()
        first = torch.autograd.grad(value, [x, weights], create_graph=True)
        found.append(torch.autograd.grad(sum((g * g.detach().cos()).sum() for g in first), [x, weights]))
    for ours, theirs in zip(*found, strict=True):
        assert theirs.abs().max() > 0.1
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-10)


def test_twenty_wires_equal_the_dense_reference_in_sweeps():
    """Large enough for several sweeps, for blocks in place and at the end, and for copies between them."""
    circuit = brickwork(20, 3)
    x, weights = draw(3, 1, 1, 1, 20), draw(4, 1, 1, circuit.n_weights)
    compiled = states(circuit, "adjoint")
    with torch.no_grad():
        got = in_order(compiled(weights, x), compiled.order)[0]
        assert torch.allclose(got, simulate(circuit, x[0, 0, 0], weights[0, 0]), rtol=0, atol=1e-10)
    blocks = structure.fuse(structure.split_prefix(Component(tuple(range(20)), circuit.gates))[1])
    way = seating.route(tuple(range(20)), [block.wires for block in blocks])
    assert len(way.sweeps) > 1
    seats = [seat for sweep in way.sweeps for _, seat in sweep.steps]
    assert {place.post == 1 for place in seats} == {True, False}
    assert {place.arrange.moves for place in seats} == {True, False}


@given(data=st.data(), n_wires=st.integers(2, 9), sweep_wires=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_routes_take_blocks_that_share_a_wire_in_order(data, n_wires, sweep_wires):
    order = tuple(data.draw(st.permutations(range(n_wires))))
    wires = st.lists(st.integers(0, n_wires - 1), min_size=1, max_size=4, unique=True).map(lambda w: tuple(sorted(w)))
    blocks = data.draw(st.lists(wires, max_size=8))
    with pytest.MonkeyPatch.context() as patch:
        cut_into_sweeps(patch, sweep_wires)
        way = seating.route(order, blocks)
    taken = [index for sweep in way.sweeps for index, _ in sweep.steps]
    assert sorted(taken) == list(range(len(blocks)))
    for wire in range(n_wires):
        touching = [index for index in taken if wire in blocks[index]]
        assert touching == sorted(touching)
    # A state whose every amplitude is its own number shows where each wire stands.
    numbers = torch.arange(1 << n_wires)
    for sweep in way.sweeps:
        numbers = sweep.arrange(numbers)
        for index, place in sweep.steps:
            numbers = place.arrange(sweep.split(numbers)).flatten()
            assert sorted(way.registers[index]) == sorted(blocks[index])
            block = numbers.view(-1, place.pre, place.dim, place.post)[0, 0, :, 0]
            places = [n_wires - 1 - order.index(wire) for wire in way.registers[index]]
            bits = torch.stack([block >> at & 1 for at in places], -1)
            assert torch.equal((bits * 2 ** torch.arange(len(places)).flip(0)).sum(-1), torch.arange(place.dim))
    places = [n_wires - 1 - order.index(wire) for wire in way.order]
    bits = torch.stack([numbers >> at & 1 for at in places], -1)
    assert torch.equal((bits * 2 ** torch.arange(n_wires).flip(0)).sum(-1), torch.arange(1 << n_wires))


def test_no_samples_give_no_states():
    circuit = brickwork(5, 2)
    x, weights = draw(1, 1, 1, 0, 5), draw(2, 1, 1, circuit.n_weights)
    value = states(circuit, "adjoint")(weights, x)
    assert value.shape == (1, 1, 1, 0, 32)
    (gradient,) = torch.autograd.grad(value.real.sum(), weights)
    assert torch.equal(gradient, torch.zeros_like(weights))


def test_copies_that_move_little_cost_little():
    long, short = (
        permutation((0, 1, 2, 3, 4, 5), (1, 0, 2, 3, 4, 5)),
        permutation((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 5, 4)),
    )
    assert 0 < long.cost < short.cost
    assert permutation((0, 1), (0, 1)).cost == 0


@pytest.mark.parametrize("observable", [pauli_x(), pauli_z()])
def test_every_reading_of_words_equals_a_table_of_signs(observable, monkeypatch):
    monkeypatch.setattr(reading, "PIECE", 32)
    n = 7
    strings = ["XXIIIYZ", "YYIZXII", "YIIIIII", "IZZIIIZ", "ZIIIIII", "IIIIIII", "XYZXYZX"]
    words = [tuple((w, letter) for w, letter in enumerate(s) if letter != "I") for s in strings]
    words += observable.on(n).words
    order = (3, 0, 6, 1, 2, 5, 4)
    psi = torch.complex(draw(5, 2, 1 << n), draw(6, 2, 1 << n)).detach().requires_grad_()
    pull = draw(7, 2, len(words)).detach()
    found = []
    for words_of in (TabledWords, HalvedWords, DensityWords, WordValues):
        values = words_of(words, order)(psi)
        (plain,) = torch.autograd.grad((values.sin() * pull).sum(), psi, retain_graph=True)
        (gradient,) = torch.autograd.grad((values.sin() * pull).sum(), psi, create_graph=True)
        (second,) = torch.autograd.grad(gradient.abs().pow(2).sum(), psi)
        found.append((values, plain, gradient, second))
    for table, *others in zip(*found, strict=True):
        for other in others:
            assert torch.allclose(table, other, rtol=1e-10, atol=1e-8)


def test_all_words_on_few_wires_are_read_from_one_density_matrix():
    two = [tuple((w, p) for w, p in zip((1, 4), pair, strict=True) if p != "I") for pair in product("IXYZ", repeat=2)]
    reads = WordValues([*two, ((0, "Z"),), tuple((w, "Y") for w in range(7))], tuple(range(7)))._reads
    assert [type(read) for read in reads] == [DensityWords, TabledWords]
    assert type(WordValues([((w, "Z"),) for w in range(7)], tuple(range(7)))._reads[0]) is TabledWords


def test_what_is_not_unitary_takes_backprop():
    assert adjoint.uses_adjoint("auto", 1 << 40, unitary=True)
    assert not adjoint.uses_adjoint("auto", 1 << 40, unitary=False)
    with pytest.raises(UsageError, match="needs unitary gates"):
        adjoint.uses_adjoint("adjoint", 1, unitary=False)
    with pytest.raises(UsageError, match="'sideways'"):
        states(brickwork(2, 1), "sideways")
