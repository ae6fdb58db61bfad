"""The legs of a training, one after the other: every round of every stage."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from qdiffusion.data import ItemSet
from qdiffusion.diffusion.system import Batch, Draw, Objective, System
from qdiffusion.errors import RunError, TrainingError, UsageError
from qdiffusion.progress import Progress, Task
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import Checkpoint, checkpoint_path, list_checkpoints, load, prune, save
from qdiffusion.training.batches import Batches, all_finite, derived_seed
from qdiffusion.training.building import LEG, MODEL_NOISE, NOISE, build_system, choose_trained, seeded, take_over
from qdiffusion.training.ema import EMA
from qdiffusion.training.experiment import Experiment, Leg, Stage
from qdiffusion.training.interruption import Interrupted, StopRequest, stop_on_signal
from qdiffusion.training.log import Log, open_log
from qdiffusion.training.optimiser import set_rate
from qdiffusion.training.setup import make_batches
from qdiffusion.training.snapshots import write_snapshot
from qdiffusion.training.state import TrainingState, give_moments, moments


def train_stages(run: Run, experiment: Experiment, items: ItemSet, progress: Progress) -> System:
    """Train every leg, from the run's last checkpoint on, and return the system with the averaged weights.

    Raises:
        RunError: the last checkpoint is damaged, or the run cannot be written.
        TrainingError: the loss or a weight became infinite or NaN.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.
    """
    legs = experiment.legs
    checkpoint, first = _last_checkpoint(run, legs)
    accelerator = _accelerator(experiment.precision)  # before the log: accelerate's trackers need one
    with (
        seeded(derived_seed(experiment.seed, MODEL_NOISE)),
        stop_on_signal() as stop,
        open_log(run, experiment, checkpoint.meta["step"], checkpoint.meta["seconds"]) as log,
        progress.task("Training", legs[-1].end, checkpoint.meta["step"]) as task,
    ):
        record = Record(run, log, task, experiment.log_every, experiment.checkpoint_every, experiment.snapshots)
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
class LegWork:
    """What a leg trains on: its stage, its batches and its loss."""

    stage: Stage
    batches: Batches
    objective: Objective
    accelerator: Accelerator


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
        choose_trained(system, stage.train, self._objective(leg).trained)
        optimiser = stage.optimiser.build(system)
        if before is not None and stage.carry and leg.round == 0:
            give_moments(optimiser, system, moments(before.optimiser, before.system))
        return TrainingState(leg, leg.begin, system, EMA(system, stage.ema), optimiser, generator, {})

    def follow(self, before: TrainingState, leg: Leg) -> TrainingState:
        """The state with which `leg` goes on after the leg before."""
        state = self.begin(leg, before)
        self.prepare(state)
        return state

    def prepare(self, state: TrainingState) -> None:
        """Make what the leg's objective needs before its first step."""
        leg = state.leg
        size = self.experiment.stages[leg.index].batch_size
        generator = torch.Generator().manual_seed(derived_seed(self.experiment.seed, LEG, leg.index, leg.round))
        items = self.items.items.to(self.accelerator.device)
        state.kept = self._objective(leg).prepare(state.system, items, size, generator)

    def _objective(self, leg: Leg) -> Objective:
        return self.experiment.stages[leg.index].objective.build(self.experiment.forward_of(leg.index), leg.round)


@dataclass(frozen=True)
class Record:
    """Where a training is written down, every how many steps, and who watches it."""

    run: Run
    log: Log
    task: Task
    log_every: int
    checkpoint_every: int
    snapshots: tuple[int, ...]


@dataclass(frozen=True)
class LegLoop:
    """One leg at work."""

    work: LegWork
    state: TrainingState
    record: Record
    stop: StopRequest

    def carry_out(self) -> None:
        """Train until the leg's last step is done."""
        state, record, end = self.state, self.record, self.state.leg.end
        while state.step < end:
            state.losses.append(self._step())
            state.step += 1
            state.ema.update(state.system, state.step - state.leg.begin)
            record.task.update(state.step)
            if state.step % record.log_every == 0 or state.step == end:
                self._log()
            if state.step in record.snapshots:
                write_snapshot(record.run, state.step, state.ema.system)
            if state.step % record.checkpoint_every == 0 or state.step == end or self.stop.received:
                self._save()
            if self.stop.received:
                raise Interrupted(record.run.path, f"after step {state.step}")

    def _step(self) -> Tensor:
        """One step of the optimiser; returns the loss, which nobody waits for."""
        stage, state, accelerator = self.work.stage, self.state, self.work.accelerator
        done = state.step - state.leg.begin
        batch = _moved(self.work.batches[done], accelerator.device)
        draw = self.work.objective.draw(state.system, batch, state.kept, state.generator)
        total = torch.zeros((), device=accelerator.device)
        for share, part in _parts(draw, stage.batch_size, stage.accumulation):
            with accelerator.autocast():
                loss, _ = self.work.objective.loss(state.system, part)
            accelerator.backward(loss * share if share < 1 else loss)
            total += share * loss.detach()
        if stage.optimiser.clip is not None:
            torch.nn.utils.clip_grad_norm_(state.system.parameters(), stage.optimiser.clip)
        set_rate(state.optimiser, stage.optimiser.rate.at(done, stage.steps))
        state.optimiser.step()
        state.optimiser.zero_grad()
        return total

    def _log(self) -> None:
        stage, step, losses = self.work.stage, self.state.step, self._finite_losses()
        mean = math.fsum(losses) / len(losses)
        self.state.losses.clear()
        self.record.task.update(step, loss=mean)
        done = step - 1 - self.state.leg.begin
        rate = stage.optimiser.learning_rate * stage.optimiser.rate.at(done, stage.steps)
        where = {"stage": stage.name, "round": self.state.leg.round}
        self.record.log.write(step, where, {"loss": mean, "learning_rate": rate}, len(losses) * stage.batch_size)

    def _save(self) -> None:
        """Write a checkpoint, once it is sure to be a good one."""
        self._finite_losses()
        if not all_finite(self.state.system.state_dict().values()):
            raise self._diverged(self.state.step)
        run, log = self.record.run, self.record.log
        save(checkpoint_path(run, self.state.step), self.state.to_checkpoint(log.seconds))
        prune(run)

    def _finite_losses(self) -> list[float]:
        losses = torch.stack(self.state.losses).tolist() if self.state.losses else []
        for place, loss in enumerate(losses):
            if not math.isfinite(loss):
                raise self._diverged(self.state.step - len(losses) + place + 1)
        return losses

    def _diverged(self, step: int) -> TrainingError:
        kept = list_checkpoints(self.record.run)
        unharmed = f" {kept[-1].name} from before is unharmed." if kept else ""
        flag = f"--stages.{self.state.leg.index}.optimiser.learning-rate"
        return TrainingError(
            f"The loss or a weight became infinite or NaN at step {step}; train again with a learning rate below "
            f"{self.work.stage.optimiser.learning_rate:g} ({flag}).{unharmed}"
        )


def _moved(batch: Batch, device: torch.device) -> Batch:
    labels = None if batch.labels is None else batch.labels.to(device)
    return Batch(batch.items.to(device), labels, batch.places.to(device))


def _parts(draw: Draw, size: int, count: int) -> Iterator[tuple[float, Draw]]:
    """The draw in `count` parts as equal as can be, each with its share of the batch."""
    if count == 1:
        yield 1.0, draw
        return
    cuts = {name: tensor.tensor_split(count) for name, tensor in draw.items()}
    for index in range(count):
        part = {name: pieces[index] for name, pieces in cuts.items()}
        yield len(next(iter(part.values()))) / size, part


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
