"""Reduced states, entropies and entanglement against PennyLane, closed forms and invariants."""

import math
from itertools import combinations

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states import (
    check_density,
    check_states,
    entanglement_entropy,
    haar,
    magnetisation,
    mixed_magnetisation,
    mutual_information,
    page_entropy,
    partial_trace,
    projector,
    purity,
    reduced_density,
    renyi2_entropy,
    schmidt_spectrum,
    von_neumann_entropy,
)

CLOSE = {"rtol": 0, "atol": 1e-10}
KEPT = [[0], [2], [0, 1], [2, 0], [1, 3, 0], [3, 2, 1, 0]]


def pure(count: int, n_qubits: int, generator: torch.Generator) -> Tensor:
    return torch.nn.functional.normalize(haar(count, n_qubits, generator).to(torch.complex128), dim=-1)


def mixed(count: int, n_qubits: int, generator: torch.Generator) -> Tensor:
    """Of full rank: what is left of a Haar state of twice the qubits."""
    return reduced_density(pure(count, 2 * n_qubits, generator), range(n_qubits))


def ghz(n_qubits: int) -> Tensor:
    state = torch.zeros(1 << n_qubits, dtype=torch.complex128)
    state[[0, -1]] = math.sqrt(0.5)
    return state


@pytest.mark.parametrize("keep", KEPT)
def test_partial_traces_equal_pennylanes(keep, generator):
    states, rho = pure(3, 4, generator), mixed(3, 4, generator)
    order = sorted(keep)
    permutation = [order.index(qubit) for qubit in keep]

    def ordered(density: np.ndarray) -> np.ndarray:
        """PennyLane sorts the wires."""
        k = len(keep)
        axes = [0, *(1 + p for p in permutation), *(1 + k + p for p in permutation)]
        return density.reshape(-1, *(2,) * 2 * k).transpose(axes).reshape(-1, 2**k, 2**k)

    expected = ordered(qml.math.reduce_statevector(states.numpy(), order))
    np.testing.assert_allclose(reduced_density(states, keep), expected, **CLOSE)
    np.testing.assert_allclose(partial_trace(projector(states), keep), expected, **CLOSE)
    np.testing.assert_allclose(
        partial_trace(rho.view(3, 1, 16, 16), keep)[:, 0], ordered(qml.math.reduce_dm(rho.numpy(), order)), **CLOSE
    )


@pytest.mark.parametrize("base", [2, math.e])
def test_entropies_equal_pennylanes(base, generator):
    rho = mixed(4, 2, generator)
    np.testing.assert_allclose(
        von_neumann_entropy(rho, base), qml.math.vn_entropy(rho.numpy(), [0, 1], base=base), **CLOSE
    )
    np.testing.assert_allclose(purity(rho), qml.math.purity(rho.numpy(), [0, 1]), **CLOSE)
    np.testing.assert_allclose(renyi2_entropy(rho, base), -purity(rho).log() / math.log(base), **CLOSE)
    assert (renyi2_entropy(rho, base) <= von_neumann_entropy(rho, base)).all()


def test_entropies_are_in_bits_unless_told_otherwise():
    even = torch.eye(8, dtype=torch.complex128) / 8
    for entropy in (von_neumann_entropy, renyi2_entropy):
        np.testing.assert_allclose([entropy(even), entropy(even, math.e)], [3, 3 * math.log(2)], **CLOSE)
    assert purity(even) == 1 / 8


@pytest.mark.parametrize("keep", [[0], [3], [1, 2], [0, 2, 3]])
def test_a_schmidt_spectrum_is_that_of_both_parts(keep, generator):
    states = pure(5, 4, generator)
    rest = [qubit for qubit in range(4) if qubit not in keep]
    spectrum = schmidt_spectrum(states, keep)
    np.testing.assert_allclose(spectrum.sum(-1), 1, **CLOSE)
    for part in (keep, rest):
        values = torch.linalg.eigvalsh(reduced_density(states, part)).flip(-1)[:, : spectrum.shape[-1]]
        np.testing.assert_allclose(spectrum, values, **CLOSE)
    entropy = qml.math.vn_entropy(projector(states).numpy(), keep, base=2)
    np.testing.assert_allclose(entanglement_entropy(states, keep), entropy, **CLOSE)
    np.testing.assert_allclose(entanglement_entropy(states, rest), entropy, **CLOSE)


def test_known_states_have_their_entanglement(generator):
    """A GHZ state has two equal coefficients at every cut, a product state one."""
    product = torch.kron(pure(1, 2, generator)[0], pure(1, 2, generator)[0])
    for keep in ([0], [0, 1], [3, 1]):
        expected = torch.zeros(2 ** len(keep), dtype=torch.float64)
        expected[:2] = 0.5
        np.testing.assert_allclose(schmidt_spectrum(ghz(4), keep), expected, **CLOSE)
        np.testing.assert_allclose(entanglement_entropy(ghz(4), keep), 1, **CLOSE)
    np.testing.assert_allclose(entanglement_entropy(product, [1, 0]), 0, **CLOSE)


@pytest.mark.parametrize(("one", "two"), [(1, 2), (2, 2), (1, 4)])
def test_haar_states_have_pages_entropy(one, two, generator):
    drawn = entanglement_entropy(pure(3000, one + two, generator), range(one))
    assert abs(drawn.mean() - page_entropy(2**one, 2**two)) < 5 * drawn.std() / math.sqrt(3000)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 5), (2, 3), (16, 4)])
def test_pages_entropy_is_its_sum(m, n):
    small, large = min(m, n), max(m, n)
    nats = sum(1 / k for k in range(large + 1, m * n + 1)) - (small - 1) / (2 * large)
    assert page_entropy(m, n, math.e) == pytest.approx(nats, abs=1e-12)
    assert page_entropy(m, n) == pytest.approx(nats / math.log(2), abs=1e-12)


def test_the_research_log_mistook_pages_entropy_of_8_qubits_for_that_of_4():
    assert page_entropy(16, 16) == pytest.approx(3.28, abs=5e-3)
    assert page_entropy(4, 4) == pytest.approx(1.33, abs=5e-3)


def test_mutual_information_equals_pennylanes(generator):
    states = pure(4, 3, generator)
    found = mutual_information(states.view(2, 2, 8)).flatten(0, 1)
    for i, j in combinations(range(3), 2):
        expected = qml.math.mutual_info(projector(states).numpy(), [i], [j], base=2)
        np.testing.assert_allclose(found[:, i, j], expected, **CLOSE)
    assert torch.equal(found, found.mT)
    assert (found.diagonal(dim1=-2, dim2=-1) == 0).all()


def test_mutual_information_finds_the_pairs(generator):
    """2 bits in a Bell pair, 1 in any pair of a GHZ state, none between strangers."""
    bells = torch.kron(ghz(2), ghz(2))
    expected = torch.zeros(4, 4, dtype=torch.float64)
    expected[[0, 1, 2, 3], [1, 0, 3, 2]] = 2
    np.testing.assert_allclose(mutual_information(bells), expected, **CLOSE)
    np.testing.assert_allclose(mutual_information(ghz(3)), 1 - torch.eye(3), **CLOSE)
    assert torch.equal(mutual_information(pure(2, 1, generator)), torch.zeros(2, 1, 1, dtype=torch.float64))


def test_magnetisation_is_its_sum(generator):
    states = pure(3, 3, generator)
    expected = [sum(abs(row[z]) ** 2 * abs(3 - 2 * bin(z).count("1")) / 3 for z in range(8)) for row in states.tolist()]
    np.testing.assert_allclose(magnetisation(states), expected, **CLOSE)
    np.testing.assert_allclose(magnetisation(ghz(5)), 1, **CLOSE)
    noise = torch.full((16,), 1 / 4, dtype=torch.complex64)
    assert magnetisation(noise).item() == pytest.approx(0.375)  # as Zhang et al. 2024 report of noise
    np.testing.assert_allclose(mixed_magnetisation(projector(states)), expected, **CLOSE)
    mixture = projector(states).mean(0)
    np.testing.assert_allclose(mixed_magnetisation(mixture), np.mean(expected), **CLOSE)


def test_entropies_have_gradients(generator):
    states, rho = pure(2, 3, generator).requires_grad_(), mixed(2, 2, generator).requires_grad_()

    def normed(function):
        return lambda z: function(z / z.norm(dim=-1, keepdim=True))

    for function in (
        lambda z: entanglement_entropy(z, [1]),
        mutual_information,
        magnetisation,
        lambda z: reduced_density(z, [2, 0]),
    ):
        assert torch.autograd.gradcheck(normed(function), states)

    def density(function):
        def of(z):
            h = (z + z.mH) / 2
            return function(h / h.diagonal(dim1=-2, dim2=-1).sum(-1).real[:, None, None])

        return of

    for function in (von_neumann_entropy, renyi2_entropy, purity):
        assert torch.autograd.gradcheck(density(function), rho)


def test_the_entropy_of_a_pure_state_has_a_finite_gradient(generator):
    rho = projector(pure(2, 2, generator)).requires_grad_()
    (slope,) = torch.autograd.grad(von_neumann_entropy(rho).sum(), rho)
    assert slope.isfinite().all()


def test_single_precision_is_enough(generator):
    states = haar(3, 4, generator)
    assert entanglement_entropy(states, [0, 1]).dtype == mutual_information(states).dtype == torch.float32
    for function in (mutual_information, lambda z: entanglement_entropy(z, [0, 2]), magnetisation):
        np.testing.assert_allclose(function(states), function(states.to(torch.complex128)), rtol=0, atol=1e-5)


HALF = torch.eye(2, dtype=torch.complex128) / 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_states(torch.ones(2, 4, dtype=torch.complex64)), "norms 2 to 2"),
        (lambda: check_states(torch.full((2,), torch.nan, dtype=torch.complex64)), "norms"),
        (lambda: check_states(torch.ones(2) / math.sqrt(2)), "float32"),
        (lambda: check_states(torch.ones(3, dtype=torch.complex64)), "3 amplitudes"),
        (lambda: check_density(2 * HALF), "traces 2 to 2"),
        (lambda: check_density(torch.diag(torch.tensor([1.5 + 0j, -0.5]))), "eigenvalue -0.5"),
        (lambda: check_density(HALF + torch.tensor([[0, 0.2], [0, 0]])), "not Hermitian"),
        (lambda: check_density(torch.full_like(HALF, torch.nan)), "not Hermitian"),
        (lambda: check_density(HALF.real), "float64"),
        (lambda: check_density(HALF[0]), "shape"),
        (lambda: von_neumann_entropy(2 * HALF), "traces"),
        (lambda: von_neumann_entropy(HALF + torch.tensor([[0, 0.2], [0, 0]])), "not Hermitian"),
        (lambda: renyi2_entropy(2 * HALF), "traces"),
        (lambda: von_neumann_entropy(HALF, 1), "base"),
        (lambda: renyi2_entropy(HALF, math.nan), "base"),
        (lambda: page_entropy(0, 3), "dimensions"),
        (lambda: partial_trace(HALF, [1]), "kept qubits"),
        (lambda: partial_trace(torch.eye(4, dtype=torch.complex64), [1, 1]), "kept qubits"),
        (lambda: reduced_density(ghz(2), []), "kept qubits"),
        (lambda: reduced_density(ghz(2), [-1]), "kept qubits"),
        (lambda: partial_trace(torch.eye(3, dtype=torch.complex64), [0]), "Matrices"),
        (lambda: schmidt_spectrum(2 * ghz(2), [0]), "norms"),
        (lambda: mutual_information(2 * ghz(2)), "norms"),
        (lambda: magnetisation(2 * ghz(2)), "norms"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_states_and_density_matrices_pass(generator):
    check_states(haar(3, 4, generator))
    check_density(mixed(3, 2, generator).to(torch.complex64))
    check_density(projector(haar(3, 3, generator)))
