"""Density matrices and channels against the dense reference, PennyLane's mixed simulator and closed forms."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from circuit_strategies import dense, mixed_circuits, pauli_sums, random_channel
from qdiffusion.circuits import (
    Circuit,
    FubiniStudy,
    Gate,
    Plan,
    QuantumLayer,
    amplitude_damping,
    angle_encoding,
    basic_entangling,
    bit_flip,
    branches,
    circuit_of,
    constant,
    density_matrix,
    density_preparation,
    depolarising,
    input,
    inverse,
    kraus,
    measure,
    pauli_sum,
    pauli_x,
    pauli_y,
    pauli_z,
    phase_damping,
    phase_flip,
    postselect,
    probabilities,
    reset,
    state,
    state_preparation,
    trainable_hermitian,
    weight,
)
from qdiffusion.circuits.doubling import doubled
from qdiffusion.circuits.gates import GATES
from qdiffusion.circuits.plans.deferral import defer
from qdiffusion.circuits.reference import simulate_densities
from qdiffusion.circuits.superoperators import CHANNELS
from qdiffusion.errors import UsageError

SEEDS = st.integers(0, 2**31)
NOTHING = torch.zeros(1, 0, dtype=torch.float64)
BELL = (Gate("h", (0,)), Gate("x", (1,), controls=(0,)))


def random_densities(generator: torch.Generator, *shape: int, n_wires: int) -> Tensor:
    """GG† / Tr GG† of Gaussian G, (*shape, 2^n, 2^n)."""
    g = torch.randn(*shape, 2**n_wires, 2**n_wires, dtype=torch.complex128, generator=generator)
    rho = g @ g.mH
    return rho / rho.diagonal(dim1=-2, dim2=-1).real.sum(-1)[..., None, None]


def draw_inputs(circuit: Circuit, seed: int) -> tuple[Tensor, Tensor]:
    """x (2, 1, n_inputs) and weights (1, 6) of `mixed_circuits`: states, angles and strengths."""
    generator = torch.Generator().manual_seed(seed)

    def angles_and_strengths(*shape: int, n_angles: int) -> Tensor:
        angles = torch.randn(*shape, n_angles, generator=generator, dtype=torch.float64) * 2
        strengths = torch.rand(*shape, 2, generator=generator, dtype=torch.float64)
        return torch.cat([angles, 0.02 + 0.96 * strengths], -1)

    weights = angles_and_strengths(1, n_angles=4)
    free = angles_and_strengths(2, 1, n_angles=3)
    if circuit.density:
        given = random_densities(generator, 2, 1, n_wires=len(circuit.prepared)).flatten(-2)
        free = torch.cat([given, free.to(given.dtype)], -1)
    elif circuit.prepared:
        given = torch.randn(2, 1, circuit.n_amplitudes, generator=generator, dtype=torch.complex128)
        free = torch.cat([given / given.norm(dim=-1, keepdim=True), free.to(given.dtype)], -1)
    return free.requires_grad_(), weights.requires_grad_()


def least_probability(circuit: Circuit, x: Tensor, weights: Tensor) -> float:
    """The smallest probability of the post-selections."""
    with torch.no_grad():
        densities = (simulate_densities(circuit, row[0], weights[0]).sum(0) for row in x)
        return min(float(rho.trace().real) for rho in densities)


def gradients(value: Tensor, arguments: list[Tensor]) -> list[Tensor]:
    """Of a random real sum of the values, complex ones by both parts."""
    real = torch.view_as_real(value) if value.is_complex() else value
    cotangent = torch.randn(real.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    zero = sum((a.abs().square().sum() for a in arguments), torch.zeros(())) * 0
    return list(torch.autograd.grad((real * cotangent).sum() + zero, arguments))


def off_the_norm(difference: Tensor, x: Tensor, circuit: Circuit) -> Tensor:
    """Without what another norm or trace would give, which is of no interest."""
    if difference.shape != x.shape or not circuit.prepared:
        return difference
    given = x.detach().clone()
    given[..., circuit.n_amplitudes :] = 0
    if not circuit.density:
        return difference - (given.conj() * difference).sum(-1, keepdim=True).real * given
    size = 2 ** len(circuit.prepared)
    slope = difference[..., : circuit.n_amplitudes].unflatten(-1, (size, size))
    one = torch.eye(size, dtype=slope.dtype)
    trace = slope.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    return torch.cat([(slope - trace / size * one).flatten(-2), difference[..., circuit.n_amplitudes :]], -1)


@given(data=st.data(), seed=SEEDS, differentiation=st.sampled_from(["auto", "backprop"]))
@settings(max_examples=150, deadline=None)
def test_mixed_circuits_equal_the_dense_reference(data, seed, differentiation):
    """Values, and gradients by angles, strengths and given states."""
    circuit = data.draw(mixed_circuits())
    wires = data.draw(st.permutations(range(circuit.n_wires)))[: data.draw(st.integers(1, circuit.n_wires))]
    observable = data.draw(
        st.one_of(
            st.sampled_from([pauli_x(), pauli_y(), pauli_z(), probabilities(wires), density_matrix(wires)]),
            pauli_sums(circuit.n_wires),
        )
    )
    x, weights = draw_inputs(circuit, seed)
    assume(least_probability(circuit, x, weights) > 1e-3)
    got = QuantumLayer(circuit, observable, differentiation=differentiation).double()(x, weights)
    expected = dense(circuit, observable, x, weights)
    assert torch.allclose(got, expected, rtol=0, atol=1e-10)
    for ours, theirs in zip(gradients(got, [x, weights]), gradients(expected, [x, weights]), strict=True):
        assert off_the_norm(ours - theirs, x, circuit).abs().max() < 1e-8


@given(circuit=mixed_circuits(), seed=SEEDS, per_sample=st.booleans())
@settings(max_examples=30, deadline=None)
def test_banks_equal_the_dense_reference(circuit, seed, per_sample):
    """Three circuits side by side, twice on one register, with weights for each or for each sample."""
    assume(circuit.n_wires < 3)
    x, weights = draw_inputs(circuit, seed)
    assume(least_probability(circuit, x, weights) > 1e-3)
    bank = torch.cat([weights, weights.roll(1, -1).abs().clamp(0.1, 0.9), weights * 0.5])
    each = torch.stack([bank, bank * 0.9]) if per_sample else bank
    wide = x.expand(2, 3, -1)
    assume(all(least_probability(circuit, x, row[None]) > 1e-3 for row in each.flatten(0, -2)))
    got = QuantumLayer(circuit, density_matrix([0]), 3).double()(wide, each)
    assert torch.allclose(got, dense(circuit, density_matrix([0]), wide, each), rtol=0, atol=1e-10)


def test_alike_components_run_side_by_side_with_their_own_angles_and_strengths():
    gates = [
        piece
        for first in (0, 2)
        for piece in (
            Gate("ry", (first,), input(first)),
            Gate("x", (first + 1,), controls=(first,)),
            amplitude_damping(first, weight(first)),
            Gate("rx", (first + 1,), weight(first + 1)),
            bit_flip(first + 1, 0.5 * weight(first)),
        )
    ]
    circuit = circuit_of(4, gates, "twins")
    layer = QuantumLayer(circuit, density_matrix([0, 3, 1, 2])).double()
    x = torch.rand(5, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = torch.rand(1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert "2 components of 2 qubits: density matrix on 4 wires" in layer.plan.explain()
    expected = dense(circuit, density_matrix([0, 3, 1, 2]), x, weights)
    assert torch.allclose(layer(x, weights), expected, rtol=0, atol=1e-12)


@given(data=st.data(), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_mixed_branches_are_what_measuring_leaves(data, seed):
    """Outcome by outcome its probability and the density matrix of the wires that are left, of trace 1."""
    circuit = data.draw(mixed_circuits())
    assume(0 < sum(gate.is_measurement for gate in circuit.gates) <= 2)
    x, weights = draw_inputs(circuit, seed)
    assume(least_probability(circuit, x, weights) > 1e-3)
    densities, chances = QuantumLayer(circuit, branches()).double()(x, weights)
    left = list(defer(circuit, ()).others)
    rest = [wire for wire in range(circuit.n_wires) if wire not in left]
    for sample, row in enumerate(x):
        raw = simulate_densities(circuit, row[0], weights[0])
        raw = raw / raw.sum(0).trace().real
        split = raw.reshape(-1, *(2,) * 2 * circuit.n_wires)
        axes = [[1 + wire for wire in wires] for wires in (left, rest)]
        order = [
            0,
            *axes[0],
            *(circuit.n_wires + a for a in axes[0]),
            *axes[1],
            *(circuit.n_wires + a for a in axes[1]),
        ]
        size = 2 ** len(left)
        blocks = split.permute(order).reshape(len(raw), size, size, 2 ** len(rest), -1)
        expected = blocks.diagonal(dim1=-2, dim2=-1).sum(-1)
        got = densities[sample, 0] * chances[sample, 0][:, None, None]
        assert torch.allclose(got, expected, rtol=0, atol=1e-10)
    traces = densities.diagonal(dim1=-2, dim2=-1).sum(-1).real
    assert torch.allclose(traces[chances > 1e-10], torch.ones((), dtype=torch.float64))
    loss = densities.abs().square().sum() + chances.square().sum()
    (slope,) = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
    assert bool(slope.isfinite().all())


def test_sampled_mixed_branches_follow_their_probabilities():
    """A damped |1⟩, copied before the damping and measured after: the copy says how mixed the branch is."""
    circuit = circuit_of(
        1, [Gate("x", (0,)), amplitude_damping(0, weight(0)), measure(0), depolarising(0, 0.5)], "decay"
    )
    layer, n = QuantumLayer(circuit, branches("sampled")).double(), 4000
    gamma = torch.tensor([[0.3]], dtype=torch.float64)
    densities, chances = layer(
        torch.zeros(n, 1, 0, dtype=torch.float64), gamma, generator=torch.Generator().manual_seed(0)
    )
    ones = (densities[:, 0, 0, 1, 1].real > 0.5).double()
    assert abs(ones.mean() - 0.7) < 5 * math.sqrt(0.21 / n)
    assert torch.allclose(chances[:, 0, 0], torch.where(ones == 1, 0.7, 0.3).double())
    expected = torch.stack([1 - ones, ones], -1) * 0.5 + 0.25
    assert torch.allclose(densities[:, 0, 0].diagonal(dim1=-2, dim2=-1).real, expected)


THEIRS = {
    "depolarising": lambda p: qml.DepolarizingChannel(0.75 * p, wires=1),
    "amplitude_damping": lambda p: qml.AmplitudeDamping(p, wires=1),
    "phase_damping": lambda p: qml.PhaseDamping(p, wires=1),
    "reset": lambda p: qml.ResetError(p, 0.0, wires=1),
    "bit_flip": lambda p: qml.BitFlip(p, wires=1),
    "phase_flip": lambda p: qml.PhaseFlip(p, wires=1),
}
OURS = {
    "depolarising": depolarising,
    "amplitude_damping": amplitude_damping,
    "phase_damping": phase_damping,
    "reset": reset,
    "bit_flip": bit_flip,
    "phase_flip": phase_flip,
}


def test_every_channel_is_compared():
    assert set(THEIRS) == set(OURS) == set(CHANNELS)


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("p", [0.0, 0.37, 1.0])
def test_channels_equal_pennylanes(name, p):
    angles = torch.tensor([0.4, 1.1, -0.7, 2.0], dtype=torch.float64)

    @qml.qnode(qml.device("default.mixed", wires=3))
    def theirs():
        for wire in range(3):
            qml.RY(angles[wire].item(), wires=wire)
        qml.CNOT(wires=[0, 1])
        THEIRS[name](p)
        qml.CRX(angles[3].item(), wires=[1, 2])
        THEIRS[name](p)
        qml.T(wires=1)
        qml.IsingYY(0.3, wires=[2, 0])
        return qml.density_matrix(wires=[0, 1, 2])

    gates = [
        *(Gate("ry", (wire,), weight(wire)) for wire in range(3)),
        Gate("x", (1,), controls=(0,)),
        OURS[name](1, p),
        Gate("rx", (2,), weight(3), controls=(1,)),
        OURS[name](1, input(0)),
        Gate("t", (1,)),
        Gate("ryy", (2, 0), constant(0.3)),
    ]
    layer = QuantumLayer(circuit_of(3, gates, name), density_matrix()).double()
    got = layer(torch.tensor([[p]], dtype=torch.float64), angles[None])[0].detach()
    np.testing.assert_allclose(got.numpy(), theirs(), rtol=0, atol=1e-10)


def test_given_operators_equal_pennylanes():
    gate = random_channel([2, 0], 3, seed=4)
    operators = np.array(gate.matrix).reshape(3, 4, 4)

    @qml.qnode(qml.device("default.mixed", wires=3))
    def theirs():
        qml.Hadamard(wires=0)
        qml.CRY(0.8, wires=[0, 2])
        qml.QubitChannel(list(operators), wires=[2, 0])
        qml.S(wires=2)
        qml.CNOT(wires=[2, 1])
        return [qml.expval(qml.PauliX(0) @ qml.PauliY(2)), qml.expval(qml.PauliY(1) @ qml.PauliZ(0))]

    gates = [
        Gate("h", (0,)),
        Gate("ry", (2,), constant(0.8), controls=(0,)),
        gate,
        Gate("s", (2,)),
        Gate("x", (1,), controls=(2,)),
    ]
    layer = QuantumLayer(circuit_of(3, gates, "given"), pauli_sum({"XIY": 1}, {"ZYI": 1})).double()
    np.testing.assert_allclose(layer(NOTHING).detach()[0], theirs(), rtol=0, atol=1e-10)


def test_half_of_a_bell_pair_depolarised_is_a_werner_state():
    """(1-p) |Φ⟩⟨Φ| + p 1/4, whichever half and however many halves; ⟨XX⟩ = -⟨YY⟩ = ⟨ZZ⟩ = 1 - p."""
    phi = torch.zeros(4, 4, dtype=torch.complex128)
    phi[0, 0] = phi[0, 3] = phi[3, 0] = phi[3, 3] = 0.5
    for wires in (0, 1, (0, 1)):
        circuit = circuit_of(2, [*BELL, depolarising(wires, input(0))], "werner")
        p = torch.tensor([0.0, 0.2, 2 / 3, 1.0], dtype=torch.float64).view(4, 1, 1)
        rho = QuantumLayer(circuit, density_matrix()).double()(p)[:, 0]
        assert torch.allclose(rho, (1 - p) * phi + p * torch.eye(4) / 4, rtol=0, atol=1e-14)
        words = QuantumLayer(circuit, pauli_sum({"XX": 1}, {"YY": 1}, {"ZZ": 1})).double()(p)
        assert torch.allclose(words, (1 - p) * torch.tensor([1, -1, 1]), rtol=0, atol=1e-14)


@pytest.mark.parametrize("n_wires", [1, 2, 3, 4])
def test_purity_decays_with_every_depolarising_channel(n_wires):
    """Of any pure state, with unitaries between: Tr ρ² = (1-p)^{2L} (1 - 1/d) + 1/d."""
    p, n_layers, d = 0.15, 3, 2**n_wires
    noise = Circuit(n_wires, (depolarising(range(n_wires), p),), 0, 0)
    circuit = angle_encoding(n_wires, "y")
    for _ in range(n_layers):
        circuit = circuit >> basic_entangling(n_wires, 1) >> noise
    layer = QuantumLayer(circuit, density_matrix(), generator=torch.Generator().manual_seed(0)).double()
    rho = layer(torch.linspace(0, 2, 3 * n_wires, dtype=torch.float64).view(3, 1, n_wires))
    purity = rho.abs().square().sum((-2, -1))
    expected = (1 - p) ** (2 * n_layers) * (1 - 1 / d) + 1 / d
    assert torch.allclose(purity, torch.full_like(purity, expected), rtol=0, atol=1e-12)


def test_damping_moves_populations_and_coherences_as_it_should():
    """T1 and T2: (|0⟩ + |1⟩)/√2 after n steps."""
    n, gamma, lam = 5, 0.1, 0.3
    for channel, population, coherence in (
        (amplitude_damping(0, gamma), (1 - gamma) ** n / 2, (1 - gamma) ** (n / 2) / 2),
        (phase_damping(0, lam), 0.5, (1 - lam) ** (n / 2) / 2),
        (phase_flip(0, lam), 0.5, (1 - 2 * lam) ** n / 2),
    ):
        rho = QuantumLayer(circuit_of(1, [Gate("h", (0,)), *[channel] * n], "t"), density_matrix()).double()(NOTHING)[0]
        assert abs(rho[1, 1] - population) < 1e-14
        assert abs(rho[0, 1] - coherence) < 1e-14
    swapped = [Gate("x", (0,)), *BELL, reset(0)]
    rho = QuantumLayer(circuit_of(2, swapped, "reset"), density_matrix()).double()(NOTHING)[0]
    assert torch.allclose(rho, torch.diag(torch.tensor([0.5, 0.5, 0, 0], dtype=rho.dtype)), rtol=0, atol=1e-15)


@given(circuit=mixed_circuits(post_selects=False), seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_density_matrices_are_hermitian_positive_and_of_trace_one(circuit, seed):
    x, weights = draw_inputs(circuit, seed)
    rho = QuantumLayer(circuit, density_matrix()).double()(x, weights).detach()
    assert torch.allclose(rho, rho.mH, rtol=0, atol=1e-13)
    assert torch.allclose(rho.diagonal(dim1=-2, dim2=-1).sum(-1), torch.ones((), dtype=rho.dtype), rtol=0, atol=1e-12)
    assert torch.linalg.eigvalsh(rho).min() > -1e-12


@given(circuit=mixed_circuits(max_wires=2, post_selects=False), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_mixed_circuits_are_completely_positive(circuit, seed):
    """The Choi matrix, of half of a maximally entangled state, is positive, and tracing the output leaves 1/d."""
    assume(not circuit.prepared)
    n = circuit.n_wires
    _, weights = draw_inputs(circuit, seed)
    x = torch.rand(5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    pairs = [piece for wire in range(n) for piece in (Gate("h", (n + wire,)), Gate("x", (wire,), controls=(n + wire,)))]
    whole = Circuit(2 * n, (*pairs, *circuit.gates), 6, 5, "choi")
    choi = QuantumLayer(whole, density_matrix()).double()(x[None], weights)[0].detach()
    assert torch.linalg.eigvalsh(choi).min() > -1e-12
    reduced = QuantumLayer(whole, density_matrix(range(n, 2 * n))).double()(x[None], weights)[0].detach()
    assert torch.allclose(reduced, torch.eye(2**n, dtype=choi.dtype) / 2**n, rtol=0, atol=1e-12)


@given(seed=SEEDS, mix=st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_layers_map_density_matrices_to_density_matrices(seed, mix):
    """UρU† for unitaries, one layer behind another as in one circuit, and linear."""
    generator = torch.Generator().manual_seed(seed)
    rho = random_densities(generator, 3, 1, n_wires=2)
    unitaries = basic_entangling(2, 2)
    layer = QuantumLayer(density_preparation(2) >> unitaries, density_matrix(), generator=generator).double()
    columns = QuantumLayer(state_preparation(2) >> unitaries, state()).double()
    u = columns(torch.eye(4, dtype=torch.complex128).view(4, 1, 4), layer.weights)[:, 0].mT
    assert torch.allclose(layer(rho), u @ rho @ u.mH, rtol=0, atol=1e-13)
    flat = layer(rho.flatten(-2))
    assert torch.equal(flat, layer(rho))
    noisy = Circuit(2, (amplitude_damping(0, 0.3), depolarising((0, 1), 0.2), *BELL), 0, 0)
    after = QuantumLayer(density_preparation(2) >> noisy, density_matrix()).double()
    both = QuantumLayer(density_preparation(2) >> unitaries >> noisy, density_matrix()).double()
    assert torch.allclose(after(layer(rho)), both(rho, layer.weights), rtol=0, atol=1e-13)
    mixture = mix * rho[0] + (1 - mix) * rho[1]
    assert torch.allclose(both(mixture), mix * both(rho[0]) + (1 - mix) * both(rho[1]), rtol=0, atol=1e-13)


@given(seed=SEEDS, differentiation=st.sampled_from(["auto", "backprop", "adjoint"]))
@settings(max_examples=15, deadline=None)
def test_given_density_matrices_are_differentiated_every_way(seed, differentiation):
    """Unitary circuits on ρ are un-computed like those on states; wires that are not given start in |0⟩."""
    generator = torch.Generator().manual_seed(seed)
    rho = random_densities(generator, 2, 1, n_wires=2).flatten(-2)
    x = torch.cat([rho, torch.randn(2, 1, 2, generator=generator, dtype=torch.float64).to(rho.dtype)], -1)
    gates = [Gate("ry", (1,), input(16)), Gate("rxx", (0, 1), input(17)), Gate("y", (0,), controls=(2,))]
    circuit = density_preparation(3, [2, 0]) >> Circuit(3, tuple(gates), 0, 18) >> basic_entangling(3, 2)
    weights = torch.randn(1, circuit.n_weights, generator=generator, dtype=torch.float64)
    arguments = [x.requires_grad_(), weights.requires_grad_()]
    observable = pauli_sum({"XYZ": 1.0, "ZIX": 0.5}, {"IYI": 1})
    got = QuantumLayer(circuit, observable, differentiation=differentiation).double()(x, weights)
    expected = dense(circuit, observable, x, weights)
    assert torch.allclose(got, expected, rtol=0, atol=1e-12)
    for ours, theirs in zip(gradients(got, arguments), gradients(expected, arguments), strict=True):
        assert off_the_norm(ours - theirs, x, circuit).abs().max() < 1e-10


def test_pure_density_matrices_are_states():
    generator = torch.Generator().manual_seed(2)
    psi = torch.randn(4, 1, 8, dtype=torch.complex128, generator=generator)
    psi = psi / psi.norm(dim=-1, keepdim=True)
    rho = psi.unsqueeze(-1) @ psi.conj().unsqueeze(-2)
    after = basic_entangling(3, 1) >> Circuit(3, (measure(1), Gate("h", (1,)), depolarising(2, 0.1)), 0, 0)
    first = QuantumLayer(state_preparation(3) >> after, pauli_y(), generator=generator).double()
    second = QuantumLayer(density_preparation(3) >> after, pauli_y()).double()
    assert torch.allclose(first(psi), second(rho, first.weights), rtol=0, atol=1e-13)


def test_strengths_pass_gradcheck_twice_and_under_transforms():
    gates = [
        *BELL,
        depolarising((0, 1), weight(0)),
        amplitude_damping(0, weight(1)),
        Gate("rx", (0,), weight(2)),
        phase_damping(0, 1 - 0.5 * weight(1)),
        Gate("x", (1,), controls=(0,)),
        bit_flip(1, input(0)),
        reset(0, input(1)),
        Gate("ry", (1,), input(0)),
        phase_flip(1, weight(3)),
    ]
    circuit = circuit_of(2, gates, "noisy")
    layer = QuantumLayer(circuit, pauli_sum({"XZ": 1}, {"IY": 1}, {"ZX": 0.5, "XI": 1})).double()
    x = torch.tensor([[[0.2, 0.3]], [[0.7, 0.1]]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([[0.2, 0.4, 1.3, 0.25]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x, weights))
    assert torch.autograd.gradgradcheck(layer, (x, weights))
    (jacobian,) = torch.autograd.functional.jacobian(lambda w: layer(x, w).sum((0, 1)), weights).unbind(1)
    transformed = torch.func.jacrev(lambda w: layer(x, w).sum((0, 1)))(weights)[:, 0]
    each = torch.func.vmap(torch.func.jacrev(lambda w, row: layer(row, w).sum(0)), (None, 0))(weights, x)[:, :, 0]
    assert torch.allclose(jacobian, transformed, rtol=0, atol=1e-12)
    assert torch.allclose(jacobian, each.sum(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_slopes_are_right_where_strengths_end(p):
    """⟨X⟩ = 1 - p after depolarising, 1 - 2p after phase flips; ⟨Z⟩ = 2γ - 1 of a damped |1⟩, even at γ = 1."""
    for before, channel, observable, slope in (
        ("h", depolarising, pauli_x(), -1.0),
        ("h", phase_flip, pauli_x(), -2.0),
        ("x", amplitude_damping, pauli_z(), 2.0),
        ("x", reset, pauli_z(), 2.0),
        ("x", bit_flip, pauli_z(), 2.0),
    ):
        layer = QuantumLayer(circuit_of(1, [Gate(before, (0,)), channel(0, weight(0))], "end"), observable).double()
        weights = torch.tensor([[p]], dtype=torch.float64, requires_grad=True)
        (got,) = torch.autograd.grad(layer(NOTHING, weights).sum(), weights)
        assert abs(got.item() - slope) < 1e-12
        (again,) = torch.autograd.grad(layer(NOTHING, weights).sum(), weights, create_graph=True)
        assert abs(again.item() - slope) < 1e-12


def test_unread_and_unreached_channels_cost_nothing():
    """Behind the light cone, or diagonal before a diagonal observable: the plan is that of a circuit without."""
    clean = angle_encoding(4) >> circuit_of(4, [*BELL, Gate("x", (3,), controls=(2,))], "pairs")
    noisy = clean >> Circuit(4, (depolarising(2, 0.3), phase_damping(0, 0.2), measure(0)), 0, 0)
    ours = Plan(noisy, pauli_z([0, 1])).explain().splitlines()
    assert not any("density matrix" in line for line in ours)
    assert ours[-1] == Plan(clean, pauli_z([0, 1])).explain().splitlines()[-1]


def test_light_cones_keep_what_channels_turn_into_sight():
    """A channel that turns X into Z: the phase before it, which ⟨Z⟩ alone would not see, shows as cos θ."""
    hadamard = np.array([[1, 1], [1, -1]]) / math.sqrt(2)
    circuit = circuit_of(1, [Gate("h", (0,)), Gate("rz", (0,), input(0)), kraus([hadamard], [0])], "turned")
    theta = torch.tensor([[[0.4]], [[2.0]]], dtype=torch.float64)
    assert torch.allclose(QuantumLayer(circuit).double()(theta), theta.cos(), rtol=0, atol=1e-14)


def test_long_runs_of_channels_equal_the_dense_reference():
    """Blocks of many gates are built from parts on two wires."""
    channels = [amplitude_damping, phase_damping, bit_flip, reset, phase_flip, depolarising]
    gates = [
        piece
        for index, channel in enumerate(channels)
        for wire in (0, 1)
        for piece in (Gate("rx", (wire,), weight(6)), channel(wire, weight(index)))
    ]
    circuit = circuit_of(2, [*BELL, *gates], "long")
    x = torch.zeros(1, 1, 0, dtype=torch.float64)
    weights = torch.linspace(0.1, 0.7, 7, dtype=torch.float64)[None].requires_grad_()
    got = QuantumLayer(circuit, density_matrix()).double()(x, weights)
    expected = dense(circuit, density_matrix(), x, weights)
    assert torch.allclose(got, expected, rtol=0, atol=1e-14)
    for ours, theirs in zip(gradients(got, [weights]), gradients(expected, [weights]), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)


def test_components_without_channels_stay_state_vectors():
    pairs = circuit_of(4, [*BELL, Gate("x", (3,), controls=(2,)), depolarising(3, weight(0))], "pairs")
    circuit = angle_encoding(4) >> pairs
    for observable in (pauli_z(), density_matrix(), probabilities()):
        lines = Plan(circuit, observable).explain().splitlines()
        assert sum("qubits: state vector, fused" in line for line in lines) == 1
        assert sum("density matrix on 4 wires, 4 times the numbers of a state vector" in line for line in lines) == 1


def test_doubled_gates_are_conjugate_on_the_columns():
    for name, kind in GATES.items():
        wires = tuple(range(kind.n_wires))
        gate = Gate(name, wires, None if kind.frequency is None else constant(0.7))
        rows, columns = doubled([gate], kind.n_wires)
        matrices = [
            g.kind.terms[0]
            + (0 if g.angle is None else math.cos(g.kind.frequency * g.angle.offset)) * g.kind.terms[1]
            + (0 if g.angle is None else math.sin(g.kind.frequency * g.angle.offset)) * g.kind.terms[2]
            for g in (rows, columns)
        ]
        assert columns.wires == tuple(kind.n_wires + wire for wire in wires)
        np.testing.assert_allclose(matrices[1], matrices[0].conj(), rtol=0, atol=1e-15)


def test_trainable_hermitians_of_mixed_states_are_traces():
    circuit = angle_encoding(3) >> circuit_of(3, [*BELL, amplitude_damping(1, 0.3), Gate("swap", (1, 2))], "noisy")
    generator = torch.Generator().manual_seed(3)
    layer = QuantumLayer(circuit, trainable_hermitian([2, 0]), generator=generator).double()
    x = torch.randn(4, 1, 3, dtype=torch.float64, generator=generator)
    real, imaginary = layer.observable_weights.view(2, 4, 4)
    free = torch.complex(real, imaginary)
    rho = QuantumLayer(circuit, density_matrix([2, 0])).double()(x)
    expected = torch.einsum("ij,bcji->bc", (free + free.mH) / 2, rho).real
    assert torch.allclose(layer(x)[..., 0], expected, rtol=0, atol=1e-12)


def test_shots_of_mixed_states_follow_their_means_and_slopes():
    """⟨X⟩ = (1-p) sin θ and ⟨Z⟩ = (1-p) cos θ of RY(θ) depolarised; angles by shifts."""
    circuit = circuit_of(1, [Gate("ry", (0,), weight(0)), depolarising(0, 0.2)], "shots")
    observable, shots, theta = pauli_sum({"X": 1}, {"Z": 1}), 40_000, 0.6
    layer = QuantumLayer(circuit, observable, shots=shots).double()
    weights = torch.tensor([[theta]], dtype=torch.float64, requires_grad=True)
    got = layer(NOTHING, weights, generator=torch.Generator().manual_seed(1))[0]
    expected = 0.8 * torch.tensor([math.sin(theta), math.cos(theta)], dtype=torch.float64)
    assert ((got - expected).abs() < 5 / math.sqrt(shots)).all()
    (slope,) = torch.autograd.grad(got[0], weights)
    assert abs(slope.item() - 0.8 * math.cos(theta)) < 5 / math.sqrt(shots)
    shifted = QuantumLayer(circuit, observable, differentiation="parameter-shift").double()
    (slope,) = torch.autograd.grad(shifted(NOTHING, weights)[0, 0], weights)
    assert abs(slope.item() - 0.8 * math.cos(theta)) < 1e-12
    assert "2 runs for 1 angles" in shifted.plan.explain()


def test_rows_of_a_bank_frozen_layers_and_single_precision_agree():
    circuit = density_preparation(2) >> basic_entangling(2, 1) >> Circuit(2, (amplitude_damping(0, weight(0)),), 1, 0)
    layer = QuantumLayer(circuit, pauli_x(), 3, generator=torch.Generator().manual_seed(0)).double()
    rho = random_densities(torch.Generator().manual_seed(1), 5, n_wires=2)
    whole = layer(rho.unsqueeze(1).expand(5, 3, 4, 4))
    which = torch.tensor([2, 0, 2, 1, 0])
    assert torch.allclose(layer(rho, which=which), whole[torch.arange(5), which], rtol=0, atol=1e-14)
    assert torch.equal(layer.frozen()(rho.unsqueeze(1).expand(5, 3, 4, 4)), whole)
    single = layer.float()(rho.to(torch.complex64).unsqueeze(1).expand(5, 3, 4, 4))
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), whole, rtol=0, atol=1e-5)


def test_initial_strengths_are_probabilities():
    circuit = circuit_of(1, [Gate("rx", (0,), weight(0)), bit_flip(0, weight(1))], "initial")
    layer = QuantumLayer(circuit, n_circuits=200, generator=torch.Generator().manual_seed(0))
    assert layer.weights[:, 0].max() > 1
    assert 0 <= layer.weights[:, 1].min() < 0.1
    assert 0.9 < layer.weights[:, 1].max() <= 1
    layer(torch.zeros(200, 0))


NOISY = circuit_of(2, [*BELL, depolarising(0, weight(0))], "noisy")
PREPARED = QuantumLayer(density_preparation(1))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: depolarising(0, 1.2), "0 to 1, not 1.2"),
        (lambda: bit_flip(0, -0.1), "0 to 1, not -0.1"),
        (lambda: phase_flip(0, math.nan), "0 to 1, not nan"),
        (lambda: amplitude_damping(0, "much"), "not 'much'"),
        (lambda: depolarising(range(5), 0.1), "at most 4"),
        (lambda: depolarising((1, 1), 0.1), "twice"),
        (lambda: depolarising((), 0.1), "acts on 1 wire"),
        (lambda: Gate("bit_flip", (0,)), "takes an angle"),
        (lambda: Gate("kraus", (0,)), "Unknown gate"),
        (lambda: Gate("bit_flip", (0,), constant(0.1), controls=(1,)), "takes no controls"),
        (lambda: kraus([np.eye(2), np.eye(2)], [0]), "no channel"),
        (lambda: kraus([np.eye(4)], [0]), r"matrices \(2, 2\), not numbers of shape \(1, 4, 4\)"),
        (lambda: kraus([], [0]), "one or more"),
        (lambda: kraus([np.eye(2), np.eye(4)], [0]), "constant matrices"),
        (lambda: kraus([np.eye(32)], range(5)), "at most 4"),
        (lambda: QuantumLayer(NOISY)(torch.zeros(1, 0), torch.tensor([[1.5]])), "of 1.5 to 1.5"),
        (lambda: QuantumLayer(NOISY)(torch.zeros(1, 0), torch.tensor([[math.nan]])), "a probability"),
        (
            lambda: QuantumLayer(circuit_of(1, [bit_flip(0, 1 + input(0))], "x"))(torch.tensor([[[0.0]], [[0.5]]])),
            "of 1 to 1.5",
        ),
        (lambda: PREPARED(torch.tensor([[[0.5, 0.1], [0.2, 0.5]]])), "Hermitian"),
        (lambda: PREPARED(torch.eye(2)[None]), "trace 2"),
        (lambda: PREPARED(torch.diag(torch.tensor([1.5, -0.5]))[None]), "eigenvalue -0.5"),
        (lambda: PREPARED(torch.full((1, 2, 2), math.nan)), "Hermitian"),
        (lambda: PREPARED(torch.zeros(1, 3)), r"\(\*batch, 1, 4\)"),
        (lambda: density_preparation(0), "at least 1 wire"),
        (lambda: density_preparation(2, []), "one or more prepared"),
        (lambda: angle_encoding(1) >> density_preparation(1), "must come first"),
        (lambda: Plan(NOISY, state()), "density_matrix"),
        (lambda: Plan(density_preparation(1), state()), "density_matrix"),
        (lambda: Plan(NOISY, branches()), "measures nothing"),
        (lambda: Plan(NOISY, pauli_z(), differentiation="adjoint"), "nor are channels"),
        (lambda: Plan(NOISY, pauli_z(), differentiation="parameter-shift"), "not the strength of 'depolarising"),
        (lambda: Plan(NOISY, pauli_z(), shots=10), "not the strength"),
        (lambda: FubiniStudy(NOISY), "is mixed"),
        (lambda: inverse(NOISY), "has channels"),
        (
            lambda: Plan(basic_entangling(16, 2) >> Circuit(16, (depolarising(0, 0.1),), 0, 0), pauli_x()),
            "2\\^32 numbers.*at most 15",
        ),
    ],
)
def test_bad_requests_are_refused_in_a_sentence(build, message):
    with pytest.raises(UsageError, match=message):
        build()


def test_checks_go_with_check_norms():
    unchecked = QuantumLayer(density_preparation(1), pauli_z(), check_norms=False)
    assert unchecked(2 * torch.eye(2)[None]).item() == 0
    QuantumLayer(NOISY, check_norms=False)(torch.zeros(1, 0), torch.tensor([[1.5]]))


def test_post_selection_renormalises_mixed_states():
    """Of a Werner state, one half found in |1⟩: the other half is |1⟩ with probability 1 - p/2."""
    p = 0.3
    circuit = circuit_of(2, [*BELL, depolarising(0, p), postselect(0, 1)], "heralded")
    rho = QuantumLayer(circuit, density_matrix([1])).double()(NOTHING)[0]
    assert torch.allclose(
        rho.diagonal().real, torch.tensor([p / 2, 1 - p / 2], dtype=torch.float64), rtol=0, atol=1e-14
    )
