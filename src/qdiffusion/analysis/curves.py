"""The logged fidelity of a run, stage by stage: a saw-tooth where every stage has another scrambler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdiffusion.training.experiment import Experiment

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """A stage and its steps of the training: begin + 1 … end."""

    name: str
    begin: int
    end: int


@dataclass(frozen=True)
class StageCurve:
    """What one stage has logged."""

    span: Span
    steps: Numbers
    """Of the training, (N,), N ≥ 1, rising."""
    fidelities: Numbers
    """Of the batches trained on, (N,)."""

    def gains(self, interval: int) -> tuple[Numbers, Numbers]:
        """Steps since the stage began, and by how much the fidelity has risen there since the logged step before, per
        `interval` steps: both (N - 1,)."""
        return (self.steps - self.span.begin)[1:], np.diff(self.fidelities) / np.diff(self.steps) * interval

    def gain_until(self, step: int) -> float:
        """From the first logged step to the last one that is no later than `step` of the stage; 0 where none is."""
        reached = self.fidelities[self.steps - self.span.begin <= step]
        return float(reached[-1] - self.fidelities[0]) if len(reached) else 0.0


def stage_spans(experiment: Experiment) -> tuple[Span, ...]:
    """The stages in order, all rounds of one together."""
    rounds = groupby(experiment.legs, key=lambda leg: leg.index)
    ends = [(index, [*legs][-1].end) for index, legs in rounds]
    begins = [0, *(end for _, end in ends)]
    return tuple(Span(experiment.stages[index].name, begins[index], end) for index, end in ends)


def shown_stage(experiment: Experiment, snapshot: int | None) -> int:
    """The index of the stage whose weights are shown: that of the snapshot asked for and kept, else the last."""
    kept = snapshot in experiment.snapshots
    return experiment.stage_at(snapshot) if snapshot is not None and kept else len(experiment.stages) - 1


def stage_curves(spans: Sequence[Span], stats: Sequence[Mapping[str, Any]]) -> tuple[StageCurve, ...]:
    """The curves of all stages that have logged a fidelity."""
    curves = []
    for span in spans:
        lines = [line for line in stats if span.begin < line["step"] <= span.end and "fidelity" in line]
        if lines:
            steps, values = (np.array([line[key] for line in lines], float) for key in ("step", "fidelity"))
            curves.append(StageCurve(span, steps, values))
    return tuple(curves)
