"""What a training writes down at every `log_every`-th step: stats.jsonl, and the same for accelerate's trackers."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from qdiffusion.errors import UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.files import told_as_run_error
from qdiffusion.training.experiment import Experiment, to_json

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker


class Log:
    """Writes logged steps; counts the seconds of training, those of earlier processes too."""

    def __init__(self, run: Run, trackers: list["GeneralTracker"], seconds: float) -> None:
        self._run, self._trackers = run, trackers
        self._begun = time.monotonic() - seconds
        stats = run.read_stats()
        self._last = stats[-1]["seconds"] if stats else 0.0

    @property
    def seconds(self) -> float:
        """Seconds spent in training so far."""
        return time.monotonic() - self._begun

    def write(self, step: int, where: Mapping[str, Any], figures: Mapping[str, float], items: int) -> None:
        """Log the figures of the steps since the last logged one, in which `items` items were seen.

        where: the stage's name and the round.
        """
        now = self.seconds
        speed = items / max(now - self._last, 1e-9)
        self._last = now
        line = {"step": step, **where, **figures, "seconds": round(now, 3), "items_per_second": round(speed, 3)}
        self._run.append_stats(line)
        with told_as_run_error(self._run.path):
            for tracker in self._trackers:
                tracker.log({**figures, "items_per_second": speed}, step=step)


def check_trackers(experiment: Experiment) -> None:
    """Raise UsageError where a tracker is asked for that is not installed."""
    if "wandb" in experiment.track and find_spec("wandb") is None:
        raise UsageError("Tracking with wandb was asked for, but it is not installed; run `pip install wandb`.")


@contextmanager
def open_log(run: Run, experiment: Experiment, step: int, seconds: float) -> Iterator[Log]:
    """The log of a training that goes on after `step`: what an earlier process logged beyond it is forgotten.

    Raises:
        RunError: a file of the log is damaged or cannot be written.
    """
    run.truncate_stats(step)
    with ExitStack() as finishing:
        trackers = []
        with told_as_run_error(run.path):
            for name in experiment.track:
                tracker = _tracker(name, run, experiment, step)
                tracker.start()
                finishing.callback(tracker.finish)
                trackers.append(tracker)
        yield Log(run, trackers, seconds)


def _tracker(name: str, run: Run, experiment: Experiment, step: int) -> "GeneralTracker":
    from accelerate.tracking import TensorBoardTracker, WandBTracker

    if name == "tensorboard":
        folder = run.tensorboard_path
        return TensorBoardTracker(folder.name, folder.parent, purge_step=step + 1)
    resolved = to_json(experiment)
    # The same run resumed is the same run at wandb.
    identity = hashlib.sha256(f"{run.path.absolute()}\n{resolved}".encode()).hexdigest()[:16]
    return WandBTracker(
        "qdiffusion",
        name=experiment.name,
        id=identity,
        resume="allow",
        dir=str(run.path),
        config=json.loads(resolved),
    )
