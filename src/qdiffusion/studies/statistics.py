"""Means over seeds and paired differences, with intervals by Student's t.

Of n values with mean m and standard deviation s (divided by n - 1), the interval is m ± t·s/√n, t the quantile of
Student's distribution with n - 1 degrees of freedom that leaves 2.5 % above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import copysign, inf, sqrt
from statistics import fmean, stdev

from qdiffusion.errors import UsageError

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, with its interval."""

    mean: float
    half_width: float | None
    """Half of the 95 % interval; None: a single value has none."""
    n: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its ends."""
        return None if self.half_width is None else (self.mean - self.half_width, self.mean + self.half_width)


@dataclass(frozen=True)
class Difference:
    """The mean difference of two columns over their common seeds, and its test."""

    estimate: Estimate
    p: float | None
    """Two-sided probability of a difference this far from `null`, were `null` the true one; None: a single seed."""
    null: float
    """The difference that is tested."""


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of values and its 95 % interval.

    Raises:
        UsageError: no value.
    """
    if not values:
        raise UsageError("A mean over seeds was asked of no value; give at least one.")
    n = len(values)
    if n == 1:
        return Estimate(values[0], None, 1)
    from scipy.special import stdtrit

    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    return Estimate(fmean(values), quantile * stdev(values) / sqrt(n), n)


def paired_difference(first: Mapping[int, float], second: Mapping[int, float], null: float = 0.0) -> Difference | None:
    """Paired t-test of first - second over the seeds that both have; None where they have none in common."""
    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    if not differences:
        return None
    if len(differences) == 1:
        return Difference(estimate(differences), None, null)
    from scipy.special import stdtr

    n, distance = len(differences), fmean(differences) - null
    error = stdev(differences) / sqrt(n)
    t = distance / error if error else copysign(inf, distance) if distance else 0.0
    return Difference(estimate(differences), float(2 * stdtr(n - 1, -abs(t))), null)
