"""Distances of states against PennyLane's, their closed forms and what holds between them."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states import (
    fidelity,
    haar,
    hilbert_schmidt_distance,
    infidelity,
    local_infidelity,
    meyer_wallach,
    projector,
    qubit_states,
    trace_distance,
    uhlmann_fidelity,
)

CLOSE = {"rtol": 0, "atol": 1e-10}


def pure(count: int, n_qubits: int, generator: torch.Generator) -> Tensor:
    z = haar(count, n_qubits, generator).to(torch.complex128)
    return z / z.norm(dim=-1, keepdim=True)


def mixed(count: int, n_qubits: int, generator: torch.Generator, rank: int = 0) -> Tensor:
    """Full rank by default."""
    size = 2**n_qubits
    z = torch.randn(count, size, rank or size, dtype=torch.complex128, generator=generator)
    rho = z @ z.mH
    return rho / rho.diagonal(dim1=-2, dim2=-1).sum(-1).real[:, None, None]


def bloch(vectors: Tensor) -> Tensor:
    """ρ = (1 + r·σ) / 2 of r (…, 3)."""
    x, y, z = vectors.to(torch.complex128).unbind(-1)
    return torch.stack([torch.stack([1 + z, x - 1j * y], -1), torch.stack([x + 1j * y, 1 - z], -1)], -2) / 2


@pytest.mark.parametrize("ranks", [(0, 0), (1, 0), (0, 1), (1, 1), (2, 3)])
def test_distances_of_density_matrices_equal_pennylanes(ranks, generator):
    one, two = (mixed(4, 2, generator, rank) for rank in ranks)
    expected = qml.math.trace_distance(one.numpy(), two.numpy())
    np.testing.assert_allclose(trace_distance(one, two), expected, **CLOSE)
    expected = qml.math.fidelity(one.numpy(), two.numpy())
    # Square roots of rounding.
    np.testing.assert_allclose(uhlmann_fidelity(one, two), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("n_qubits", [1, 2, 3])
def test_pure_states_have_their_closed_forms(n_qubits, generator):
    """F = |⟨φ|ψ⟩|², T = √(1 - F), ‖ρ - σ‖ = √(2 - 2F)."""
    one, two = pure(5, n_qubits, generator), pure(5, n_qubits, generator)
    f = fidelity(one, two)
    np.testing.assert_allclose(f, qml.math.fidelity_statevector(one.numpy(), two.numpy()), **CLOSE)
    np.testing.assert_allclose(infidelity(one, two), 1 - f, **CLOSE)
    rho, sigma = projector(one), projector(two)
    np.testing.assert_allclose(rho, qml.math.dm_from_state_vector(one.numpy()), **CLOSE)
    np.testing.assert_allclose(uhlmann_fidelity(rho, sigma), f, **CLOSE)
    np.testing.assert_allclose(trace_distance(rho, sigma), (1 - f).sqrt(), **CLOSE)
    np.testing.assert_allclose(hilbert_schmidt_distance(rho, sigma), (2 - 2 * f).sqrt(), **CLOSE)


def test_qubits_have_their_closed_forms(generator):
    """Of Bloch vectors r and s: T = |r - s| / 2, ‖ρ - σ‖ = |r - s| / √2, F by Hübner's formula."""
    r, s = (torch.rand(6, 3, generator=generator, dtype=torch.float64) / 2 for _ in range(2))
    rho, sigma = bloch(r), bloch(s)
    apart = (r - s).norm(dim=-1)
    np.testing.assert_allclose(trace_distance(rho, sigma), apart / 2, **CLOSE)
    np.testing.assert_allclose(hilbert_schmidt_distance(rho, sigma), apart / math.sqrt(2), **CLOSE)
    inner, lengths = (r * s).sum(-1), [1 - v.square().sum(-1) for v in (r, s)]
    np.testing.assert_allclose(
        uhlmann_fidelity(rho, sigma), (1 + inner + (lengths[0] * lengths[1]).sqrt()) / 2, **CLOSE
    )


def test_distances_are_symmetric_batched_and_bound_each_other(generator):
    """1 - √F ≤ T ≤ √(1 - F) (Fuchs and van de Graaf), and pairs broadcast."""
    one, two = mixed(3, 2, generator)[:, None], mixed(4, 2, generator, rank=2)
    f, t = uhlmann_fidelity(one, two), trace_distance(one, two)
    assert f.shape == t.shape == hilbert_schmidt_distance(one, two).shape == (3, 4)
    np.testing.assert_allclose(f, uhlmann_fidelity(two, one), rtol=0, atol=1e-7)
    assert (1 - f.sqrt() <= t).all()
    assert (t <= (1 - f).sqrt()).all()


def test_a_state_is_at_no_distance_from_itself(generator):
    rho, psi = mixed(3, 3, generator), pure(3, 3, generator)
    np.testing.assert_allclose(uhlmann_fidelity(rho, rho), 1, **CLOSE)
    np.testing.assert_allclose(local_infidelity(psi, psi), 0, **CLOSE)
    assert (trace_distance(rho, rho) == 0).all()
    assert (hilbert_schmidt_distance(rho, rho) == 0).all()


def test_reduced_states_equal_pennylanes(generator):
    states = pure(5, 3, generator).reshape(5, 1, 8)
    found = qubit_states(states)
    assert found.shape == (5, 1, 3, 2, 2)
    for wire in range(3):
        expected = qml.math.reduce_statevector(states[:, 0].numpy(), [wire])
        np.testing.assert_allclose(found[:, 0, wire], expected, **CLOSE)


def test_local_infidelity_is_the_mean_over_reduced_states(generator):
    one, two = pure(4, 3, generator), pure(4, 3, generator)
    reduced = ([qml.math.reduce_statevector(psi.numpy(), [wire]) for wire in range(3)] for psi in (one, two))
    expected = 1 - np.mean([qml.math.fidelity(a, b) for a, b in zip(*reduced, strict=True)], 0)
    np.testing.assert_allclose(local_infidelity(one, two), expected, rtol=0, atol=1e-8)
    assert (local_infidelity(one, two) <= infidelity(one, two)).all()


def test_local_infidelity_to_zero_is_cerezos_cost(generator):
    """1 - (1/n) Σ_j ⟨ψ| |0⟩⟨0|_j |ψ⟩ = (1/n) Σ_j (1 - ⟨Z_j⟩) / 2."""
    psi, zero = pure(4, 3, generator), torch.eye(8, dtype=torch.complex128)[0]
    signs = torch.tensor([[1 - 2 * (i >> (2 - j) & 1) for i in range(8)] for j in range(3)], dtype=torch.float64)
    z = psi.abs().square() @ signs.T
    np.testing.assert_allclose(local_infidelity(zero, psi), ((1 - z) / 2).mean(-1), **CLOSE)


def test_distances_have_gradients(generator):
    one, two = (pure(2, 2, generator).requires_grad_() for _ in range(2))
    for distance in (infidelity, local_infidelity):
        assert torch.autograd.gradcheck(distance, (one, two))
    rho, sigma = (mixed(2, 2, generator) for _ in range(2))

    def hermitian(function):
        return lambda z: function(rho, (z + z.mH) / 2)

    for distance in (trace_distance, hilbert_schmidt_distance, uhlmann_fidelity):
        assert torch.autograd.gradcheck(hermitian(distance), sigma.clone().requires_grad_())


def test_fidelity_to_a_pure_state_has_the_gradient_of_an_expectation(generator):
    """F(|φ⟩⟨φ|, σ) = ⟨φ|σ|φ⟩: its slope is |φ⟩⟨φ|, though √ of a pure state has none."""
    target = projector(pure(1, 2, generator))[0]
    sigma = mixed(1, 2, generator)[0].requires_grad_()
    (slope,) = torch.autograd.grad(uhlmann_fidelity(target, sigma), sigma)
    np.testing.assert_allclose(slope, target, rtol=0, atol=1e-7)


def test_local_infidelity_has_a_gradient_at_product_states():
    """Against |00⟩ at cos a |00⟩ + sin a |10⟩ it is sin² a / 2, of slope sin a cos a."""
    a = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    zero = torch.zeros((), dtype=torch.float64)
    psi = torch.stack([a.cos(), zero, a.sin(), zero]).to(torch.complex128)
    target = torch.eye(4, dtype=torch.complex128)[0]
    (slope,) = torch.autograd.grad(local_infidelity(target, psi), a)
    np.testing.assert_allclose(slope, math.sin(0.3) * math.cos(0.3), **CLOSE)


@pytest.mark.parametrize("n_qubits", [2, 3, 5])
def test_meyer_wallach_of_known_states(n_qubits, generator):
    """0 of products, 1 of GHZ, (N - 2)/(N + 1) in the mean over Haar states."""
    size = 2**n_qubits
    ghz = torch.zeros(size, dtype=torch.complex128)
    ghz[0] = ghz[-1] = math.sqrt(0.5)
    qubits = pure(n_qubits, 1, generator)
    product = qubits[0]
    for qubit in qubits[1:]:
        product = torch.kron(product, qubit)
    np.testing.assert_allclose(meyer_wallach(torch.stack([ghz, product])), [1, 0], **CLOSE)
    drawn = meyer_wallach(pure(4000, n_qubits, generator))
    assert abs(drawn.mean() - (size - 2) / (size + 1)) < 5 * drawn.std() / math.sqrt(4000)


def test_meyer_wallach_of_w_states():
    """Each qubit of W_n is |1⟩ with probability 1/n: Q = 4 (n - 1) / n²."""
    for n in (2, 3, 4):
        w = torch.zeros(2**n, dtype=torch.complex128)
        w[[1 << j for j in range(n)]] = n**-0.5
        np.testing.assert_allclose(meyer_wallach(w), 4 * (n - 1) / n**2, **CLOSE)


def test_what_cannot_be_told_is_refused(generator):
    rho = mixed(1, 1, generator)
    with pytest.raises(UsageError, match="second state alone"):
        uhlmann_fidelity(rho.clone().requires_grad_(), rho)
    for size in (1, 3, 6):
        with pytest.raises(UsageError, match=f"States of {size} amplitudes"):
            qubit_states(torch.ones(2, size, dtype=torch.complex64))
