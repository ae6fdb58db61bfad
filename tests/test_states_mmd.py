"""The fidelity-kernel MMD against its definition pair by pair, and against measurements drawn one by one."""

import itertools

import numpy as np
import pytest
import torch

from qdiffusion.errors import UsageError
from qdiffusion.states import haar, mmd


def defined(a: np.ndarray, b: np.ndarray, unbiased: bool = False) -> float:
    """2(1 - r12) - (1 - r11) - (1 - r22), pair by pair."""

    def mean(x: np.ndarray, y: np.ndarray, same: bool) -> float:
        pairs = [(i, j) for i in range(len(x)) for j in range(len(y)) if not (same and unbiased and i == j)]
        return sum(abs(np.vdot(x[i], y[j])) ** 2 for i, j in pairs) / len(pairs)

    return 2 * (1 - mean(a, b, False)) - (1 - mean(a, a, True)) - (1 - mean(b, b, True))


def doubles(n: int, generator: torch.Generator) -> torch.Tensor:
    """Two-qubit states of norm 1 in double precision."""
    return torch.nn.functional.normalize(haar(n, 2, generator).to(torch.complex128), dim=-1)


def branched(n: int, n_branches: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Branches (n, B, 4) of different probabilities (n, B)."""
    states = doubles(n * n_branches, generator).unflatten(0, (n, n_branches))
    return states, torch.rand(n, n_branches, generator=generator, dtype=torch.float64).softmax(-1)


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("sizes", [(2, 2), (3, 5), (7, 4)])
def test_mmd_is_its_definition(sizes, unbiased, generator):
    a, b = (doubles(size, generator) for size in sizes)
    expected = defined(a.numpy(), b.numpy(), unbiased)
    assert mmd(a, b, unbiased=unbiased).item() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("unbiased", [False, True])
def test_branches_are_the_expectation_over_all_outcomes(unbiased, generator):
    """Two states of three branches against two of two: every joint outcome, weighed with its probability."""
    (a, p), (b, q) = branched(2, 3, generator), branched(2, 2, generator)
    expected = 0.0
    for first in itertools.product(range(3), repeat=2):
        for second in itertools.product(range(2), repeat=2):
            weight = np.prod([p[i, k] for i, k in enumerate(first)] + [q[i, k] for i, k in enumerate(second)])
            one = np.stack([a[i, k].numpy() for i, k in enumerate(first)])
            two = np.stack([b[i, k].numpy() for i, k in enumerate(second)])
            expected += weight * defined(one, two, unbiased)
    got = mmd(a, b, first_probabilities=p, second_probabilities=q, unbiased=unbiased)
    assert got.item() == pytest.approx(expected, abs=1e-13)


def test_branches_are_the_mean_over_drawn_outcomes(generator):
    (a, p), b = branched(6, 2, generator), doubles(5, generator)
    draws = torch.multinomial(p, 4000, replacement=True, generator=generator)
    values = torch.stack([mmd(a[torch.arange(6), draws[:, k]], b) for k in range(4000)])
    exact = mmd(a, b, first_probabilities=p)
    assert abs(values.mean() - exact) < 5 * values.std() / 4000**0.5


@pytest.mark.parametrize("unbiased", [False, True])
def test_gradients_are_finite_differences(unbiased, generator):
    (a, p), b = branched(3, 2, generator), doubles(4, generator)
    assert torch.autograd.gradcheck(
        lambda states, chances: mmd(states, b, first_probabilities=chances, unbiased=unbiased),
        (a.requires_grad_(), p.requires_grad_()),
    )


def test_a_set_has_no_distance_from_itself(generator):
    states = haar(50, 3, generator)
    assert mmd(states, states).item() == 0
    assert mmd(states[:25], states[25:]).item() > 0


def test_the_unbiased_estimate_is_0_on_average_between_equal_distributions(generator):
    values = torch.stack([mmd(haar(5, 1, generator), haar(7, 1, generator), unbiased=True) for _ in range(1000)])
    assert abs(values.mean()) < 5 * values.std() / 1000**0.5


def test_what_does_not_fit_is_refused(generator):
    states = haar(4, 1, generator)
    chances = torch.full((2, 2), 0.5)
    with pytest.raises(UsageError, match="probabilities"):
        mmd(states, states, first_probabilities=chances)
    with pytest.raises(UsageError, match="probabilities"):
        mmd(states, states.view(2, 2, 2))
    with pytest.raises(UsageError, match="at least 2"):
        mmd(states, states[:1], unbiased=True)


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        (haar(3, 1, torch.Generator()), haar(3, 2, torch.Generator()), "of 2 and of 4 amplitudes"),
        (haar(3, 1, torch.Generator()).real, haar(3, 1, torch.Generator()), "give complex"),
        (torch.ones(2, 3, dtype=torch.complex64), torch.ones(2, 3, dtype=torch.complex64), "none of qubits"),
    ],
)
def test_sets_that_are_no_states_of_one_size_are_refused(first, second, sentence):
    with pytest.raises(UsageError, match=sentence):
        mmd(first, second)
