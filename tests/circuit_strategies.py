"""Random circuits and observables for hypothesis, and how to run them through the dense reference."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from hypothesis import strategies as st
from torch import Tensor

from qdiffusion.circuits import (
    Circuit,
    Gate,
    Observable,
    circuit_of,
    constant,
    depolarising,
    diagonal,
    input,
    kraus,
    measure,
    pauli_sum,
    postselect,
    unitary,
    weight,
)
from qdiffusion.circuits.gates import GATES
from qdiffusion.circuits.reference import evaluate
from qdiffusion.circuits.superoperators import CHANNELS

MAX_WIRES = 6


@st.composite
def angles(draw, n_weights: int, n_inputs: int):
    source = draw(st.sampled_from(["weight", "input", "constant"]))
    if source == "constant":
        return constant(draw(st.floats(-7, 7)))
    free = (
        weight(draw(st.integers(0, n_weights - 1))) if source == "weight" else input(draw(st.integers(0, n_inputs - 1)))
    )
    return draw(st.sampled_from([1.0, -1.0, 0.5, 2.0])) * free + draw(st.sampled_from([0.0, 0.7]))


@st.composite
def gates(draw, n_wires: int, n_weights: int, n_inputs: int):
    names = [name for name, kind in GATES.items() if kind.n_wires <= n_wires]
    name = draw(st.sampled_from(names))
    n_targets = GATES[name].n_wires
    n_controls = draw(st.integers(0, min(2, n_wires - n_targets)))
    wires = draw(st.permutations(range(n_wires)))
    angle = draw(angles(n_weights, n_inputs)) if GATES[name].frequency else None
    return Gate(name, tuple(wires[:n_targets]), angle, tuple(wires[n_targets : n_targets + n_controls]))


@st.composite
def matrix_gates(draw, n_wires: int):
    """A random unitary, full or diagonal, on one or two wires."""
    wires = draw(st.permutations(range(n_wires)))
    n_targets = draw(st.integers(1, min(2, n_wires)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    random = torch.randn(2**n_targets, 2**n_targets, dtype=torch.complex128, generator=generator)
    controls = tuple(wires[n_targets : n_targets + draw(st.integers(0, 1))])
    if draw(st.booleans()):
        return diagonal(random[0] / random[0].abs(), wires[:n_targets], controls)
    return unitary(torch.linalg.qr(random)[0], wires[:n_targets], controls)


@st.composite
def open_circuits(draw, max_wires: int = 4, post_selects: bool = True) -> Circuit:
    """Circuits with given matrices, measurements, post-selections and prepared wires anywhere."""
    n_wires = draw(st.integers(1, max_wires))
    wire = st.integers(0, n_wires - 1)
    kinds = [gates(n_wires, 4, 3), gates(n_wires, 4, 3), matrix_gates(n_wires), st.builds(measure, wire)]
    if post_selects:
        kinds.append(st.builds(postselect, wire, st.integers(0, 1)))
    found = tuple(draw(st.lists(st.one_of(kinds), max_size=10)))
    prepared = tuple(draw(st.permutations(range(n_wires)))[: draw(st.integers(0, n_wires))])
    n_amplitudes = 1 << len(prepared) if prepared else 0
    moved = tuple(_behind(gate, n_amplitudes) for gate in found)
    return Circuit(n_wires, moved, 4, 3 + n_amplitudes, "open", prepared)


@st.composite
def channels(draw, n_wires: int):
    """A channel of any kind; strengths are numbers, weights 4 and 5 or inputs 3 and 4, or 1 minus half of these."""
    wires = draw(st.permutations(range(n_wires)))
    name = draw(st.sampled_from([*CHANNELS, "kraus"]))
    own = tuple(wires[: draw(st.integers(1, min(2, n_wires)))])
    if name == "kraus":
        return random_channel(own, draw(st.integers(1, 4)), draw(st.integers(0, 2**31)))
    free = st.sampled_from([weight(4), weight(5), input(3), input(4)])
    turned = free.map(lambda angle: 1 - 0.5 * angle)
    strength = draw(st.one_of(st.floats(0, 1).map(constant), free, turned))
    return depolarising(own, strength) if name == "depolarising" else Gate(name, own[:1], strength)


def random_channel(wires: Sequence[int], n_operators: int, seed: int) -> Gate:
    """The blocks of an isometry's columns."""
    generator = torch.Generator().manual_seed(seed)
    size = 2 ** len(wires)
    random = torch.randn(n_operators * size, size, dtype=torch.complex128, generator=generator)
    return kraus(torch.linalg.qr(random)[0].unflatten(0, (n_operators, size)), wires)


@st.composite
def mixed_circuits(draw, max_wires: int = 3, post_selects: bool = True, measures: bool = True) -> Circuit:
    """Circuits with a channel or a given density matrix, and everything that `open_circuits` have; of 6 weights and 5
    inputs channels read the last two.
    """
    n_wires = draw(st.integers(1, max_wires))
    wire = st.integers(0, n_wires - 1)
    kinds = [gates(n_wires, 4, 3), gates(n_wires, 4, 3), matrix_gates(n_wires), channels(n_wires), channels(n_wires)]
    kinds += [st.builds(measure, wire)] if measures else []
    kinds += [st.builds(postselect, wire, st.integers(0, 1))] if post_selects else []
    found = draw(st.lists(st.one_of(kinds), max_size=8))
    prepared = tuple(draw(st.permutations(range(n_wires)))[: draw(st.integers(0, n_wires))])
    density = bool(prepared) and draw(st.booleans())
    if not density:
        found.insert(draw(st.integers(0, len(found))), draw(channels(n_wires)))
    bare = Circuit(n_wires, (), 6, 1 << 2 * n_wires, "mixed", prepared, density)
    moved = tuple(_behind(gate, bare.n_amplitudes) for gate in found)
    return replace(bare, gates=moved, n_inputs=5 + bare.n_amplitudes)


def _behind(gate: Gate, n_amplitudes: int) -> Gate:
    """The gate, whose input angles stand behind the amplitudes."""
    if gate.angle is None or gate.angle.source != "input":
        return gate
    return replace(gate, angle=replace(gate.angle, index=gate.angle.index + n_amplitudes))


@st.composite
def circuits(draw, max_wires: int = MAX_WIRES, max_gates: int = 14, matrices: bool = True) -> Circuit:
    n_wires = draw(st.integers(1, max_wires))
    kinds = [gates(n_wires, 4, 3), *([matrix_gates(n_wires)] if matrices else [])]
    found = draw(st.lists(st.one_of(kinds), max_size=max_gates))
    circuit = circuit_of(n_wires, found, "random")
    return Circuit(n_wires, circuit.gates, 4, 3, "random")


@st.composite
def pauli_sums(draw, n_wires: int):
    word = st.text("IXYZ", min_size=n_wires, max_size=n_wires)
    total = st.dictionaries(word, st.floats(-2, 2), min_size=1, max_size=3)
    return pauli_sum(*draw(st.lists(total, min_size=1, max_size=3)))


def dense(circuit: Circuit, observable: Observable, x: Tensor, weights: Tensor) -> Tensor:
    """The reference for x (B, C, n_inputs) and weights broadcast to (B, C, n_weights)."""
    weights = weights.expand(*x.shape[:2], -1)
    rows = [
        torch.stack([evaluate(circuit, observable, x[b, c], weights[b, c]) for c in range(x.shape[1])])
        for b in range(len(x))
    ]
    return torch.stack(rows)


def draws(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Standard normal numbers times 2, of each shape, that require gradients."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).mul(2).requires_grad_() for shape in shapes]


def assert_equal_with_gradients(first: Tensor, second: Tensor, arguments: list[Tensor], seed: int) -> None:
    """Values, and gradients of a random sum of them by the arguments."""
    (cotangent,) = draws(seed, tuple(first.shape))
    assert torch.allclose(first, second, rtol=0, atol=1e-10)
    ours, theirs = (
        # A value that depends on nothing carries no gradient; to add zero makes that a gradient of zero.
        torch.autograd.grad((value * cotangent.detach()).sum() + 0 * sum(a.sum() for a in arguments), arguments)
        for value in (first, second)
    )
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-9)
