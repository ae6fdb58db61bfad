"""What a classifier says of samples, against closed forms and plain enumeration."""

from itertools import product
from math import log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdiffusion.metrics import Row
from qdiffusion.metrics.confidence import (
    agreement_row,
    class_frequencies,
    class_rows,
    confidence,
    expected_variation,
    total_variation,
)


def sure_of(classes: list[int], probability: float, k: int = 4) -> Tensor:
    """Logits that give each sample's class this probability, and the others equal shares of the rest."""
    logits = torch.full((len(classes), k), log((1 - probability) / (k - 1)), dtype=torch.float64)
    logits[torch.arange(len(classes)), classes] = log(probability)
    return logits + torch.arange(len(classes)).view(-1, 1)  # softmax does not see what is added to a sample's logits


def rows(samples: Tensor, real: Tensor) -> dict[str, Row]:
    return {row.name: row for row in class_rows("net", samples, real, (real[::2], real[1::2]))}


def distribution(weights: list[int]) -> Tensor:
    counts = torch.tensor(weights, dtype=torch.float64)
    return counts / counts.sum()


distributions = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any).map(distribution)


def test_confidence_is_the_largest_probability() -> None:
    logits = torch.cat([sure_of([0, 3], 0.7), sure_of([2], 0.95), torch.zeros(1, 4, dtype=torch.float64)])
    assert confidence(logits).tolist() == pytest.approx([0.7, 0.7, 0.95, 1 / 4], rel=1e-12)


def test_scores_of_known_probabilities() -> None:
    samples = torch.cat([sure_of([0, 0, 0], 0.95), sure_of([1], 0.85)])
    real = torch.cat([sure_of([0, 1, 2, 3], 0.99), sure_of([0, 1, 2, 3], 0.5)])
    scored = rows(samples, real)
    assert list(scored) == ["confidence-net", "confident-net", "balance-net"]
    assert scored["confidence-net"].value == pytest.approx((3 * 0.95 + 0.85) / 4)
    assert scored["confidence-net"].beside == pytest.approx({"real": (0.99 + 0.5) / 2})
    assert (scored["confident-net"].value, scored["confident-net"].beside) == (3 / 4, {"real": 1 / 2})
    assert scored["balance-net"].value == pytest.approx((1 / 2 + 0 + 1 / 4 + 1 / 4) / 2)
    assert [row.better for row in scored.values()] == ["higher", "higher", "lower"]


def test_the_floor_of_the_balance_is_that_of_the_halves() -> None:
    """The halves of these share no class."""
    real = sure_of([0, 1, 0, 1], 0.9)
    floor = rows(sure_of([0, 1], 0.9), real)["balance-net"].beside["floor"]
    assert floor == rows(sure_of([2, 3], 0.9), real)["balance-net"].beside["floor"] == 1


def test_as_many_real_images_score_their_expected_variation() -> None:
    """One of four equal classes, drawn once, is 3/4 away; the samples' own classes are not asked."""
    real = sure_of([0, 1, 2, 3] * 5, 0.9)
    scored = [rows(sure_of([0] * count, 0.9), real)["balance-net"].beside["real"] for count in (1, 50)]
    assert scored == pytest.approx([3 / 4, expected_variation(class_frequencies(real), 50)])
    assert 0 < scored[1] < scored[0]


def test_collapse_and_balance_do_not_hide_each_other() -> None:
    """One class, perfectly drawn, is as confident as can be; what gives it away is the balance."""
    real = sure_of([0, 1, 2, 3] * 5, 0.99)
    collapsed, blurred = rows(sure_of([2] * 20, 0.99), real), rows(sure_of([0, 1, 2, 3] * 5, 0.3), real)
    assert collapsed["confidence-net"].value == pytest.approx(0.99)
    assert collapsed["balance-net"].value == pytest.approx(3 / 4)
    assert (blurred["balance-net"].value, blurred["confident-net"].value) == (0, 0)


def test_classes_that_the_data_lack_count_as_off_balance() -> None:
    real, samples = sure_of([1, 3] * 10, 0.9), sure_of([1, 3, 1, 3, 0], 0.9)
    assert rows(samples, real)["balance-net"].value == pytest.approx(1 / 5)
    assert class_frequencies(real).tolist() == [0, 0.5, 0, 0.5]


@given(distributions, distributions, distributions)
def test_total_variation_is_a_distance_of_at_most_one(p: Tensor, q: Tensor, r: Tensor) -> None:
    assert total_variation(p, p) == 0
    assert total_variation(p, q) == total_variation(q, p) <= 1 + 1e-12
    assert total_variation(p, r) <= total_variation(p, q) + total_variation(q, r) + 1e-12


@given(distributions, distributions)
def test_total_variation_is_the_largest_difference_of_an_events_probability(p: Tensor, q: Tensor) -> None:
    events = [list(event) for event in product([False, True], repeat=3)]
    largest = max((p[event] - q[event]).sum().item() for event in events)
    assert total_variation(p, q) == pytest.approx(largest, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(distributions, st.integers(1, 6))
def test_expected_variation_is_the_mean_over_all_draws(q: Tensor, count: int) -> None:
    expected = 0.0
    for draw in product(range(3), repeat=count):
        chosen = torch.tensor(draw)
        expected += q[chosen].prod().item() * total_variation(chosen.bincount(minlength=3).double() / count, q)
    assert expected_variation(q, count) == pytest.approx(expected, abs=1e-12)


def test_agreement_counts_what_was_asked_for():
    """Three of four samples, and half of the reference, are found to be what they were to be."""
    found = torch.eye(10, dtype=torch.float64)
    row = agreement_row("net", (found[[1, 2, 3, 4]], torch.tensor([1, 2, 3, 5])), (found[[7, 8]], torch.tensor([7, 9])))
    assert (row.name, row.value, row.beside) == ("agreement-net", 0.75, {"real": 0.5})
