"""Verdicts: what the interval says, which way is better, and when nothing can be said."""

import pytest

from qdiffusion.studies.spec import Claim
from qdiffusion.studies.verdicts import Verdict, judge, overall
from studies_toys import cells, spec

BETTER = Claim("Hybrids are better.", ("hybrid",), ("plain",))
LOW, HIGH = (40.0, 41.0, 42.0), (45.0, 46.5, 47.0)
NEAR = (40.5, 40.0, 42.5)


def verdict(claim: Claim, **ends: tuple[float, ...]) -> Verdict:
    return judge(cells(spec(claim), ends), [claim])[0].verdict


@pytest.mark.parametrize(
    ("hybrid", "plain", "expected"),
    [(LOW, HIGH, Verdict.HOLDS), (HIGH, LOW, Verdict.FAILS), (LOW, NEAR, Verdict.UNDECIDED)],
)
def test_a_verdict_turns_with_the_sign(hybrid, plain, expected):
    assert verdict(BETTER, hybrid=hybrid, plain=plain) is expected


@pytest.mark.parametrize(("score", "expected"), [("kid", Verdict.HOLDS), ("is", Verdict.HOLDS)])
def test_every_score_is_read_in_its_own_direction(score, expected):
    """The toys' IS rises where their FID falls."""
    claim = Claim("", ("hybrid",), ("plain",), scores=(score,))
    assert verdict(claim, hybrid=LOW, plain=HIGH) is expected
    assert verdict(claim, hybrid=HIGH, plain=LOW) is Verdict.FAILS


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ((1.9, 2.0, 2.1), Verdict.HOLDS),  # significantly worse, but by less than 5 % of 100
        ((-2.0, 0.0, 2.0), Verdict.HOLDS),  # half of the interval is 4.97
        ((-2.1, 0.0, 2.1), Verdict.UNDECIDED),  # and here 5.22
        ((5.9, 6.0, 6.1), Verdict.FAILS),
        ((-9.1, -9.0, -8.9), Verdict.HOLDS),
    ],
)
def test_not_worse_than_by_a_margin(offsets, expected):
    claim = Claim("", ("hybrid",), ("plain",), margin=0.05)
    judged = judge(cells(spec(claim), {"hybrid": [100 + x for x in offsets], "plain": [100.0] * 3}), [claim])[0]
    assert judged.comparisons[0].difference.null == pytest.approx(5.0)
    assert judged.verdict is expected


def test_a_margin_lies_below_where_higher_is_better():
    claim = Claim("", ("hybrid",), ("plain",), scores=("is",), margin=0.05)
    judged = judge(cells(spec(claim), {"hybrid": [40.0, 40.5], "plain": [40.0, 40.5]}), [claim])[0]
    assert judged.comparisons[0].difference.null < 0
    assert judged.verdict is Verdict.HOLDS


@pytest.mark.parametrize("ends", [{"hybrid": (1.0,), "plain": (99.0, 98.0)}, {"plain": (99.0, 98.0)}])
def test_no_verdict_from_one_common_seed_or_none(ends):
    assert verdict(BETTER, **ends) is Verdict.NONE


def test_the_difference_is_paired_by_seed():
    """Seeds far apart, the difference within each small and steady: only pairs can tell."""
    plain, hybrid = (10.0, 50.0, 90.0), (9.0, 48.9, 89.1)
    judged = judge(cells(spec(BETTER), {"hybrid": hybrid, "plain": plain}), [BETTER])[0]
    assert judged.comparisons[0].difference.estimate.mean == pytest.approx(-1.0)
    assert judged.verdict is Verdict.HOLDS


def test_the_claim_says_when():
    """At half of the training the toys' FID is twice that of the end."""
    early = Claim("", ("hybrid",), ("plain",), moment=0)
    found = cells(spec(), {"hybrid": LOW, "plain": HIGH})
    means = [judge(found, [claim])[0].comparisons[0].difference.estimate.mean for claim in (early, BETTER)]
    assert means[0] == pytest.approx(2 * means[1])


def test_every_column_is_compared_with_every_baseline():
    claim = Claim("", ("hybrid", "twin"), ("plain", "other"))
    columns = ("plain", "hybrid", "twin", "other")
    ends = {"hybrid": LOW, "twin": NEAR, "plain": HIGH, "other": HIGH}
    judged = judge(cells(spec(claim, columns=columns), ends), [claim])[0]
    pairs = [(pair.column, pair.baseline) for pair in judged.comparisons]
    assert pairs == [("hybrid", "plain"), ("hybrid", "other"), ("twin", "plain"), ("twin", "other")]


def test_a_claim_holds_where_all_hold_and_fails_where_one_does():
    holds, fails, undecided, none = Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED, Verdict.NONE
    assert overall([holds, holds]) is holds
    assert overall([holds, undecided]) is undecided
    assert overall([holds, undecided, none]) is undecided
    assert overall([holds, none]) is holds
    assert overall([none, none]) is none
    assert overall([none, fails, holds]) is fails
