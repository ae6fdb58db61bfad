"""Optimal transport between sets of states: against all permutations, closed forms and finite differences."""

import itertools
import math

import numpy as np
import pytest
import torch

from qdiffusion.errors import RunError, UsageError
from qdiffusion.states import circle, fidelities, haar, mmd, sinkhorn, wasserstein

BOTH = [wasserstein, sinkhorn]


def doubles(n: int, generator: torch.Generator, n_qubits: int = 2) -> torch.Tensor:
    """States of norm 1 in double precision."""
    return torch.nn.functional.normalize(haar(n, n_qubits, generator).to(torch.complex128), dim=-1)


def branched(n: int, n_branches: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Branches (n, B, 4) of different probabilities (n, B)."""
    states = doubles(n * n_branches, generator).unflatten(0, (n, n_branches))
    return states, torch.rand(n, n_branches, generator=generator, dtype=torch.float64).softmax(-1)


def of_permutations(first: torch.Tensor, second: torch.Tensor) -> float:
    """The best way to pair as many states with as many."""
    cost = (1 - fidelities(first, second)).numpy()
    rows = np.arange(len(cost))
    return min(cost[rows, list(columns)].mean() for columns in itertools.permutations(rows))


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_of_sets_of_one_size_it_is_the_best_permutation(n, generator):
    first, second = doubles(n, generator), doubles(n, generator)
    assert wasserstein(first, second).item() == pytest.approx(of_permutations(first, second), abs=1e-14)


def test_states_of_other_masses_are_as_if_repeated(generator):
    """Two states against three, and branches of probability 1/3 and 2/3: six of equal mass."""
    first, second = doubles(2, generator), doubles(3, generator)
    expected = of_permutations(first.repeat(3, 1), second.repeat(2, 1))
    assert wasserstein(first, second).item() == pytest.approx(expected, abs=1e-14)
    branches, thirds = doubles(4, generator).unflatten(0, (2, 2)), torch.tensor([[1.0, 2.0], [2.0, 1.0]]).double() / 3
    each = branches.flatten(0, 1).repeat_interleave(torch.tensor([1, 2, 2, 1]), 0)
    got = wasserstein(branches, second, first_probabilities=thirds)
    assert got.item() == pytest.approx(of_permutations(each, second.repeat(2, 1)), abs=1e-14)
    other = wasserstein(second, branches, second_probabilities=thirds)
    assert other.item() == pytest.approx(got.item(), abs=1e-14)


@pytest.mark.parametrize("turn", [0.0, 0.1, 0.3, 1.0])
def test_a_turned_circle_lies_as_far_as_its_nearest_states(turn):
    """K = 8 states, evenly spaced, to themselves turned: every state has its nearest for itself, δ mod π/8 away."""
    angles = torch.arange(8).double() * math.pi / 8
    first, second = (torch.stack([each.cos(), each.sin()], -1) + 0j for each in (angles, angles + turn))
    nearest = math.remainder(turn, math.pi / 8)
    assert wasserstein(first, second).item() == pytest.approx(math.sin(nearest) ** 2, abs=1e-14)


def test_large_circles_lie_near_each_other_and_far_from_haar_states(generator):
    """A Haar state at height y over the circle: 1 - F = (1 - √(1 - y²))/2 to its nearest, ½ - π/8 on average."""
    first, second = circle(400, generator), circle(400, generator)
    assert wasserstein(first, second) < 0.01
    assert wasserstein(haar(2000, 1, generator), second).item() == pytest.approx(0.5 - math.pi / 8, abs=0.01)


@pytest.mark.parametrize("distance", BOTH)
def test_equal_sets_have_no_distance_in_any_order(distance, generator):
    states = haar(30, 3, generator)
    assert distance(states, states[torch.randperm(30, generator=generator)]).item() == pytest.approx(0, abs=1e-6)
    assert distance(states[:15], states[15:]).item() > 0.01


@pytest.mark.parametrize("distance", BOTH)
def test_of_single_states_it_is_the_infidelity(distance, generator):
    first, second = doubles(1, generator), doubles(1, generator)
    assert distance(first, second).item() == pytest.approx(1 - fidelities(first, second).item(), abs=1e-14)


def test_measured_sets_lie_further_than_the_distribution_that_measuring_leaves(generator):
    (branches, p), second = branched(2, 2, generator), doubles(3, generator)
    mean = sum(
        p[0, a] * p[1, b] * wasserstein(torch.stack([branches[0, a], branches[1, b]]), second)
        for a, b in itertools.product(range(2), repeat=2)
    )
    assert wasserstein(branches, second, first_probabilities=p) < mean


@pytest.mark.parametrize("distance", BOTH)
def test_gradients_are_finite_differences(distance, generator):
    """By the states and the probabilities of both sets."""
    (first, p), (second, q) = branched(3, 2, generator), branched(2, 2, generator)
    assert torch.autograd.gradcheck(
        lambda a, b, p, q: distance(a, b, first_probabilities=p.softmax(-1), second_probabilities=q.softmax(-1)),
        [tensor.requires_grad_() for tensor in (first, second, p.log(), q.log())],
    )


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("distance", BOTH)
def test_a_branch_of_no_probability_counts_nothing_but_has_a_slope(distance, side, generator):
    """Of both sets; the slope is that of giving it the first of its mass."""
    (branches, _), other = branched(3, 2, generator), doubles(4, generator)
    p = torch.tensor([[1.0, 0.0], [0.3, 0.7], [0.6, 0.4]]).double()
    given = torch.tensor([[-1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).double()

    def at(p: torch.Tensor) -> torch.Tensor:
        if side == 0:
            return distance(branches, other, first_probabilities=p)
        return distance(other, branches, second_probabilities=p)

    p.requires_grad_()
    at(p).backward()
    with torch.no_grad():
        slope = (at(p + 1e-6 * given) - at(p)) / 1e-6
        near = at(p + 1e-12 * given)
    assert (p.grad * given).sum().item() == pytest.approx(slope.item(), abs=1e-4)
    assert near.item() == pytest.approx(at(p).item(), abs=1e-9)


@pytest.mark.parametrize("distance", BOTH)
def test_probabilities_that_are_1_in_sum_but_for_rounding_are_taken(distance, generator):
    (branches, p), second = branched(3, 2, generator), doubles(4, generator)
    off = distance(branches, second, first_probabilities=p * (1 + 1e-5)).item()
    assert off == pytest.approx(distance(branches, second, first_probabilities=p).item(), abs=1e-4)


@pytest.mark.parametrize("epsilon", [0.02, 0.3, 5.0])
def test_the_sinkhorn_divergence_of_one_state_from_two(epsilon, generator):
    """The plan is forced; within the two, W_ε = -ε log((1 + e^(-c/ε))/2), c being their infidelity."""
    one, two = doubles(1, generator), doubles(2, generator)
    c = 1 - fidelities(two[:1], two[1:]).item()
    within = -epsilon * math.log((1 + math.exp(-c / epsilon)) / 2)
    expected = (1 - fidelities(one, two)).mean().item() - within / 2
    assert sinkhorn(one, two, regularisation=epsilon).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0])
def test_the_sinkhorn_divergence_nears_transport_as_the_regularisation_goes(epsilon, generator):
    """No divergence from a product is above the smaller entropy: W ≤ W_ε ≤ W + ε log 4, and 0 ≤ W_ε(a, a) ≤ ε log N."""
    first, second = doubles(4, generator), doubles(5, generator)
    more = (sinkhorn(first, second, regularisation=epsilon) - wasserstein(first, second)).item() / epsilon
    assert -math.log(4 * 5) / 2 <= more <= math.log(4)


def test_the_sinkhorn_divergence_is_half_the_mmd_in_the_limit(generator):
    """ε → ∞: every plan is the product of its margins."""
    first, second = doubles(4, generator), doubles(5, generator)
    loose = sinkhorn(first, second, regularisation=1e4).item()
    assert loose == pytest.approx(mmd(first, second).item() / 2, abs=1e-4)


@pytest.mark.parametrize("distance", [*BOTH, mmd])
def test_what_does_not_fit_is_refused(distance, generator):
    states, chances = haar(4, 1, generator), torch.full((2, 2), 0.5)
    for given in (
        {"first": states, "second": states, "first_probabilities": chances},
        {"first": states.view(2, 2, 2), "second": states},
        {"first": states.view(2, 2, 2), "second": states, "first_probabilities": chances[:1]},
    ):
        with pytest.raises(UsageError, match="probabilities"):
            distance(**given)
    with pytest.raises(UsageError, match="empty"):
        distance(states, states[:0])


@pytest.mark.parametrize("distance", BOTH)
def test_states_of_different_sizes_are_refused(distance, generator):
    with pytest.raises(UsageError, match="2 and of 4 amplitudes"):
        distance(haar(3, 1, generator), haar(3, 2, generator))


@pytest.mark.parametrize("epsilon", [-1.0, 0.0, 0.001, math.nan, math.inf])
def test_impossible_regularisations_are_refused(epsilon, generator):
    states = haar(3, 1, generator)
    with pytest.raises(UsageError, match=r"at least 0\.01"):
        sinkhorn(states, states, regularisation=epsilon)


@pytest.mark.filterwarnings("ignore:numItermax")
def test_a_solver_that_gives_up_is_an_error(generator, monkeypatch):
    monkeypatch.setattr("qdiffusion.states.transport.MOST_PIVOTS", 1)
    with pytest.raises(RunError, match="give fewer states"):
        wasserstein(haar(20, 1, generator), haar(20, 1, generator))


@pytest.mark.parametrize("distance", BOTH)
def test_more_pairs_than_memory_holds_are_refused(distance):
    states = torch.empty(10**7, 2, dtype=torch.complex64)
    with pytest.raises(UsageError, match=r"10,000,000 states or branches needs 6\.4 PB"):
        distance(states, states)
