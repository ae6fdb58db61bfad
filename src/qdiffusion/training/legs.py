"""One leg at work: steps of the optimiser, the log, snapshots and checkpoints."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from qdiffusion.diffusion.system import Batch, Draw, Objective
from qdiffusion.errors import TrainingError
from qdiffusion.progress import Task
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import checkpoint_path, list_checkpoints, prune, save
from qdiffusion.training.batches import Batches, all_finite
from qdiffusion.training.experiment import Stage
from qdiffusion.training.interruption import Interrupted, StopRequest
from qdiffusion.training.log import Log
from qdiffusion.training.optimiser import set_rate
from qdiffusion.training.snapshots import write_snapshot
from qdiffusion.training.state import TrainingState


@dataclass(frozen=True)
class LegWork:
    """What a leg trains on: its stage, its batches and its loss."""

    stage: Stage
    batches: Batches
    objective: Objective
    accelerator: Accelerator


@dataclass(frozen=True)
class Record:
    """Where a training is written down, every how many steps, and who watches it."""

    run: Run
    log: Log
    task: Task
    log_every: int
    checkpoint_every: int
    snapshots: tuple[int, ...]
    branches: tuple[int, ...]


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
            for name, value in self._step().items():
                state.figures.setdefault(name, []).append(value)
            state.step += 1
            state.ema.update(state.system, state.step - state.leg.begin)
            record.task.update(state.step)
            if state.step % record.log_every == 0 or state.step == end:
                self._log()
            if state.step in record.snapshots:
                write_snapshot(record.run, state.step, state.ema.system)
            due = state.step % record.checkpoint_every == 0 or state.step in record.branches
            if due or state.step == end or self.stop.received:
                self._save()
            if self.stop.received:
                raise Interrupted(record.run.path, f"after step {state.step}")
        if state.figures:  # branched off from a run that went on here
            self._log()

    def _step(self) -> dict[str, Tensor]:
        """One step of the optimiser; returns the loss and what else is logged, which nobody waits for."""
        stage, state, accelerator = self.work.stage, self.state, self.work.accelerator
        done = state.step - state.leg.begin
        batch = _moved(self.work.batches[done], accelerator.device)
        draw = self.work.objective.draw(state.system, batch, state.kept, state.generator)
        figures: dict[str, Tensor] = {}
        for share, part in _parts(draw, stage.accumulation):
            with accelerator.autocast():
                loss, further = self.work.objective.loss(state.system, part)
            accelerator.backward(loss if share == 1 else share * loss)
            _add(figures, {"loss": loss.detach(), **further}, share)
        if stage.optimiser.clip is not None:
            torch.nn.utils.clip_grad_norm_(state.system.parameters(), stage.optimiser.clip)
        set_rate(state.optimiser, stage.optimiser.rate.at(done, stage.steps))
        state.optimiser.step()
        state.optimiser.zero_grad()
        return figures

    def _log(self) -> None:
        stage, step, n_steps = self.work.stage, self.state.step, len(self._finite_losses())
        sums = {name: math.fsum(torch.stack(values).tolist()) for name, values in self.state.figures.items()}
        means = {name: value / n_steps for name, value in sums.items()}
        self.state.figures.clear()
        self.record.task.update(step, loss=means["loss"])
        done = step - 1 - self.state.leg.begin
        rate = stage.optimiser.learning_rate * stage.optimiser.rate.at(done, stage.steps)
        where = {"stage": stage.name, "round": self.state.leg.round}
        self.record.log.write(step, where, {**means, "learning_rate": rate}, n_steps * stage.batch_size)

    def _save(self) -> None:
        """Write a checkpoint, once it is sure to be a good one."""
        self._finite_losses()
        if not all_finite(self.state.system.state_dict().values()):
            raise self._diverged(self.state.step)
        run, log = self.record.run, self.record.log
        save(checkpoint_path(run, self.state.step), self.state.to_checkpoint(log.seconds))
        prune(run, self.record.branches)

    def _finite_losses(self) -> list[float]:
        values = self.state.figures.get("loss")
        losses = torch.stack(values).tolist() if values else []
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


def _add(figures: dict[str, Tensor], more: dict[str, Tensor], share: float) -> None:
    """Add a part's figures, by its share of the batch, to those of the parts before."""
    for name, value in more.items():
        figures[name] = value if share == 1 else figures.get(name, 0) + share * value


def _parts(draw: Draw, count: int) -> Iterator[tuple[float, Draw]]:
    """The draw in `count` parts as equal as can be, each with its share of the batch."""
    if count == 1:
        yield 1.0, draw
        return
    cuts = {name: tensor.tensor_split(count) for name, tensor in draw.items()}
    sizes = [len(piece) for piece in next(iter(cuts.values()))]
    for index, size in enumerate(sizes):
        yield size / sum(sizes), {name: pieces[index] for name, pieces in cuts.items()}
