"""A run that begins with the first steps of another: several transfers from one training, say."""

from dataclasses import replace
from pathlib import Path

from qdiffusion.errors import RunError, UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import checkpoint_path, load
from qdiffusion.runs.files import told_as_run_error, write_bytes_atomic
from qdiffusion.runs.lock import locked
from qdiffusion.runs.run import check_free
from qdiffusion.runs.snapshots import snapshot_path
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.setup import check_same_items, load_training_items, read_experiment, write_experiment


def branch(source: Run, step: int, experiment: Experiment, out: Path | str) -> Run:
    """A new run that goes on from `source`'s checkpoint of `step`; `resume` trains the rest.

    The result is, bit for bit, what `train` would have made of `experiment`: up to `step` both experiments have to say
    the same, and `source` has to have kept that checkpoint (`branches`).

    Args:
        source: a run whose experiment has a stage, of one round, that reaches `step`.
        step: the last step that both have in common; a stage of `experiment` ends there.
        experiment: what the new run does; its stages may end where those of `source` go on.
        out: the run folder to write.

    Raises:
        UsageError: the experiments differ before `step`, or `out` holds something already.
        RunError: `source` has no checkpoint of that step, or the folder cannot be written.
        DataError: the data cannot be read.
    """
    facts = read_experiment(source)
    check_free(Path(out))
    _check_agree(facts.experiment, experiment, step)
    path = checkpoint_path(source, step)
    if not path.exists():
        raise RunError(
            f"{source.path} has no checkpoint of step {step:,} to branch off from; train it with --branches {step}."
        )
    load(path)  # refuses a damaged one
    items = load_training_items(experiment)
    check_same_items(items, facts)
    with locked(Path(out), "run", "train"):
        run = Run.create(out)
        write_experiment(run, experiment, items)
        with told_as_run_error(run.path):
            run.snapshots_path.mkdir(exist_ok=True)
            for kept in _before(experiment, step):
                write_bytes_atomic(snapshot_path(run, kept), snapshot_path(source, kept).read_bytes())
        for line in source.read_stats():
            if line["step"] <= step:
                run.append_stats({**line, "stage": experiment.stages[experiment.stage_at(line["step"])].name})
        # Last: without it the run is trained from its start, to the same end.
        with told_as_run_error(run.path):
            write_bytes_atomic(checkpoint_path(run, step), path.read_bytes())
    return run


def _before(experiment: Experiment, step: int) -> list[int]:
    return [kept for kept in experiment.snapshots if kept <= step]


def _check_agree(before: Experiment, after: Experiment, step: int) -> None:
    """Raise UsageError where the experiments differ in what decides the steps up to `step`."""
    if not any(leg.end == step for leg in after.legs) or step > before.total_steps:
        raise UsageError(
            f"A run is to branch off at step {step:,}, where no stage of it ends, or which the run before does not "
            f"reach; give the end of a stage, up to step {before.total_steps:,}."
        )
    pairs = [*zip(before.stages, after.stages, strict=False)][: after.stage_at(step) + 1]
    differing = [
        name
        for name in ("data", "codec", "forward", "model", "seed", "precision")
        if getattr(before, name) != getattr(after, name)
    ]
    differing += [f"stage {mine.name}" for theirs, mine in pairs if _decisive(theirs) != _decisive(mine)]
    if not set(_before(after, step)) <= set(before.snapshots):
        differing.append("snapshots")
    if _begun(before, step) != _begun(after, step):
        differing.append("where their stages begin")
    if differing:
        raise UsageError(
            f"A run is to branch off at step {step:,}, but up to there the two experiments differ in "
            f"{', '.join(differing)}; make these equal."
        )


def _begun(experiment: Experiment, step: int) -> list[tuple[int, int, int]]:
    return [(leg.index, leg.round, leg.begin) for leg in experiment.legs if leg.begin < step]


def _decisive(stage: Stage) -> Stage:
    """The stage without what does not touch its first steps: its name, and its length where the rate ignores it."""
    rate = stage.optimiser.rate
    return replace(stage, name="", steps=stage.steps if rate.decay == "cosine" else max(1, rate.warmup))
