"""Ensembles of states against their formulas, ground states against dense diagonalisation and conservation laws."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states import (
    circle,
    correlated,
    derived,
    magnetisation,
    tfim,
    tfim_ground_states,
    xxz,
    xxz_ground_states,
)


def tfim_matrix(n: int, field: float) -> np.ndarray:
    terms = [-qml.Z(j) @ qml.Z(j + 1) for j in range(n - 1)] + [-field * qml.X(j) for j in range(n)]
    return qml.matrix(qml.sum(*terms), wire_order=range(n))


def xxz_matrix(n: int, anisotropy: float) -> np.ndarray:
    bonds = [(j, j + 1) for j in range(n - 1)]
    terms = [c * p(i) @ p(j) for i, j in bonds for c, p in ((1, qml.X), (1, qml.Y), (anisotropy, qml.Z))]
    return qml.matrix(qml.sum(*terms), wire_order=range(n))


def moments(matrix: np.ndarray, state: Tensor) -> tuple[float, float]:
    """⟨H⟩ and ‖(H - ⟨H⟩)ψ‖."""
    psi = state.numpy()
    energy = np.vdot(psi, matrix @ psi).real
    return energy, np.linalg.norm(matrix @ psi - energy * psi)


@pytest.mark.parametrize(
    ("found", "matrix", "n_qubits", "parameters"),
    [
        *[(tfim_ground_states, tfim_matrix, n, [0.0, 0.3, 1.0, 2.0]) for n in (2, 3, 5)],
        (tfim_ground_states, tfim_matrix, 1, [0.5, 2.0]),
        (tfim_ground_states, tfim_matrix, 8, [0.05, 1.0]),
        *[(xxz_ground_states, xxz_matrix, n, [-0.9, 0.0, 1.0, 3.0]) for n in (2, 4, 6)],
        (xxz_ground_states, xxz_matrix, 10, [5.0]),
    ],
)
def test_ground_states_are_those_of_the_hamiltonian(found, matrix, n_qubits, parameters):
    """Normalised eigenvectors of the lowest eigenvalue, both ways of finding them."""
    states = found(torch.tensor(parameters, dtype=torch.float64), n_qubits)
    np.testing.assert_allclose(states.norm(dim=-1), 1, rtol=0, atol=1e-12)
    assert (states.imag == 0).all()
    for state, parameter in zip(states, parameters, strict=True):
        hamiltonian = matrix(n_qubits, parameter)
        energy, error = moments(hamiltonian, state)
        assert energy == pytest.approx(np.linalg.eigvalsh(hamiltonian)[0], abs=1e-10)
        assert error < 1e-7


def test_12_spins_are_even_though_an_odd_state_has_nearly_the_same_energy():
    """At g = 0.2 the two differ by about g^12, 4e-9: P = ΠX tells them apart."""
    state = tfim_ground_states(torch.tensor([0.2]), 12)[0]
    np.testing.assert_allclose(state, state.flip(0), rtol=0, atol=1e-14)
    spins = 1 - 2 * (torch.arange(4096)[:, None] >> torch.arange(12) & 1)
    probabilities = state.abs().square()
    assert probabilities @ (spins[:, 1:] * spins[:, :-1]).sum(1).double() > 10.5
    assert abs(probabilities @ spins.sum(1).double()) < 1e-12


def test_ground_states_have_their_signs():
    assert (tfim_ground_states(torch.tensor([0.0, 0.7]), 4).real >= 0).all()
    states = xxz_ground_states(torch.tensor([0.3, 2.0]), 4).real
    for x in range(16):
        bits = [x >> 3 - j & 1 for j in range(4)]
        assert (states[:, x] * (-1) ** (bits[0] + bits[2]) >= 0).all()
        assert sum(bits) == 2 or (states[:, x] == 0).all()


def test_known_ground_states():
    """GHZ without a field, |+…+⟩ in a strong one, the singlet of two spins."""
    ghz, plus = tfim_ground_states(torch.tensor([0.0, 1e6]), 3)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(ghz, [half, 0, 0, 0, 0, 0, 0, half], rtol=0, atol=1e-12)
    np.testing.assert_allclose(plus, [8**-0.5] * 8, rtol=0, atol=1e-5)
    np.testing.assert_allclose(xxz_ground_states(torch.tensor([0.7]), 2), [[0, half, -half, 0]], rtol=0, atol=1e-12)


def test_chains_in_a_weak_field_are_ordered(generator):
    """The task of Zhang et al. 2024: at least .85, where noise has .375."""
    sizes = magnetisation(tfim(100, 4, (0.2, 0.4), generator))
    assert 0.85 < sizes.mean() < 1


def test_parameters_are_drawn_evenly_from_their_range():
    """Two spins tell their field: -a - 2gb = Ea and b - 2ga = Eb of the amplitudes a of |00⟩ and b of |01⟩."""
    states = tfim(1000, 2, (0.5, 2.0), derived(1))
    a, b = states[:, 0].real.double(), states[:, 1].real.double()
    fields = a * b / (a.square() - b.square())
    assert 0.5 - 1e-4 < fields.min() < 0.52
    assert 1.98 < fields.max() < 2 + 1e-4
    assert abs(fields.mean() - 1.25) < 5 * fields.std() / math.sqrt(1000)


def test_circles_are_real_and_even(generator):
    states = circle(20_000, generator)
    assert states.shape == (20_000, 2)
    assert (states.imag == 0).all()
    torch.testing.assert_close(states.abs().square().sum(-1), torch.ones(20_000))
    turns = torch.atan2(states[:, 1].real, states[:, 0].real).double()
    for k in (1, 2, 3):  # E e^{ikφ} = 0
        assert torch.polar(torch.ones_like(turns), k * turns).mean().abs() < 5 / math.sqrt(20_000)


def test_correlated_noise_is_two_arcs(generator):
    """Each state is e^{-iεXX}ψ₀ or e^{-iεZZ}ψ₀, built by PennyLane from the ε that its overlap with the arc says."""
    amplitudes = [math.sqrt(0.1), math.sqrt(0.55), 0, math.sqrt(0.35)]
    start = np.array(amplitudes) * np.exp(1j * np.array([0.8, 1.7, 0, 2.4]))
    states = correlated(4000, generator).numpy()
    counted, angles = [], []
    for gate, word in ((qml.IsingXX, qml.X(0) @ qml.X(1)), (qml.IsingZZ, qml.Z(0) @ qml.Z(1))):
        turned = qml.matrix(word, wire_order=[0, 1]) @ start
        # ψ = cos ε ψ₀ - i sin ε Pψ₀, two vectors that are not orthogonal.
        c, s = np.linalg.lstsq(np.stack([start, -1j * turned], 1), states.T, rcond=None)[0]
        epsilon = np.arctan2(s.real, c.real)
        expected = np.stack([qml.matrix(gate(2 * e, wires=[0, 1])) @ start for e in epsilon])
        fits = np.abs(expected - states).max(1) < 1e-5
        counted.append(fits)
        angles.append(epsilon[fits])
    assert (counted[0] | counted[1]).all()
    assert abs(counted[0].mean() - 0.8) < 5 * math.sqrt(0.8 * 0.2 / 4000)
    for epsilon in angles:
        assert np.abs(epsilon).max() <= math.pi / 3 + 1e-5
        assert np.abs(epsilon).max() > 0.98 * math.pi / 3
        assert abs(epsilon.mean()) < 5 * epsilon.std() / math.sqrt(len(epsilon))


def test_chance_comes_from_the_generator_alone():
    before = torch.random.get_rng_state()
    for draw in (
        lambda g: circle(5, g),
        lambda g: correlated(5, g),
        lambda g: tfim(5, 3, (0.2, 0.4), g),
        lambda g: xxz(5, 4, (0.5, 1.5), g),
    ):
        assert draw(derived(1)).dtype == torch.complex64
        assert torch.equal(draw(derived(1)), draw(derived(1)))
        assert not torch.equal(draw(derived(1)), draw(derived(2)))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tfim_ground_states(torch.tensor([0.3, -0.1]), 2), "-0.1"),
        (lambda: tfim_ground_states(torch.tensor([math.nan]), 2), "nan"),
        (lambda: tfim_ground_states(torch.tensor([0.3]), 13), "13 qubits"),
        (lambda: xxz_ground_states(torch.tensor([0.3]), 0), "0 qubits"),
        (lambda: xxz_ground_states(torch.tensor([0.3]), 5), "even number"),
        (lambda: xxz_ground_states(torch.tensor([-1.0]), 4), "above -1"),
    ],
)
def test_chains_without_a_ground_state_of_their_own_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
