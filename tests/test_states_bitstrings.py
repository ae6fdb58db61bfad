"""The bitstring MMD against its definition, string by string, and against a closed form of one qubit."""

import itertools
import math
from functools import reduce

import numpy as np
import pytest
import torch

from qdiffusion.errors import UsageError
from qdiffusion.states import bitstring_mmd, haar, qubit_states

H = np.array([[1, 1], [1, -1]]) / math.sqrt(2)
TURNS = {"X": H, "Y": H @ np.diag([1, -1j]), "Z": np.eye(2)}


def doubles(n: int, n_qubits: int, generator: torch.Generator) -> torch.Tensor:
    return torch.nn.functional.normalize(haar(n, n_qubits, generator).to(torch.complex128), dim=-1)


def defined(a: np.ndarray, b: np.ndarray, bandwidth: float) -> float:
    """Every pair of strings, in every basis."""
    n = a.shape[1].bit_length() - 1
    strings = list(itertools.product((0, 1), repeat=n))
    total = 0.0
    for turn in TURNS.values():
        matrix = reduce(np.kron, [turn] * n)
        p, q = ((np.abs(states @ matrix.T) ** 2).mean(0) for states in (a, b))
        for i, x in enumerate(strings):
            for j, y in enumerate(strings):
                bits = sum(one != other for one, other in zip(x, y, strict=True))
                total += (p - q)[i] * math.exp(-bits / (2 * bandwidth**2)) * (p - q)[j]
    return total / 3


@pytest.mark.parametrize("bandwidth", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("n_qubits", [1, 3])
def test_it_is_its_definition(n_qubits, bandwidth, generator):
    a, b = doubles(4, n_qubits, generator), doubles(3, n_qubits, generator)
    expected = defined(a.numpy(), b.numpy(), bandwidth)
    assert bitstring_mmd(a, b, bandwidth=bandwidth).item() == pytest.approx(expected, abs=1e-14)


def test_of_one_qubit_it_is_the_distance_of_mean_bloch_vectors(generator):
    """(1 - e^(-1/2))/6 · |r - s|²."""
    a, b = doubles(5, 1, generator), doubles(4, 1, generator)

    def bloch(states):
        rho = qubit_states(states)[:, 0].mean(0)
        return torch.stack([2 * rho[0, 1].real, -2 * rho[0, 1].imag, (rho[0, 0] - rho[1, 1]).real])

    expected = (1 - math.exp(-0.5)) / 6 * (bloch(a) - bloch(b)).square().sum()
    torch.testing.assert_close(bitstring_mmd(a, b), expected)


def test_branches_count_as_often_as_they_are_likely(generator):
    """A branch of probability 1/4 as one state of four."""
    a, b = doubles(2, 2, generator), doubles(3, 2, generator)
    chances = torch.tensor([[0.25, 0.75]], dtype=torch.float64)
    counted = a[[0, 1, 1, 1]]
    torch.testing.assert_close(bitstring_mmd(a[None], b, first_probabilities=chances), bitstring_mmd(counted, b))


def test_gradients_are_finite_differences(generator):
    a, b = doubles(2, 2, generator), doubles(3, 2, generator)
    assert torch.autograd.gradcheck(bitstring_mmd, [a.requires_grad_(), b.requires_grad_()])


def test_a_set_has_no_distance_from_itself(generator):
    a = doubles(5, 3, generator)
    assert bitstring_mmd(a, a.flip(0)).item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"bandwidth": 0.0}, "bandwidth"),
        ({"second": haar(3, 2, torch.Generator())}, "of 2 and of 4 amplitudes"),
        ({"second": haar(3, 1, torch.Generator())[:0]}, "empty"),
        ({"first_probabilities": torch.ones(3, 1)}, "probabilities"),
    ],
)
def test_what_does_not_fit_is_refused(fields, sentence, generator):
    with pytest.raises(UsageError, match=sentence):
        bitstring_mmd(**{"first": haar(3, 1, generator), "second": haar(3, 1, generator), **fields})


def test_of_single_and_double_precision_the_double_is_kept(generator):
    a, b = doubles(4, 2, generator), doubles(3, 2, generator)
    for first, second in ((a.to(torch.complex64), b), (a, b.to(torch.complex64))):
        found = bitstring_mmd(first, second)
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, bitstring_mmd(a, b), rtol=0, atol=1e-5)
