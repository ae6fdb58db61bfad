"""What limits of memory and of floating-point numbers must not do to values and gradients."""

import math

import pytest
import torch

from qdiffusion.circuits import (
    Circuit,
    Gate,
    QuantumLayer,
    angle_encoding,
    branches,
    circuit_of,
    constant,
    input,
    measure,
    pauli_z,
    postselect,
    state_preparation,
    weight,
)
from qdiffusion.errors import UsageError


@pytest.fixture
def nan_in_fresh_memory():
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)


@pytest.mark.usefixtures("nan_in_fresh_memory")
@pytest.mark.parametrize("way", ["auto", "backprop", "adjoint", "parameter-shift"])
@pytest.mark.parametrize("n_wires", [2, 3])
def test_gradients_are_no_uninitialised_memory(way, n_wires):
    """⟨Z⟩ = cos x: the state of a product prefix is a view whose layout its gradient must not take over."""
    layer = QuantumLayer(angle_encoding(n_wires), differentiation=way).double()
    x = torch.randn(2, 1, n_wires, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x).sum(), x)
    assert torch.allclose(gradient, -x.sin(), rtol=0, atol=1e-12)


def test_states_that_share_memory_are_not_written_into():
    """One amplitude stands for all: large enough for several sweeps, the first of which need not copy such a state."""
    n_wires = 19
    pairs = [(0, wire) for wire in (2, 4, 6, 8)]
    pairs += [
        (3, 11),
        (5, 18),
        (1, 9),
        (12, 14),
        (7, 16),
        (10, 17),
        (13, 2),
        (15, 6),
    ]
    gates = [Gate("rxx", pair, weight(index)) for index, pair in enumerate(pairs)]
    gates += [Gate("ry", (wire,), weight(len(pairs) + wire)) for wire in range(n_wires)]
    circuit = state_preparation(n_wires) >> circuit_of(n_wires, gates, "sweeps")
    layer = QuantumLayer(circuit, pauli_z(), differentiation="adjoint", generator=torch.Generator().manual_seed(0))
    shared = torch.full((1, 1), 2**-9.5 + 0j).expand(2, 1, 1 << n_wires)
    assert torch.equal(layer(shared), layer(shared.clone(memory_format=torch.contiguous_format)))


UNLIKELY = circuit_of(
    3,
    [
        Gate("rx", (0,), weight(0)),
        Gate("rx", (1,), weight(1)),
        Gate("ry", (2,), weight(2)),
        Gate("x", (2,), controls=(0,)),
        Gate("x", (2,), controls=(1,)),
        measure(0),
        measure(1),
    ],
    "unlikely",
)


def test_branches_of_tiny_probability_have_the_gradients_of_double_precision():
    """RX(π) leaves |0⟩ with an amplitude of 4e-8 in float32, so that outcome 00 has a probability of 4e-30."""
    angles = torch.tensor([[math.pi, math.pi, 0.7]])
    results = []
    for dtype in (torch.float32, torch.float64):
        layer = QuantumLayer(UNLIKELY, branches()).to(dtype)
        weights = angles.to(dtype).requires_grad_()
        states, chances = layer(torch.zeros(1, 1, 0, dtype=dtype), weights)
        cotangent = torch.arange(1.0, 9.0, dtype=dtype).view(4, 2)
        (gradient,) = torch.autograd.grad((states.real * cotangent + states.imag).sum() + chances.sum(), weights)
        results.append([states.squeeze().to(torch.complex128), chances.squeeze().double(), gradient.double()])
    (states, chances, gradient), (states64, chances64, gradient64) = results
    assert chances64[0] < 1e-29
    assert torch.allclose(chances, chances64, rtol=1e-5, atol=1e-7)
    assert torch.allclose(chances[0], chances64[0], rtol=1e-5, atol=0)
    assert torch.allclose(states, states64, rtol=0, atol=1e-5)
    # ∂ψ/∂θ of a branch of probability p grows as p^(-1/2), and cancels within the state to rounding.
    assert gradient.isfinite().all()
    assert torch.allclose(gradient[..., 2], gradient64[..., 2], rtol=1e-4, atol=0)


@pytest.mark.parametrize("amplitude", [1e-12, 1e-20, 1e-30, 1e-37, 1e-39, 0.0])
def test_branches_of_any_amplitude_are_states_or_nothing(amplitude):
    """A state α|0⟩|χ⟩ + |1⟩|0⟩ measured on the first wire: χ for every normal α, 0 at and below the subnormals."""
    chi = torch.tensor([0.6, 0.8j])
    psi = torch.cat([amplitude * chi, torch.tensor([1.0, 0.0])]).view(1, 4).requires_grad_()
    circuit = state_preparation(2) >> circuit_of(2, [measure(0)], "first")
    states, _ = QuantumLayer(circuit, branches())(psi)
    expected = chi if amplitude > torch.finfo(torch.float32).tiny else torch.zeros(2)
    assert torch.allclose(states[0, 0], expected.to(torch.complex64), rtol=0, atol=1e-6)
    (gradient,) = torch.autograd.grad(states.abs().square().sum(), psi)
    assert torch.allclose(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-6 / max(amplitude, 1e-38))
    assert gradient.isfinite().all()


@pytest.mark.parametrize("amplitude", [1e-12, 1e-20, 1e-37])
def test_what_is_post_selected_may_be_unlikely(amplitude):
    """α|0⟩|χ⟩ + |1⟩|0⟩ post-selected on |0⟩ of the first wire reads ⟨χ|Z|χ⟩ on the second."""
    psi = torch.tensor([[0.6 * amplitude, 0.8j * amplitude, 1.0, 0.0]])
    circuit = state_preparation(2) >> circuit_of(2, [postselect(0, 0)], "first")
    values = QuantumLayer(circuit, pauli_z([1]))(psi)
    assert torch.allclose(values, torch.tensor([[0.36 - 0.64]]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("source", ["weight", "input"])
@pytest.mark.parametrize("way", ["auto", "parameter-shift"])
def test_a_wrong_angle_spoils_only_what_depends_on_it(wrong, source, way):
    """Wire 0 turns by the wrong angle; wires 1 and 2 do not meet it, though their gates read no angle, or constants."""
    free = weight(0) if source == "weight" else input(0)
    gates = [
        Gate("ry", (0,), free),
        Gate("h", (1,)),
        Gate("rz", (1,), constant(0.3)),
        Gate("ry", (2,), weight(1)),
        Gate("x", (2,), controls=(1,)),
        Gate("rx", (1,), constant(0.4)),
    ]
    layer = QuantumLayer(Circuit(3, tuple(gates), 2, 1), pauli_z(), differentiation=way).double()
    weights, x = torch.tensor([[0.2, 0.5]], dtype=torch.float64), torch.full((1, 1, 1), 0.1, dtype=torch.float64)
    right = layer(x, weights.requires_grad_())
    (expected,) = torch.autograd.grad(right[..., 1:].sum(), weights)
    weights, x = weights.detach().clone(), x.clone()
    (weights if source == "weight" else x).view(-1)[0] = wrong
    values = layer(x, weights.requires_grad_())
    assert values[0, 0, 0].isnan()
    assert torch.equal(values[..., 1:], right[..., 1:])
    if way == "auto":
        (gradient,) = torch.autograd.grad(values[..., 1:].sum(), weights)
        assert torch.equal(gradient[0, 1], expected[0, 1])


def test_the_sentence_on_a_wrong_norm_shows_the_difference():
    layer = QuantumLayer(state_preparation(1)).double()
    with pytest.raises(UsageError, match=r"norm 1\.0001 to 1\.0001"):
        layer(torch.tensor([[1.0001, 0.0]], dtype=torch.float64))


@pytest.mark.parametrize("wrong", [{"span": -1.0}, {"span": math.nan}, {"rate": -1.0}, {"rate": math.inf}])
def test_a_span_or_rate_without_sense_is_refused(wrong):
    with pytest.raises(UsageError, match="finite numbers of at least 0"):
        QuantumLayer(angle_encoding(1), **wrong)
