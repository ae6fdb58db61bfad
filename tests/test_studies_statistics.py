"""Intervals and paired tests: closed forms of Student's distribution, scipy's own test, and what one seed can tell."""

from math import atan, isclose, pi, sqrt, tan

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from qdiffusion.errors import UsageError
from qdiffusion.studies.statistics import estimate, paired_difference

scores = st.floats(-500, 500).map(lambda value: round(value, 3))


@given(first=scores, second=scores)
def test_interval_of_two_values_is_the_cauchy_quantile(first, second):
    """One degree of freedom: t = tan(π(p - 1/2)), s/√2 = half the distance."""
    found = estimate([first, second])
    assert isclose(found.mean, (first + second) / 2, abs_tol=1e-9)
    assert found.half_width == pytest.approx(tan(0.475 * pi) * abs(first - second) / 2)


def test_interval_of_three_values_in_closed_form():
    """Two degrees of freedom: t = (2p - 1)/√(2p(1 - p)); of 1, 2, 3 the standard deviation is 1."""
    found = estimate([1.0, 2.0, 3.0])
    quantile = 0.95 / sqrt(2 * 0.975 * 0.025)
    assert found.interval == pytest.approx((2 - quantile / sqrt(3), 2 + quantile / sqrt(3)))
    assert found.n == 3


@pytest.mark.parametrize("null", [0.0, 1.5])
def test_p_in_closed_form(null):
    """One degree of freedom: p = 1 - 2·atan|t|/π; two: p = 1 - |t|/√(2 + t²)."""
    two = paired_difference({0: 5.0, 1: 9.0}, {0: 4.0, 1: 6.0}, null)
    t = (2 - null) / 1  # differences 1 and 3: mean 2, standard error 1
    assert two.p == pytest.approx(1 - 2 * atan(abs(t)) / pi)
    three = paired_difference({0: 1.0, 1: 2.0, 2: 3.0}, {0: 0.0, 1: 0.0, 2: 0.0}, null)
    t = (2 - null) * sqrt(3)
    assert three.p == pytest.approx(1 - abs(t) / sqrt(2 + t**2))


@given(pairs=st.lists(st.tuples(scores, scores), min_size=2, max_size=8))
def test_paired_difference_is_that_of_scipy(pairs):
    assume(len({round(a - b, 3) for a, b in pairs}) > 1)
    first, second = (dict(enumerate(side)) for side in zip(*pairs, strict=True))
    found = paired_difference(first, second)
    reference = stats.ttest_rel(list(first.values()), list(second.values()))
    assert found.p == pytest.approx(reference.pvalue, rel=1e-6, abs=1e-12)
    assert found.estimate.interval == pytest.approx(tuple(reference.confidence_interval(0.95)), rel=1e-6, abs=1e-6)


@given(values=st.lists(scores, min_size=2, max_size=8), null=scores)
def test_interval_leaves_out_the_null_where_p_is_below_five_per_cent(values, null):
    found = paired_difference(dict(enumerate(values)), dict.fromkeys(range(len(values)), 0.0), null)
    low, high = found.estimate.interval
    assume(min(abs(low - null), abs(high - null)) > 1e-6)
    assert (found.p < 0.05) == (not low <= null <= high)


@given(values=st.dictionaries(st.integers(0, 9), scores, min_size=2), others=st.dictionaries(st.integers(0, 9), scores))
def test_only_common_seeds_count_and_the_sign_turns(values, others):
    common = values.keys() & others.keys()
    there, back = paired_difference(values, others), paired_difference(others, values)
    assert there == paired_difference({s: values[s] for s in common}, {s: others[s] for s in common})
    if not common:
        assert there is None
    else:
        assert there.estimate.n == len(common)
        assert there.estimate.mean == pytest.approx(-back.estimate.mean)
        assert there.p == pytest.approx(back.p)


def test_one_seed_has_a_mean_and_no_interval():
    assert (estimate([4.5]).mean, estimate([4.5]).interval) == (4.5, None)
    single = paired_difference({3: 5.0, 4: 1.0}, {3: 4.0})
    assert (single.estimate.mean, single.estimate.interval, single.p) == (1.0, None, None)


@pytest.mark.parametrize(("null", "p"), [(2.0, 1.0), (0.0, 0.0)])
def test_equal_differences_are_certain(null, p):
    found = paired_difference({0: 3.0, 1: 5.0}, {0: 1.0, 1: 3.0}, null)
    assert (found.estimate.interval, found.p) == ((2.0, 2.0), p)


def test_a_mean_of_nothing_is_refused():
    with pytest.raises(UsageError, match="no value"):
        estimate([])
