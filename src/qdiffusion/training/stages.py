"""The legs of a training, one after the other: every round of every stage."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from qdiffusion.data import ItemSet
from qdiffusion.diffusion.system import Objective, System, WarmStart
from qdiffusion.errors import RunError, UsageError
from qdiffusion.progress import Progress
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import Checkpoint, list_checkpoints, load
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.building import (
    LEG,
    MODEL_NOISE,
    NOISE,
    agreeing,
    build_system,
    choose_trained,
    seeded,
    take_over,
)
from qdiffusion.training.ema import EMA
from qdiffusion.training.experiment import Experiment, Leg
from qdiffusion.training.interruption import stop_on_signal
from qdiffusion.training.legs import LegLoop, LegWork, Record
from qdiffusion.training.log import open_log
from qdiffusion.training.memory import keep_memory
from qdiffusion.training.setup import make_batches
from qdiffusion.training.state import TrainingState, give_moments, moments


def train_stages(run: Run, experiment: Experiment, items: ItemSet, progress: Progress) -> System:
    """Train every leg, from the run's last checkpoint on, and return the system with the averaged weights.

    Raises:
        RunError: the last checkpoint is damaged, or the run cannot be written.
        TrainingError: the loss or a weight became infinite or NaN.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.
    """
    keep_memory()
    legs = experiment.legs
    checkpoint, first = _last_checkpoint(run, legs)
    accelerator = _accelerator(experiment.precision)  # before the log: accelerate's trackers need one
    with (
        seeded(derived_seed(experiment.seed, MODEL_NOISE)),
        stop_on_signal() as stop,
        open_log(run, experiment, checkpoint.meta["step"], checkpoint.meta["seconds"]) as log,
        progress.task("Training", legs[-1].end, checkpoint.meta["step"]) as task,
    ):
        every = experiment.log_every, experiment.checkpoint_every
        record = Record(run, log, task, *every, experiment.snapshots, experiment.branches)
        work = Work(experiment, items, accelerator)
        state = work.begin(legs[first])
        if checkpoint.tensors:
            state.restore(checkpoint)
        else:
            work.prepare(state)
        LegLoop(work.of(state), state, record, stop).carry_out()
        for leg in legs[first + 1 :]:
            state = work.follow(state, leg)
            LegLoop(work.of(state), state, record, stop).carry_out()
    return state.ema.system


@dataclass(frozen=True)
class Work:
    """An experiment on its data: makes the state that each leg begins with."""

    experiment: Experiment
    items: ItemSet
    accelerator: Accelerator

    def of(self, state: TrainingState) -> LegWork:
        """What the state's leg trains on."""
        leg = state.leg
        stage = self.experiment.stages[leg.index]
        batches = make_batches(self.experiment, self.items, leg)
        return LegWork(stage, batches, self._objective(leg), self.accelerator)

    def begin(self, leg: Leg, before: TrainingState | None = None) -> TrainingState:
        """The state before the leg's first step, but for what its objective prepares."""
        stage = self.experiment.stages[leg.index]
        if before is None or before.leg.index != leg.index:
            system = build_system(self.experiment, self.items.space, leg.index).to(self.accelerator.device)
        else:
            system = before.system
        if before is None:
            generator = torch.Generator().manual_seed(derived_seed(self.experiment.seed, NOISE))
        else:
            generator = before.generator
            if system is not before.system:
                take_over(system, before.system, stage.fresh)
        objective = self._objective(leg)
        if isinstance(objective, WarmStart):
            objective.begin(system)
        choose_trained(system, stage.train, objective.trained)
        optimiser = stage.optimiser.build(system)
        if before is not None and stage.carry and leg.round == 0:
            own = agreeing(system, before.system, stage.fresh)
            remembered = moments(before.optimiser, before.system)
            give_moments(optimiser, system, {name: values for name, values in remembered.items() if name in own})
        return TrainingState(leg, leg.begin, system, EMA(system, stage.ema), optimiser, generator, {})

    def follow(self, before: TrainingState, leg: Leg) -> TrainingState:
        """The state with which `leg` goes on after the leg before."""
        state = self.begin(leg, before)
        self.prepare(state)
        return state

    def prepare(self, state: TrainingState) -> None:
        """Make what the leg's objective needs before its first step."""
        items = self.items.items.to(self.accelerator.device)
        state.kept = prepared(self.experiment, state.leg, state.system, items)

    def _objective(self, leg: Leg) -> Objective:
        return _objective(self.experiment, leg)


def prepared(experiment: Experiment, leg: Leg, system: System, items: Tensor) -> dict[str, Tensor]:
    """What the leg's objective makes once, before its first step, of all training items (N, …), by the leg's own
    chance: with the weights that the leg began with, what it was trained on."""
    generator = torch.Generator().manual_seed(derived_seed(experiment.seed, LEG, leg.index, leg.round))
    size = experiment.stages[leg.index].batch_size
    return _objective(experiment, leg).prepare(system, items, size, generator)


def _objective(experiment: Experiment, leg: Leg) -> Objective:
    return experiment.stages[leg.index].objective.build(experiment.forward_of(leg.index), leg.round)


def _accelerator(precision: str) -> Accelerator:
    """Device and precision of this training.

    Accelerate keeps the first precision of a process for good; a process that trains again may want another one.
    """
    AcceleratorState._reset_state()
    accelerator = Accelerator(mixed_precision=precision)
    if accelerator.num_processes > 1:
        raise UsageError(
            f"Training was started in {accelerator.num_processes} processes, but runs in one; start `qdiffusion train` "
            "by itself."
        )
    return accelerator


def _last_checkpoint(run: Run, legs: tuple[Leg, ...]) -> tuple[Checkpoint, int]:
    """The last checkpoint, an empty one at step 0 when there is none yet, and which of the legs it belongs to."""
    paths = list_checkpoints(run)
    if not paths:
        return Checkpoint({}, {"step": 0, "seconds": 0.0}), 0
    checkpoint = load(paths[-1])
    step, stage, number = (checkpoint.meta[key] for key in ("step", "stage", "round"))
    for place, leg in enumerate(legs):
        if (leg.index, leg.round) == (stage, number) and leg.begin <= step <= leg.end:
            return checkpoint, place
    raise RunError(
        f"{paths[-1]} is of step {step} in round {number} of stage {stage}, which the stages of experiment.json do not "
        "have; was one of them edited? Restore it, or train again."
    )
