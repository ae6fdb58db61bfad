"""The training loop: one for every experiment.

A run can be stopped at any moment, by `kill -9` too, and resumed: its weights are then, bit for bit, those of a run
without a stop. For this the order of the items is a function of the step (`batches`), and everything else that moves
is in the checkpoint (`state`); what was logged after the checkpoint is forgotten and logged again (`log`).
"""

from pathlib import Path

from qdiffusion.data import ItemSet
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import prune
from qdiffusion.runs.lock import locked
from qdiffusion.runs.run import check_free
from qdiffusion.training.evaluation import evaluate_run
from qdiffusion.training.experiment import Experiment
from qdiffusion.training.fit import check_samples_fit
from qdiffusion.training.interruption import interrupted_by_signal
from qdiffusion.training.loading import save_system
from qdiffusion.training.pictures import write_missing
from qdiffusion.training.sampling import sample_run
from qdiffusion.training.setup import check_same_items, load_training_items, read_experiment, write_experiment
from qdiffusion.training.stages import train_stages


def train(experiment: Experiment, out: Path | str, *, overwrite: bool = False, progress: Progress | None = None) -> Run:
    """Train an experiment into a new run folder, then sample and evaluate as it says.

    From here on the process keeps the memory that it frees (`memory.keep_memory`).

    Args:
        experiment: what to do.
        out: the run folder to write.
        overwrite: replace the run that is there.
        progress: where to report.

    Raises:
        UsageError: the experiment contradicts itself or its data, or `out` holds something already.
        DataError: the data cannot be read.
        RunError: the run cannot be written, or another process is writing it.
        TrainingError: the loss or a weight became infinite or NaN.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.
    """
    check_free(Path(out), overwrite=overwrite)
    items = load_training_items(experiment)
    _check_samples_fit(Path(out), experiment, items)
    with locked(Path(out), "run", "train"):
        run = Run.create(out, overwrite=overwrite)
        write_experiment(run, experiment, items)
        return _carry_out(run, experiment, items, progress or SilentProgress())


def resume(folder: Path | str, *, progress: Progress | None = None) -> Run:
    """Go on with a run from its last checkpoint, as if it had never been stopped; finish what is not finished.

    Raises:
        RunError: the folder is no run, its checkpoint is damaged, the data are no longer the same, or another process
            is writing it.
        DataError, TrainingError, Interrupted: as `train`.
    """
    run = Run.open(folder)
    with locked(run.path, "run", "resume"):
        facts = read_experiment(run)
        run.repair()
        prune(run, facts.experiment.branches)
        items = facts.experiment.data.load("train")
        check_same_items(items, facts)
        if not run.model_path.exists():
            _check_samples_fit(run.path, facts.experiment, items)
        return _carry_out(run, facts.experiment, items, progress or SilentProgress())


def _check_samples_fit(folder: Path, experiment: Experiment, items: ItemSet) -> None:
    count = max(experiment.sampling.count, experiment.evaluation.count)
    check_samples_fit(folder, count, items.space)


def _carry_out(run: Run, experiment: Experiment, items: ItemSet, progress: Progress) -> Run:
    is_trained = run.model_path.exists()
    progress.say("Trained already; looking for what is missing." if is_trained else f"Training on {items.source}.")
    with interrupted_by_signal(run.path, "before the first step"):
        write_missing(run, experiment, items)
    system = train_stages(run, experiment, items, progress)
    with interrupted_by_signal(run.path, "after the last step of the training"):
        save_system(run, experiment, items.space, system)
        write_missing(run, experiment, items, system)
        for snapshot in (*experiment.snapshots, None):
            _judge(run, experiment, snapshot, progress)
    return run


def _judge(run: Run, experiment: Experiment, snapshot: int | None, progress: Progress) -> None:
    """Sample and evaluate the run's result, or one of its snapshots, as the experiment says."""
    if experiment.sampling.count:
        sample_run(run, experiment.sampling.count, seed=experiment.seed, snapshot=snapshot, progress=progress)
    if experiment.evaluation.count:
        evaluate_run(run, experiment.evaluation.count, seed=experiment.seed, snapshot=snapshot, progress=progress)
