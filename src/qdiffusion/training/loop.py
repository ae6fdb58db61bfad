"""The training loop: one for every experiment.

A run can be stopped at any moment, by `kill -9` too, and resumed: its weights are then, bit for bit, those of a run
without a stop. For this the order of the images is a function of the step (`batches`), and everything else that moves
is in the checkpoint (`state`); what was logged after the checkpoint is forgotten and logged again (`log`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from qdiffusion.data import ImageSet, load_images
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import prune
from qdiffusion.runs.files import write_folder_atomic
from qdiffusion.runs.lock import locked
from qdiffusion.runs.run import check_free
from qdiffusion.training.evaluation import evaluate_run
from qdiffusion.training.experiment import Experiment
from qdiffusion.training.fit import check_images_fit
from qdiffusion.training.interruption import interrupted_by_signal
from qdiffusion.training.pictures import write_missing
from qdiffusion.training.sampling import sample_run
from qdiffusion.training.setup import check_same_images, load_training_images, read_experiment, write_experiment
from qdiffusion.training.stages import train_stages

if TYPE_CHECKING:
    from diffusers import ModelMixin


def train(experiment: Experiment, out: Path | str, *, overwrite: bool = False, progress: Progress | None = None) -> Run:
    """Train an experiment into a new run folder, then sample and evaluate as it says.

    Args:
        experiment: what to do.
        out: the run folder to write.
        overwrite: replace the run that is there.
        progress: where to report.

    Raises:
        UsageError: the experiment contradicts itself or its data, or `out` holds something already.
        DataError: the images cannot be read.
        RunError: the run cannot be written, or another process is writing it.
        TrainingError: the loss or a weight became infinite or NaN.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.
    """
    check_free(Path(out), overwrite=overwrite)
    images = load_training_images(experiment)
    _check_samples_fit(Path(out), experiment, images)
    with locked(Path(out), "run", "train"):
        run = Run.create(out, overwrite=overwrite)
        write_experiment(run, experiment, images)
        return _carry_out(run, experiment, images, progress or SilentProgress())


def resume(folder: Path | str, *, progress: Progress | None = None) -> Run:
    """Go on with a run from its last checkpoint, as if it had never been stopped; finish what is not finished.

    Raises:
        RunError: the folder is no run, its checkpoint is damaged, the images are no longer the same, or another
            process is writing it.
        DataError, TrainingError, Interrupted: as `train`.
    """
    run = Run.open(folder)
    with locked(run.path, "run", "resume"):
        run.repair()
        prune(run)
        experiment, facts = read_experiment(run)
        images = load_images(experiment.data, "train")
        check_same_images(images, facts)
        _check_samples_fit(run.path, experiment, images)
        return _carry_out(run, experiment, images, progress or SilentProgress())


def _check_samples_fit(folder: Path, experiment: Experiment, images: ImageSet) -> None:
    count = max(experiment.sampling.count, experiment.evaluation.count)
    check_images_fit(folder, count, images.images.shape[1:])


def _carry_out(run: Run, experiment: Experiment, images: ImageSet, progress: Progress) -> Run:
    progress.say(f"Training on {images.source}.")
    with interrupted_by_signal(run.path, "before the first step"):
        write_missing(run, experiment, images)
    model = train_stages(run, experiment, images, progress)
    with interrupted_by_signal(run.path, "after the last step of the training"):
        _finish(run, experiment, model, progress)
    return run


def _finish(run: Run, experiment: Experiment, model: "ModelMixin", progress: Progress) -> None:
    write_folder_atomic(run.model_path, model.save_pretrained)
    if experiment.sampling.count:
        sample_run(run, experiment.sampling.count, seed=experiment.seed, progress=progress)
    if experiment.evaluation.count:
        evaluate_run(run, experiment.evaluation.count, seed=experiment.seed, progress=progress)
