"""What a trained run has to show of undoing one scrambler."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from qdiffusion.analysis.curves import Span, StageCurve, shown_stage, stage_curves, stage_spans
from qdiffusion.analysis.portraits import MOST_DRAWN, Portrait, portraits
from qdiffusion.analysis.recovery import Snapshot, restored
from qdiffusion.diffusion.state_config import ScramblerConfig
from qdiffusion.diffusion.system import MeasuredDenoiser, System
from qdiffusion.errors import UsageError
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.runs import Run
from qdiffusion.runs.snapshots import list_snapshots
from qdiffusion.training.experiment import Experiment
from qdiffusion.training.loading import load_system
from qdiffusion.training.setup import read_experiment


@dataclass(frozen=True)
class RunStudy:
    """Portraits of one held-out state, and what was restored along the training."""

    experiment: Experiment
    source: str
    """Where the states come from, in words."""
    state: int
    """Which of the held-out states."""
    origin: dict[str, Any]
    """Of the weights that restored it: see `training.loading.load_system`."""
    portraits: tuple[Portrait, ...]
    """original, scrambled, restored."""
    curves: tuple[StageCurve, ...]
    snapshots: tuple[Snapshot, ...]

    @property
    def floor(self) -> float:
        """The mean fidelity of Haar-random states, 2^-n."""
        return 0.5 ** len(self.portraits[0].information)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The stages of the training."""
        return stage_spans(self.experiment)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Sentences: what could not be drawn of this run, and why."""
        n_qubits = len(self.portraits[0].information)
        found = [
            f"{name}.png is left out: it can be read up to {most} qubits, and these states have {n_qubits}."
            for name, most in MOST_DRAWN.items()
            if n_qubits > most
        ]
        if not self.curves:
            found.append("training.png is left out: the run has logged no fidelity.")
        if not self.snapshots:
            found.append(
                "recovery.png and gap.png are left out: the run keeps no snapshots; train with --snapshots to see them."
            )
        return tuple(found)


def study_run(run: Run, state: int = 0, snapshot: int | None = None, progress: Progress | None = None) -> RunStudy:
    """Look at a run whose forward process is one scrambler shared by all states.

    Args:
        run: a run, finished or not.
        state: which of the held-out states is portrayed, counted from 0.
        snapshot: restore it by the weights of this step rather than the last.

    Raises:
        UsageError: another forward process, a denoiser that measures, states of a single qubit, or a state or snapshot
            that there is not.
        RunError: the run has no weights yet, or is damaged.
    """
    experiment = read_experiment(run).experiment
    _check_scrambler(run, experiment, shown_stage(experiment, snapshot))
    test = experiment.data.load("test")
    if not 0 <= state < len(test):
        raise UsageError(f"State {state} was asked for; this run has held-out states 0 to {len(test) - 1}.")
    system, origin = load_system(run, snapshot)
    _check_system(run, system)
    item = test.items[state].to(system.process.strengths.device)
    return RunStudy(
        experiment,
        test.source,
        state,
        origin,
        portraits(system, item),
        stage_curves(stage_spans(experiment), run.read_stats()),
        _snapshots(run, experiment, test.items, progress or SilentProgress()),
    )


def _snapshots(run: Run, experiment: Experiment, held_out: Tensor, progress: Progress) -> tuple[Snapshot, ...]:
    """Those of the stages that undo a scrambler, and the end of the training where there are others."""
    train = experiment.data.load("train").items
    steps = [step for step in list_snapshots(run) if _scrambles(experiment, experiment.stage_at(step))]
    kept, last = set(steps), experiment.total_steps
    if steps and steps[-1] != last and run.model_path.is_dir():
        steps.append(last)
    found = []
    with progress.task("snapshots", len(steps)) as task:
        for place, step in enumerate(steps):
            system, _ = load_system(run, step if step in kept else None)
            stage = experiment.stages[experiment.stage_at(step)].name
            found.append(Snapshot(step, stage, restored(system, train), restored(system, held_out)))
            task.update(place + 1)
    return tuple(found)


def _scrambles(experiment: Experiment, index: int) -> bool:
    return isinstance(experiment.forward_of(index), ScramblerConfig)


def _check_scrambler(run: Run, experiment: Experiment, index: int) -> None:
    if not _scrambles(experiment, index):
        raise UsageError(
            f"{run.path} has the forward process {experiment.forward_of(index).kind}, but what is shown is how one "
            "scrambler, the same for every state, is undone; give a run such as those of the preset scrambling-4q."
        )


def _check_system(run: Run, system: System) -> None:
    if isinstance(system.denoiser, MeasuredDenoiser):
        raise UsageError(
            f"{run.path} has a {type(system.denoiser).__name__}, which measures and leaves no single state to show; "
            "give a run of the model unitary."
        )
    n_qubits = system.codec.space.n_qubits("A portrait")
    if n_qubits < 2:
        raise UsageError(f"{run.path} has states of {n_qubits} qubit, without pairs to show; give a run of 2 or more.")
