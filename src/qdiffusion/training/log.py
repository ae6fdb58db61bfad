"""What a training writes down at every `log_every`-th step: stats.jsonl, and the same for TensorBoard."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qdiffusion.runs import Run
from qdiffusion.runs.files import told_as_run_error

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Log:
    """Writes logged steps; counts the seconds of training, those of earlier processes too."""

    def __init__(self, run: Run, writer: "SummaryWriter", seconds: float) -> None:
        self._run, self._writer = run, writer
        self._begun = time.monotonic() - seconds
        stats = run.read_stats()
        self._last = stats[-1]["seconds"] if stats else 0.0

    @property
    def seconds(self) -> float:
        """Seconds spent in training so far."""
        return time.monotonic() - self._begun

    def write(self, step: int, stage: str, loss: float, learning_rate: float, images: int) -> None:
        """Log the mean loss since the last logged step, in which `images` images were seen."""
        now = self.seconds
        speed = images / max(now - self._last, 1e-9)
        self._last = now
        self._run.append_stats(
            {
                "step": step,
                "stage": stage,
                "loss": loss,
                "learning_rate": learning_rate,
                "seconds": round(now, 3),
                "images_per_second": round(speed, 3),
            }
        )
        with told_as_run_error(self._run.tensorboard_path):
            self._writer.add_scalar("loss", loss, step)
            self._writer.add_scalar("learning_rate", learning_rate, step)
            self._writer.add_scalar("images_per_second", speed, step)

    def flush(self) -> None:
        """See that TensorBoard has everything so far."""
        with told_as_run_error(self._run.tensorboard_path):
            self._writer.flush()


@contextmanager
def open_log(run: Run, step: int, seconds: float) -> Iterator[Log]:
    """The log of a training that goes on after `step`: what an earlier process logged beyond it is forgotten.

    Raises:
        RunError: a file of the log is damaged or cannot be written.
    """
    from torch.utils.tensorboard import SummaryWriter

    run.truncate_stats(step)
    with told_as_run_error(run.tensorboard_path):
        writer = SummaryWriter(str(run.tensorboard_path), purge_step=step + 1)
    with writer:
        yield Log(run, writer, seconds)
