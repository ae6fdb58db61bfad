"""The un-computing backward pass against the dense reference, and against backprop where the reference is too slow."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_strategies import circuits, dense
from qdiffusion.circuits import Circuit, Gate, adjoint, circuit_of, input, pauli_x, pauli_z, state, structure, weight
from qdiffusion.circuits.dense import DenseStates
from qdiffusion.circuits.reference import simulate
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.words import HalvedWords, TabledWords
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


@given(data=st.data(), seed=st.integers(0, 2**31), per_sample=st.booleans(), chunk=st.sampled_from([1, 1 << 18]))
@settings(max_examples=40, deadline=None)
def test_adjoint_equals_the_dense_reference(data, seed, per_sample, chunk):
    circuit = data.draw(circuits())
    x, weights = draw(seed, 3, 1, circuit.n_inputs), draw(seed + 1, 3 if per_sample else 1, 1, circuit.n_weights)
    inputs = x.unsqueeze(2) if per_sample else x.transpose(0, 1).unsqueeze(0)
    compiled = states(circuit, "adjoint")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adjoint, "CHUNK", chunk)
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


def test_second_derivatives_equal_those_of_backprop():
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


def test_wires_anywhere_meet_their_block_in_fourteen_qubits():
    """Large enough for blocks in place, moved to the front and moved to the end."""
    circuit = brickwork(14, 3)
    x, weights = draw(3, 1, 1, 1, 14), draw(4, 1, 1, circuit.n_weights)
    compiled = states(circuit, "adjoint")
    got = in_order(compiled(weights, x), compiled.order)[0]
    assert torch.allclose(got, simulate(circuit, x[0, 0, 0], weights[0, 0]), rtol=0, atol=1e-10)
    blocks = structure.fuse(structure.split_prefix(Component(tuple(range(14)), circuit.gates))[1])
    order, posts, moved = tuple(range(14)), set(), False
    for block in blocks:
        place, _, order = adjoint.seat(order, block.wires)
        posts.add(place.post == 1)
        moved |= place.axes != tuple(range(len(place.axes)))
    assert posts == {True, False}
    assert moved


@pytest.mark.parametrize("observable", [pauli_x(), pauli_z()])
def test_sums_and_halved_words_equal_a_table_of_signs(observable):
    n = 7
    strings = ["XXIIIYZ", "YYIZXII", "YIIIIII", "IZZIIIZ", "ZIIIIII", "IIIIIII", "XYZXYZX"]
    words = [tuple((w, letter) for w, letter in enumerate(s) if letter != "I") for s in strings]
    words += [word for total in observable.on(n).sums for _, word in total]
    order = (3, 0, 6, 1, 2, 5, 4)
    psi = torch.complex(draw(5, 2, 1 << n), draw(6, 2, 1 << n)).detach().requires_grad_()
    pull = draw(7, 2, len(words)).detach()
    found = []
    for words_of in (TabledWords, HalvedWords):
        values = words_of(words, order)(psi)
        (gradient,) = torch.autograd.grad((values.sin() * pull).sum(), psi, create_graph=True)
        (second,) = torch.autograd.grad(gradient.abs().pow(2).sum(), psi)
        found.append((values, gradient, second))
    for table, halved in zip(*found, strict=True):
        assert torch.allclose(table, halved, rtol=1e-10, atol=1e-8)


def test_what_is_not_unitary_takes_backprop():
    assert adjoint.uses_adjoint("auto", 1 << 40)
    assert not adjoint.uses_adjoint("auto", 1 << 40, unitary=False)
    with pytest.raises(UsageError, match="not unitary"):
        adjoint.uses_adjoint("adjoint", 1, unitary=False)
    with pytest.raises(UsageError, match="'sideways'"):
        states(brickwork(2, 1), "sideways")
