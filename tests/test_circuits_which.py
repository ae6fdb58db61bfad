"""Rows that go each through one circuit of a bank; and products of gates built in parts."""

from functools import reduce

import pytest
import torch
from torch import Tensor

from qdiffusion.circuits import (
    Circuit,
    Gate,
    QuantumLayer,
    angle_encoding,
    branches,
    circuit_of,
    conv_phase,
    hqconv,
    input,
    ladder_entangling,
    measure,
    pauli_z,
    postselect,
    state,
    state_preparation,
    trainable_hermitian,
    weight,
)
from qdiffusion.circuits.angles.composition import GateProducts
from qdiffusion.circuits.angles.nested import NestedProducts, products
from qdiffusion.circuits.circuit import constant
from qdiffusion.errors import UsageError

WHICH = torch.tensor([3, 0, 3, 3, 1, 0])
"""Circuit 2 is left out; the others have one to three rows."""


def amplitudes(generator: torch.Generator) -> Tensor:
    x = torch.randn(len(WHICH), 8, dtype=torch.complex128, generator=generator)
    return x / x.norm(dim=1, keepdim=True)


@pytest.mark.parametrize(
    ("circuit", "observable", "prepared"),
    [
        (angle_encoding(3) >> ladder_entangling(3, 2), pauli_z("each"), False),
        (state_preparation(3) >> ladder_entangling(3, 2), state(), True),
        (angle_encoding(3) >> ladder_entangling(3, 2), trainable_hermitian((0, 2)), False),
        (state_preparation(3) >> ladder_entangling(3, 1) >> circuit_of(3, [measure(2)], "m"), branches(), True),
    ],
)
def test_each_row_goes_through_its_own_circuit(circuit: Circuit, observable, prepared, generator) -> None:
    """Values and gradients of the whole bank, of which each row's own circuit is picked."""
    layer = QuantumLayer(circuit, observable, 4).double()
    x = amplitudes(generator) if prepared else torch.randn(len(WHICH), 3, dtype=torch.float64, generator=generator)
    one = layer(x, which=WHICH)
    whole = layer(x[:, None].expand(-1, 4, -1))
    rows = torch.arange(len(WHICH))
    pairs = list(zip(one, whole, strict=True)) if isinstance(one, tuple) else [(one, whole)]
    gradients = []
    for picked in (lambda a, b: a, lambda a, b: b[rows, WHICH]):
        layer.zero_grad()
        total = sum(picked(a, b).abs().square().cumsum(0).sum() for a, b in pairs)
        gradients.append(torch.autograd.grad(total, list(layer.parameters()), retain_graph=True))
    for a, b in pairs:
        torch.testing.assert_close(a, b[rows, WHICH])
    torch.testing.assert_close(*gradients)


def test_a_row_that_is_impossible_spoils_its_own_circuit_alone() -> None:
    """Row 0 leaves nothing of circuit 1, which has more rows than circuit 0."""
    gates = [Gate("ry", (0,), input(0)), Gate("ry", (1,), weight(0)), Gate("x", (1,), controls=(0,)), postselect(0, 1)]
    layer = QuantumLayer(circuit_of(2, gates, "kept"), n_circuits=2).double()
    x = torch.tensor([[0.0], [0.5], [1.0], [1.5]], dtype=torch.float64)
    layer(x, which=torch.tensor([1, 0, 1, 1]))[1:, 1].sum().backward()
    assert layer.weights.grad.isnan().flatten().tolist() == [False, True]


@pytest.mark.parametrize(
    ("x", "which", "message"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 4]), "from 0 to 4; the bank has circuits 0 to 3"),
        (torch.zeros(2, 3), torch.tensor([0, -1]), "from -1 to 0"),
        (torch.zeros(2, 3), torch.tensor([0]), "int64"),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0]), "int64"),
        (torch.zeros(2, 4, 3), torch.tensor([0, 1]), r"must be \(N, 3\)"),
        (torch.zeros(2, 2), torch.tensor([0, 1]), r"of shape \(1, 4, 2\)"),
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64), "N at least 1"),
    ],
)
def test_what_does_not_fit_the_bank_is_refused(x: Tensor, which: Tensor, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        QuantumLayer(angle_encoding(3) >> ladder_entangling(3, 1), n_circuits=4)(x, which=which)


def test_weights_and_which_are_one_too_many() -> None:
    layer = QuantumLayer(angle_encoding(3) >> ladder_entangling(3, 1), n_circuits=4)
    with pytest.raises(UsageError, match="both weights and which"):
        layer(torch.zeros(2, 3), layer.weights, which=torch.tensor([0, 1]))


@pytest.mark.parametrize(
    "runs",
    [
        [conv_phase(4, 2).gates, conv_phase(4, 1).gates],
        [(ladder_entangling(4, 3) >> conv_phase(4, 1)).gates],
        [conv_phase(3, 3).gates],
    ],
)
def test_products_in_parts_are_the_products(runs: list, generator: torch.Generator) -> None:
    n_wires = 1 + max(wire for run in runs for gate in run for wire in gate.wires)
    n_weights = 1 + max(gate.angle.index for run in runs for gate in run if gate.angle)
    angles = torch.randn(5, n_weights, dtype=torch.float64, generator=generator, requires_grad=True)
    values, gradients = [], []
    for build in (
        NestedProducts([runs, runs], n_wires, n_weights),
        GateProducts([runs, runs], range(n_wires), n_weights),
    ):
        value = build(angles)
        weight = torch.linspace(0, 1, value.numel(), dtype=torch.float64).view(value.shape)
        (gradient,) = torch.autograd.grad((value.real * weight + value.imag * weight.square()).sum(), angles)
        values.append(value.detach())
        gradients.append(gradient)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients)


def test_fixed_gates_cost_no_product(generator: torch.Generator) -> None:
    """They go into their neighbours' terms, in front, between and behind; a run of fixed gates alone is one matrix."""
    h, cx, turn = Gate("h", (0,)), Gate("x", (1,), controls=(0,)), Gate("rz", (1,), constant(0.3))
    free = [Gate("ry", (0,), weight(0)), Gate("rx", (1,), 2 * weight(1) + 0.1)]
    run = (h, turn, free[0], cx, turn, free[1], h, cx)
    built = GateProducts([[run, (turn, h)]], (0, 1), 2)
    assert len(built.terms[0].like(torch.zeros(()))) == len(free)
    angles = torch.randn(2, dtype=torch.float64, generator=generator)
    for gates, product in zip((run, (turn, h)), built(angles[None])[0, 0], strict=True):
        matrices = [GateProducts([[[gate]]], (0, 1), 2)(angles[None])[0, 0, 0] for gate in gates]
        torch.testing.assert_close(product, reduce(lambda before, gate: gate @ before, matrices))


def test_parts_are_built_where_they_hold_many_gates() -> None:
    assert isinstance(products([[conv_phase(4, 1).gates]], 4, 16), NestedProducts)
    assert isinstance(products([[conv_phase(2, 1).gates]], 2, 5), GateProducts)
    toffoli = [gate for gate in hqconv(1).gates if len(gate.wires) > 2]
    if toffoli:
        assert isinstance(products([[tuple(toffoli)]], 12, 28), GateProducts)
