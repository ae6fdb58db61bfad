"""The stages of a training, one after the other."""

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from qdiffusion.data import ImageSet, to_unit_range
from qdiffusion.diffusion import EpsilonObjective, GaussianProcess
from qdiffusion.errors import RunError, TrainingError, UsageError
from qdiffusion.progress import Progress, Task
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import Checkpoint, checkpoint_path, list_checkpoints, load, prune, save
from qdiffusion.training.batches import Batches, all_finite, derived_seed
from qdiffusion.training.building import MODEL_NOISE, NOISE, build_model, seeded
from qdiffusion.training.ema import EMA
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.interruption import Interrupted, StopRequest, stop_on_signal
from qdiffusion.training.log import Log, open_log
from qdiffusion.training.optimiser import make_adam
from qdiffusion.training.setup import make_batches
from qdiffusion.training.state import TrainingState

if TYPE_CHECKING:
    from diffusers import ModelMixin


def train_stages(run: Run, experiment: Experiment, images: ImageSet, progress: Progress) -> "ModelMixin":
    """Train every stage, from the run's last checkpoint on, and return the model with the averaged weights.

    Raises:
        RunError: the last checkpoint is damaged, or the run cannot be written.
        TrainingError: the loss or a weight became infinite or NaN.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.
    """
    accelerator = _accelerator(experiment.precision)
    model = build_model(experiment, images.images.shape[1]).to(accelerator.device)
    process = GaussianProcess(experiment.schedule.betas()).to(accelerator.device)
    generator = torch.Generator().manual_seed(derived_seed(experiment.seed, NOISE))
    ends = list(accumulate(stage.steps for stage in experiment.stages))
    checkpoint = _last_checkpoint(run, ends)
    first_stage, done, seconds = (checkpoint.meta[key] for key in ("stage", "step", "seconds"))
    with (
        seeded(derived_seed(experiment.seed, MODEL_NOISE)),
        stop_on_signal() as stop,
        open_log(run, done, seconds) as log,
        progress.task("Training", ends[-1], done) as task,
    ):
        record = Record(run, log, task, experiment.log_every, experiment.checkpoint_every)
        for index in range(first_stage, len(ends)):
            stage = experiment.stages[index]
            begin = ends[index] - stage.steps
            optimiser = accelerator.prepare(make_adam(model, stage.optimiser))
            state = TrainingState(index, begin, model, EMA(model, stage.ema), optimiser, generator)
            if index == first_stage and checkpoint.tensors:
                state.restore(checkpoint)
            objective = EpsilonObjective(process, stage.p2_gamma, stage.p2_k)
            batches = make_batches(experiment, images, index)
            work = StageWork(stage, batches, objective, begin, ends[index])
            StageLoop(work, state, record, accelerator, stop).carry_out()
    return state.ema.model


@dataclass(frozen=True)
class StageWork:
    """What a stage trains on: its images and its loss, from step `begin` of the run to step `end`."""

    stage: Stage
    batches: Batches
    objective: EpsilonObjective
    begin: int
    end: int


@dataclass(frozen=True)
class Record:
    """Where a training is written down, every how many steps, and who watches it."""

    run: Run
    log: Log
    task: Task
    log_every: int
    checkpoint_every: int


@dataclass(frozen=True)
class StageLoop:
    """One stage at work."""

    work: StageWork
    state: TrainingState
    record: Record
    accelerator: Accelerator
    stop: StopRequest

    def carry_out(self) -> None:
        """Train until the stage's last step is done."""
        state, record, end = self.state, self.record, self.work.end
        state.model.train()
        while state.step < end:
            state.losses.append(self._step())
            state.step += 1
            state.ema.update(state.model, state.step - self.work.begin)
            record.task.update(state.step)
            if state.step % record.log_every == 0 or state.step == end:
                self._log()
            if state.step % record.checkpoint_every == 0 or state.step == end or self.stop.received:
                self._save()
            if self.stop.received:
                raise Interrupted(record.run.path, f"after step {state.step}")

    def _step(self) -> Tensor:
        """One step of the optimiser; returns the loss, which nobody waits for."""
        x0 = to_unit_range(self.work.batches[self.state.step - self.work.begin]).to(self.accelerator.device)
        with self.accelerator.autocast():
            loss, _ = self.work.objective.loss(self.state.model, x0, self.state.generator)
        self.accelerator.backward(loss)
        self.state.optimiser.step()
        self.state.optimiser.zero_grad()
        return loss.detach()

    def _log(self) -> None:
        stage, step, losses = self.work.stage, self.state.step, self._finite_losses()
        mean = math.fsum(losses) / len(losses)
        self.state.losses.clear()
        self.record.task.update(step, loss=mean)
        images = len(losses) * stage.batch_size
        self.record.log.write(step, stage.name, mean, stage.optimiser.learning_rate, images)

    def _save(self) -> None:
        """Write a checkpoint, once it is sure to be a good one."""
        self._finite_losses()
        if not all_finite(self.state.model.state_dict().values()):
            raise self._diverged(self.state.step)
        run, log = self.record.run, self.record.log
        log.flush()
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
        flag = f"--stages.{self.state.stage}.optimiser.learning-rate"
        return TrainingError(
            f"The loss or a weight became infinite or NaN at step {step}; train again with a learning rate below "
            f"{self.work.stage.optimiser.learning_rate:g} ({flag}).{unharmed}"
        )


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


def _last_checkpoint(run: Run, ends: list[int]) -> Checkpoint:
    """The last checkpoint; an empty one at step 0 when there is none yet. `ends`: the last step of each stage."""
    paths = list_checkpoints(run)
    checkpoint = load(paths[-1]) if paths else Checkpoint({}, {"stage": 0, "step": 0, "seconds": 0.0})
    stage, step = checkpoint.meta["stage"], checkpoint.meta["step"]
    if stage >= len(ends) or not [0, *ends][stage] <= step <= ends[stage]:
        raise RunError(
            f"{paths[-1]} is of step {step} in stage {stage}, which the stages of experiment.json do not have; was one "
            "of them edited? Restore it, or train again."
        )
    return checkpoint
