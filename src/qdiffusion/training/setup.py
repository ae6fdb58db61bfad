"""What comes before the first step: everything that can be wrong is found out here, before any work is done."""

import json
from typing import Any

from qdiffusion.data import ImageSet, Split, load_images
from qdiffusion.diffusion import make_scheduler, set_timesteps
from qdiffusion.errors import RunError, UsageError
from qdiffusion.metrics import FeatureNetwork, check_scorable, default_features, load_features
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import digest
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.training.batches import Batches
from qdiffusion.training.building import ORDER, build_model
from qdiffusion.training.environment import environment
from qdiffusion.training.experiment import Experiment, from_json, to_json
from qdiffusion.training.fit import check_steps_fit


def make_batches(experiment: Experiment, images: ImageSet, index: int) -> Batches:
    """The batches of stage `index`.

    Raises:
        UsageError: there are fewer images than one batch takes.
    """
    return Batches(images.images, experiment.stages[index].batch_size, (experiment.seed, ORDER, index))


def load_training_images(experiment: Experiment) -> ImageSet:
    """The training images, when all of the experiment fits them.

    Raises:
        UsageError: the batches, the model, the sampler or the feature network do not fit the images or the memory.
        DataError: the images cannot be read.
    """
    set_timesteps(make_scheduler(experiment.sampling.sampler, experiment.schedule), experiment.sampling.steps)
    images = load_images(experiment.data, "train")
    for index in range(len(experiment.stages)):
        make_batches(experiment, images, index)
    check_steps_fit(experiment, images.images.shape[1])
    build_model(experiment, images.images.shape[1])
    if experiment.evaluation.count:
        load_reference(experiment, experiment.evaluation.count)
    return images


def load_reference(
    experiment: Experiment, count: int, *, features: str | None = None, split: Split | None = None
) -> tuple[ImageSet, FeatureNetwork]:
    """The real images and the feature network that `count` samples are scored with; the experiment's own when None.

    Raises:
        UsageError: an unknown network, one that does not take these images, or too few of either images.
        DataError: the images or the network cannot be read.
    """
    reference = load_images(experiment.data, split or experiment.evaluation.split)
    network = load_features(features or experiment.evaluation.features or default_features(reference))
    check_scorable(count, reference, network)
    return reference, network


def write_experiment(run: Run, experiment: Experiment, images: ImageSet) -> None:
    """Write experiment.json.

    Raises:
        RunError: the folder cannot be written.
    """
    write_json_atomic(
        run.experiment_path,
        {
            "experiment": json.loads(to_json(experiment)),
            "data": _facts(images),
            "environment": environment(),
        },
    )


def read_experiment(run: Run) -> tuple[Experiment, dict[str, Any]]:
    """The experiment of a run and the facts about its training images.

    Raises:
        RunError: experiment.json is damaged.
    """
    saved = run.read_experiment()
    try:
        experiment = from_json(json.dumps(saved["experiment"]))
        if saved["data"]["size"] != experiment.data.size:
            raise UsageError(f"its images have {saved['data']['size']} pixels, its experiment {experiment.data.size}")
    except UsageError as error:
        reason = str(error).rstrip(".")
        raise RunError(f"{run.experiment_path} is damaged: {reason}; restore it, or train again.") from error
    return experiment, saved["data"]


def check_same_images(images: ImageSet, facts: dict[str, Any]) -> None:
    """Refuse to go on with other images than the run began with.

    Raises:
        RunError: these are others.
    """
    if _facts(images)["sha256"] != facts["sha256"]:
        raise RunError(
            f"The training images are not those the run began with: then {facts['source']}, now {images.source}; "
            "put the old ones back, or train anew."
        )


def _facts(images: ImageSet) -> dict[str, Any]:
    return {
        "name": images.name,
        "source": images.source,
        "count": len(images),
        "channels": images.images.shape[1],
        "size": images.images.shape[2],
        "sha256": digest({"images": images.images}),
    }
