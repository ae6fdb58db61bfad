"""How good the images of a run are."""

from typing import Literal

from accelerate import PartialState

from qdiffusion.data import load_images
from qdiffusion.metrics import Scores, default_features, load_features, score_images
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.training.environment import environment
from qdiffusion.training.progress import Progress, SilentProgress
from qdiffusion.training.sampling import sample_run
from qdiffusion.training.setup import read_experiment


def evaluate_run(
    run: Run,
    count: int,
    *,
    features: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    split: Literal["train", "test"] = "train",
    progress: Progress | None = None,
) -> Scores:
    """Score `count` images of a run against real ones and write metrics.json.

    Published scores of diffusion models compare with the training images, and so does this unless `split` is "test".

    Args:
        run: a run, finished or not.
        count: number of images; a set drawn earlier in the same way is used again.
        features: a packaged feature network's name or a TorchScript file; the experiment's, or the one that fits the
            data, when None.
        sampler, steps, seed: as `sample_run`.
        split: which real images to compare with.
        progress: where to report.

    Raises:
        UsageError: an unknown name, a number out of range, or data without a feature network of its own.
        DataError: the images or the network cannot be read.
        RunError: the run has no model yet, or cannot be written.
    """
    progress = progress or SilentProgress()
    experiment, _ = read_experiment(run)
    reference = load_images(experiment.data, split)
    network = load_features(features or experiment.evaluation.features or default_features(reference))
    samples = sample_run(run, count, sampler=sampler, steps=steps, seed=seed, progress=progress)
    progress.say(f"Comparing {count:,} samples with {len(reference):,} images in the features of {network.name}.")
    scores = score_images(samples.images, reference, network.to(PartialState().device), seed=seed)
    write_json_atomic(
        run.metrics_path,
        {
            **scores.to_dict(),
            "data": reference.source,
            "split": split,
            "samples": samples.name,
            **{key: samples.meta[key] for key in ("sampler", "steps", "seed", "step", "finished", "weights_sha256")},
            "environment": environment(),
        },
    )
    return scores
