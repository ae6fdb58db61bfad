"""How good the samples of a run are."""

from dataclasses import fields
from typing import Any

from accelerate import PartialState

from qdiffusion.errors import UsageError
from qdiffusion.metrics import Scores
from qdiffusion.metrics.subject import Drawn, Subject
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.lock import locked
from qdiffusion.runs.snapshots import snapshot_scores_path
from qdiffusion.training.environment import environment
from qdiffusion.training.loading import load_system
from qdiffusion.training.sampling import sample_run, with_options
from qdiffusion.training.setup import read_experiment


def evaluate_run(
    run: Run,
    count: int,
    *,
    seed: int = 0,
    snapshot: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Scores:
    """Score `count` samples of a run as its experiment's evaluation says, and write metrics.json.

    Args:
        run: a run, finished or not.
        count: number of samples; a set drawn earlier in the same way is used again.
        seed: fixes the samples, and what scoring draws.
        snapshot: score the weights of this step, one of the experiment's `snapshots`, into `snapshots/`.
        progress: where to report.
        options: fields of the experiment's `evaluation` (features="mnist-cnn") or `sampling` (steps=20) to change; None
            leaves one as it is.

    Raises:
        UsageError: an unknown name, a number out of range, or samples that cannot be scored so.
        DataError: the data or a feature network cannot be read.
        RunError: the run has no model yet, cannot be written, or another process is writing it.
    """
    progress = progress or SilentProgress()
    with locked(run.path, "run", "evaluate"):
        experiment, space = read_experiment(run)[:2]
        own = {field.name for field in fields(experiment.evaluation)} & options.keys()
        if count < 1:
            raise UsageError(f"An evaluation of {count} samples was asked for; give at least 1.")
        evaluation = with_options(experiment.evaluation, {name: options.pop(name) for name in own})
        with_options(experiment.sampling, options)  # refused here even where nothing is drawn
        evaluation.check(experiment.data, space, count)
        made: dict[str, Any] = {}

        def draw() -> Drawn:
            samples = sample_run(run, count, seed=seed, snapshot=snapshot, progress=progress, **options)
            kept = ("made", "seed", "step", "finished", "weights_sha256")
            made.update({"samples": samples.name, **{key: samples.meta[key] for key in kept}})
            return Drawn(samples.items, samples.labels)

        def system() -> Any:
            loaded, origin = load_system(run, snapshot)
            made.update(origin)
            return loaded

        subject = Subject(experiment.data, count, seed, PartialState().device, draw, system, progress.say)
        scores = evaluation.score(subject)
        path = run.metrics_path if snapshot is None else snapshot_scores_path(run, snapshot)
        write_json_atomic(path, {**scores.to_dict(), **made, "environment": environment()})
        return scores
