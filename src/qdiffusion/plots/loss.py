"""The logged losses of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LOG_SCALE_FROM = 10.0
MOST_NAMES = 8
MOST_MARKS = 60
FEWEST_ROUNDS = 3
RECORDED = {"step", "stage", "round", "loss", "learning_rate", "seconds", "items_per_second"}

Numbers = NDArray[np.float64]


class Mark(NamedTuple):
    """Where the loss changes its meaning, at first where it begins, and the name of what begins; "" for none."""

    step: float
    name: str


class RoundEnds(NamedTuple):
    """The last logged loss of every round of one stage."""

    stage: str
    rounds: Numbers
    losses: Numbers


class Series(NamedTuple):
    """A logged scalar: steps and values (N,), and the places where parts begin."""

    steps: Numbers
    values: Numbers
    begins: tuple[int, ...]


@dataclass(frozen=True)
class LoggedLosses:
    """What a loss curve shows: each (N,), N ≥ 1. Smoothed is the logarithm, since a loss falls by factors."""

    steps: Numbers
    losses: Numbers
    smoothed: Numbers
    """Within each part: stages, and rounds of a stage, mean other things by their loss."""
    logarithmic: bool
    """Whether the largest loss is more than ten times the smallest."""
    begins: tuple[int, ...] = (0,)
    """Places of the first loss of each part."""
    marks: tuple[Mark, ...] = ()
    """Between the parts, where there are several."""


def losses(stats: Sequence[Mapping[str, Any]]) -> LoggedLosses:
    """What a loss curve shows of one or more lines of stats.jsonl."""
    values = np.array([line["loss"] for line in stats], dtype=float)
    positive = bool(values.min() > 0)
    begins = _begins(stats)
    smoothed = [_smoothed(part, positive) for part in np.split(values, begins[1:])]
    return LoggedLosses(
        steps=np.array([line["step"] for line in stats], dtype=float),
        losses=values,
        smoothed=np.concatenate(smoothed),
        logarithmic=is_logarithmic(values),
        begins=begins,
        marks=_marks(stats, begins),
    )


def round_ends(stats: Sequence[Mapping[str, Any]]) -> list[RoundEnds]:
    """Of every stage of at least `FEWEST_ROUNDS` logged rounds the loss that each round ended in."""
    found = []
    for stage, lines in groupby((line for line in stats if "round" in line), key=lambda line: line["stage"]):
        last = {line["round"]: line["loss"] for line in lines}
        if len(last) >= FEWEST_ROUNDS:
            found.append(RoundEnds(stage, np.array(list(last), float), np.array(list(last.values()), float)))
    return found


def further(stats: Sequence[Mapping[str, Any]]) -> dict[str, Series]:
    """Every other scalar that was logged, by its name."""
    names = dict.fromkeys(name for line in stats for name in line if name not in RECORDED)
    return {name: _series(name, stats) for name in names}


def is_logarithmic(values: Numbers) -> bool:
    """Whether all are positive and the largest is more than ten times the smallest."""
    return bool(values.min() > 0 and values.max() / values.min() > LOG_SCALE_FROM)


def broken(values: Numbers, begins: Sequence[int]) -> Numbers:
    """The values with NaN before each part but the first, so that no line joins two parts."""
    return np.insert(values, list(begins[1:]), np.nan)


def smooth(values: Numbers, radius: int) -> Numbers:
    """Moving average that begins at the first value: a loss falls steeply there, and a one-sided mean would lag behind.

    s_i = mean(v_j : -min(radius, i) ≤ j - i ≤ min(radius, i), j < N); shape (N,).
    """
    places = np.arange(len(values))
    reach = np.minimum(radius, places)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    begins, ends = places - reach, np.minimum(places + reach + 1, len(values))
    return (sums[ends] - sums[begins]) / (ends - begins)


def _begins(stats: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """Places of the first line of each part."""
    parts = [(line["stage"], line.get("round")) for line in stats]
    return tuple(place for place, part in enumerate(parts) if place == 0 or part != parts[place - 1])


def _smoothed(values: Numbers, positive: bool) -> Numbers:
    radius = len(values) // 20
    return np.exp(smooth(np.log(values), radius)) if positive else smooth(values, radius)


def _marks(stats: Sequence[Mapping[str, Any]], begins: Sequence[int]) -> tuple[Mark, ...]:
    """Names stand where a stage begins, as long as there are few; of many rounds only the stages are marked."""
    if len(begins) == 1:
        return ()
    stages = [place for place in begins if place == 0 or stats[place]["stage"] != stats[place - 1]["stage"]]
    marked = begins if len(begins) <= MOST_MARKS else stages
    named = stages if len(stages) <= MOST_NAMES else []
    return tuple(Mark(_between(stats, place), stats[place]["stage"] if place in named else "") for place in marked)


def _between(stats: Sequence[Mapping[str, Any]], place: int) -> float:
    """Half-way between the last step of a part and the first of the next."""
    return (stats[max(place - 1, 0)]["step"] + stats[place]["step"]) / 2


def _series(name: str, stats: Sequence[Mapping[str, Any]]) -> Series:
    lines = [line for line in stats if name in line]
    steps, values = ([float(line[key]) for line in lines] for key in ("step", name))
    return Series(np.array(steps), np.array(values), _begins(lines))
