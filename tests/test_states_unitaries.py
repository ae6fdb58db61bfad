"""Fidelities of unitaries and of mixed states, against channels, means over states and each other."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states import (
    average_gate_fidelity,
    fidelity,
    haar,
    haar_unitaries,
    local_hilbert_schmidt_test,
    local_infidelity,
    process_fidelity,
    projector,
    reduced_density,
    super_fidelity,
    uhlmann_fidelity,
)

CLOSE = {"rtol": 0, "atol": 1e-10}


def unitaries(count: int, n_qubits: int, generator: torch.Generator) -> Tensor:
    return haar_unitaries(count, n_qubits, generator, torch.complex128)


def mixed(count: int, n_qubits: int, generator: torch.Generator, n_traced: int) -> Tensor:
    states = torch.nn.functional.normalize(haar(count, n_qubits + n_traced, generator).to(torch.complex128), dim=-1)
    return reduced_density(states, range(n_qubits))


def doubled(matrix: Tensor) -> np.ndarray:
    """(W ⊗ 1)|Φ⟩ of 2n qubits, Φ maximally entangled between qubits q and n + q."""
    return (matrix / math.sqrt(len(matrix))).numpy().ravel()


@pytest.mark.parametrize("n_qubits", [1, 2])
def test_haar_unitaries_have_the_moments_of_the_haar_measure(n_qubits, generator):
    """E tr U = 0, E|tr U|² = 1, E|tr U|⁴ = 2 for d ≥ 2; without QR's phases mended, R_ii > 0 shifts the first."""
    draws, d = 20_000, 2**n_qubits
    u = unitaries(draws, n_qubits, generator)
    identity = torch.eye(d, dtype=torch.complex128)
    np.testing.assert_allclose(u @ u.mH, identity.expand(draws, d, d), **CLOSE)
    trace = u.diagonal(dim1=-2, dim2=-1).sum(-1)
    assert abs(trace.mean()) < 5 / math.sqrt(draws)
    for power, expected in ((2, 1), (4, 2)):
        moment = trace.abs() ** power
        assert abs(moment.mean() - expected) < 5 * moment.std() / math.sqrt(draws)


def test_the_first_column_of_a_haar_unitary_is_a_haar_state(generator):
    overlaps = haar_unitaries(20_000, 2, generator)[:, 0, 0].abs().square()
    assert overlaps.dtype == torch.float32
    for power, expected in ((1, 1 / 4), (2, 2 / 20)):
        moment = overlaps.double() ** power
        assert abs(moment.mean() - expected) < 5 * moment.std() / math.sqrt(20_000)


def test_average_gate_fidelity_is_the_mean_over_states(generator):
    first, second = unitaries(1, 2, generator)[0], unitaries(1, 2, generator)[0]
    states = haar(20_000, 2, generator).to(torch.complex128)
    drawn = fidelity(states @ first.mT, states @ second.mT)
    assert abs(drawn.mean() - average_gate_fidelity(first, second)) < 5 * drawn.std() / math.sqrt(20_000)


def test_gate_fidelities_forget_the_global_phase_alone(generator):
    first, second = unitaries(4, 2, generator), unitaries(4, 2, generator)
    for measure in (average_gate_fidelity, process_fidelity):
        np.testing.assert_allclose(measure(first, first * 1j), 1, **CLOSE)
        np.testing.assert_allclose(measure(first, second), measure(second, first), **CLOSE)
        assert (measure(first[:, None], second) < 0.99).all()
        assert measure(first[:, None], second).shape == (4, 4)


def test_process_fidelity_is_that_of_an_entangled_half(generator):
    first, second = unitaries(1, 2, generator)[0], unitaries(1, 2, generator)[0]
    expected = abs(np.vdot(doubled(first), doubled(second))) ** 2
    np.testing.assert_allclose(process_fidelity(first, second), expected, **CLOSE)


@pytest.mark.parametrize("n_qubits", [1, 2, 3])
def test_the_local_test_is_how_well_bell_pairs_are_kept(n_qubits, generator):
    """Khatri et al.'s circuit: the chance that qubits q and n + q of (W ⊗ 1)|Φ⟩ are found in their Bell state."""
    bell = np.array([1, 0, 0, 1]) / math.sqrt(2)
    for w in unitaries(3, n_qubits, generator):
        state = doubled(w)
        kept = [(bell @ qml.math.reduce_statevector(state, [q, n_qubits + q]) @ bell).real for q in range(n_qubits)]
        np.testing.assert_allclose(local_hilbert_schmidt_test(w), 1 - np.mean(kept), **CLOSE)


def test_the_local_test_bounds_the_global_one(generator):
    """C_LHST ≤ C_HST ≤ n C_LHST."""
    w = unitaries(50, 3, generator).view(5, 10, 8, 8)
    local = local_hilbert_schmidt_test(w)
    whole = 1 - process_fidelity(torch.eye(8, dtype=torch.complex128), w)
    assert local.shape == (5, 10)
    assert (local <= whole + 1e-12).all()
    assert (whole <= 3 * local + 1e-12).all()
    identity = torch.exp(torch.tensor(0.7j)).to(w) * torch.eye(8)
    np.testing.assert_allclose(local_hilbert_schmidt_test(identity), 0, **CLOSE)


def test_the_local_test_sees_what_reduced_states_do_not(generator):
    """Reduced states of 8-qubit Haar states agree whatever the unitary; the test says that nothing is kept."""
    w = haar_unitaries(1, 8, generator)[0]
    states = haar(20, 8, generator)
    assert local_infidelity(states, states @ w.mT).mean() < 0.01
    assert local_hilbert_schmidt_test(w) > 0.7


def test_super_fidelity_is_the_fidelity_of_qubits_and_of_pure_states(generator):
    one, two = mixed(5, 1, generator, 1), mixed(5, 1, generator, 1)
    np.testing.assert_allclose(super_fidelity(one, two), uhlmann_fidelity(one, two), rtol=0, atol=1e-7)
    one, two = mixed(5, 2, generator, 0), mixed(5, 2, generator, 2)
    np.testing.assert_allclose(super_fidelity(one, two), uhlmann_fidelity(one, two), rtol=0, atol=1e-7)


def test_super_fidelity_is_never_below_the_fidelity(generator):
    one, two = mixed(6, 2, generator, 2)[:, None], mixed(7, 2, generator, 1)
    above = super_fidelity(one, two)
    assert above.shape == (6, 7)
    assert (above > uhlmann_fidelity(one, two)).all()
    assert (above <= 1).all()
    np.testing.assert_allclose(super_fidelity(two, two), 1, **CLOSE)


def test_fidelities_have_gradients(generator):
    first, second = (unitaries(2, 2, generator).requires_grad_() for _ in range(2))
    for measure in (process_fidelity, average_gate_fidelity):
        assert torch.autograd.gradcheck(measure, (first, second))
    assert torch.autograd.gradcheck(local_hilbert_schmidt_test, first)
    one, two = (mixed(2, 2, generator, 1).requires_grad_() for _ in range(2))
    # As functions of Hermitian matrices.
    assert torch.autograd.gradcheck(lambda a, b: super_fidelity((a + a.mH) / 2, (b + b.mH) / 2), (one, two))
    pure = projector(haar(2, 2, generator).to(torch.complex128)).requires_grad_()
    (slope,) = torch.autograd.grad(super_fidelity(pure, two).sum(), pure)
    assert slope.isfinite().all()


def test_what_acts_on_no_qubits_is_refused():
    for matrix in (torch.eye(3, dtype=torch.complex64), torch.ones(2, 4, dtype=torch.complex64), torch.eye(2)):
        with pytest.raises(UsageError, match="Matrices"):
            local_hilbert_schmidt_test(matrix)
        with pytest.raises(UsageError, match="Matrices"):
            average_gate_fidelity(matrix, matrix)
    with pytest.raises(UsageError, match="2 and of 3 qubits"):
        average_gate_fidelity(*(torch.eye(size, dtype=torch.complex64) for size in (4, 8)))
