"""Distances of sets of density matrices: pair by pair, and of pure ones against those of states."""

from functools import partial

import pytest
import torch

from qdiffusion.errors import UsageError
from qdiffusion.states import (
    haar,
    mixed_mmd,
    mixed_sinkhorn,
    mixed_wasserstein,
    mmd,
    partial_trace,
    projector,
    sinkhorn,
    super_fidelities,
    super_fidelity,
    wasserstein,
)

PAIRS = [
    (mixed_mmd, mmd),
    (partial(mixed_mmd, unbiased=True), partial(mmd, unbiased=True)),
    (mixed_wasserstein, wasserstein),
    (mixed_sinkhorn, sinkhorn),
    (partial(mixed_sinkhorn, regularisation=0.3), partial(sinkhorn, regularisation=0.3)),
]
ALONE = [mixed for mixed, _ in PAIRS]


def doubles(n: int, n_qubits: int, generator: torch.Generator) -> torch.Tensor:
    return torch.nn.functional.normalize(haar(n, n_qubits, generator).to(torch.complex128), dim=-1)


def mixtures(n: int, generator: torch.Generator) -> torch.Tensor:
    """Two qubits of five: density matrices (n, 4, 4) of full rank."""
    return partial_trace(projector(doubles(n, 5, generator)), (0, 3))


@pytest.mark.parametrize(("mixed", "pure"), PAIRS)
def test_pure_ones_lie_as_far_apart_as_states(mixed, pure, generator):
    one, two = doubles(5, 2, generator), doubles(4, 2, generator)
    assert mixed(projector(one), projector(two)).item() == pytest.approx(pure(one, two).item(), abs=1e-6)


@pytest.mark.parametrize(("mixed", "pure"), PAIRS)
def test_of_single_and_double_precision_the_double_is_kept(mixed, pure, generator):
    first, second = (haar(4, 1, generator).to(torch.complex128) for _ in range(2))
    for distance, rows in ((pure, (first, second)), (mixed, (projector(first), projector(second)))):
        found = distance(rows[0].to(torch.complex64), rows[1])
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, distance(*rows), rtol=0, atol=1e-3)


def test_super_fidelities_are_those_of_all_pairs(generator):
    one, two = mixtures(3, generator), mixtures(4, generator)
    torch.testing.assert_close(super_fidelities(one, two), super_fidelity(one[:, None], two[None]))


@pytest.mark.parametrize("unbiased", [False, True])
def test_the_mmd_is_its_definition(unbiased, generator):
    one, two = mixtures(3, generator), mixtures(4, generator)

    def mean(a, b, same):
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (same and unbiased and i == j)]
        return sum(super_fidelity(a[i], b[j]).item() for i, j in pairs) / len(pairs)

    expected = mean(one, one, True) + mean(two, two, True) - 2 * mean(one, two, False)
    assert mixed_mmd(one, two, unbiased=unbiased).item() == pytest.approx(expected, abs=1e-13)


def test_transport_of_two_and_two_is_the_better_of_two_pairings(generator):
    one, two = mixtures(2, generator), mixtures(2, generator)
    cost = 1 - super_fidelities(one, two)
    expected = min(cost[0, 0] + cost[1, 1], cost[0, 1] + cost[1, 0]) / 2
    torch.testing.assert_close(mixed_wasserstein(one, two), expected)


@pytest.mark.parametrize("distance", ALONE)
def test_gradients_are_finite_differences(distance, generator):
    """By matrices A with ρ = AA†/tr AA†, which stay density matrices."""
    parts = [torch.randn(3, 4, 4, dtype=torch.complex128, generator=generator).requires_grad_() for _ in range(2)]

    def apart(a, b):
        made = [each @ each.mH for each in (a, b)]
        return distance(*(each / each.diagonal(dim1=1, dim2=2).sum(1).real[:, None, None] for each in made))

    assert torch.autograd.gradcheck(apart, parts)


@pytest.mark.parametrize("distance", ALONE)
def test_what_does_not_fit_is_refused(distance, generator):
    sets = mixtures(3, generator)
    for other in (sets[:0], projector(doubles(3, 1, generator))):
        with pytest.raises(UsageError, match="Sets of density matrices"):
            distance(sets, other)


def test_an_unbiased_mmd_takes_two(generator):
    with pytest.raises(UsageError, match="at least 2 of each"):
        mixed_mmd(mixtures(1, generator), mixtures(3, generator), unbiased=True)
