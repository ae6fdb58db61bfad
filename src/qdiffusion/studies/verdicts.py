"""Whether a paper's claim holds in the cells at hand: a paired test over common seeds for each of its comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from qdiffusion.studies.cells import Cells
from qdiffusion.studies.spec import Claim
from qdiffusion.studies.statistics import Difference, paired_difference


class Verdict(StrEnum):
    """What a comparison, or a claim, comes to."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNDECIDED = "undecided"
    NONE = "no verdict"


LEGEND = (
    "Each comparison pairs the seeds that both columns have; the difference is column minus baseline, with its 95 % "
    "interval by Student's t and the two-sided p of the paired test against the bound. A comparison holds where the "
    "whole interval lies on the claimed side of the bound, does not hold where it lies on the other, is undecided "
    "where it contains the bound, and has no verdict with fewer than two common seeds. A claim is judged by those of "
    "its comparisons that have one: it holds where all of these do, and does not where one does not. The p are not "
    "corrected for the number of comparisons: of twenty without any effect, one falls below 0.05."
)


@dataclass(frozen=True)
class Comparison:
    """A column against a baseline."""

    column: str
    baseline: str | float
    score: str
    """Without the feature network's name."""
    difference: Difference | None
    """Column minus baseline, against the bound it has to stay on the better side of; None without a common seed."""
    verdict: Verdict


@dataclass(frozen=True)
class Judged:
    """A claim, its comparisons and what they come to."""

    claim: Claim
    comparisons: tuple[Comparison, ...]
    verdict: Verdict


def judge(cells: Cells, claims: Sequence[Claim]) -> tuple[Judged, ...]:
    """A verdict on each claim."""
    return tuple(_judged(cells, claim) for claim in claims)


def _judged(cells: Cells, claim: Claim) -> Judged:
    comparisons = tuple(
        _compared(cells, claim, score, column, baseline)
        for score in claim.scores
        for column in claim.columns
        for baseline in claim.baselines
    )
    return Judged(claim, comparisons, overall([comparison.verdict for comparison in comparisons]))


def _compared(cells: Cells, claim: Claim, score: str, column: str, baseline: str | float) -> Comparison:
    name = cells.score_name(score)
    first, second = (cells.values(key, claim.moment, name) for key in (column, baseline))
    sign = 1 if cells.better(name) == "lower" else -1
    common = first.keys() & second.keys()
    bound = sign * claim.margin * abs(fmean(second[seed] for seed in common)) if claim.margin and common else 0.0
    difference = paired_difference(first, second, bound)
    return Comparison(column, baseline, score, difference, _verdict(difference, sign))


def _verdict(difference: Difference | None, sign: int) -> Verdict:
    """sign: 1 where the claim is that the difference lies below its bound, -1 where above."""
    interval = difference.estimate.interval if difference else None
    if difference is None or interval is None:
        return Verdict.NONE
    best, worst = sorted(sign * (end - difference.null) for end in interval)
    return Verdict.HOLDS if worst < 0 else Verdict.FAILS if best > 0 else Verdict.UNDECIDED


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Of the comparisons that are judged all have to hold; one that does not decides."""
    judged = [verdict for verdict in verdicts if verdict is not Verdict.NONE]
    for decisive in (Verdict.FAILS, Verdict.UNDECIDED):
        if decisive in judged:
            return decisive
    return Verdict.HOLDS if judged else Verdict.NONE
