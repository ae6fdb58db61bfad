"""How good the images of a run are."""

from accelerate import PartialState

from qdiffusion.data import Split
from qdiffusion.metrics import Scores, score_images
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.lock import locked
from qdiffusion.training.environment import environment
from qdiffusion.training.sampling import sample_run
from qdiffusion.training.setup import load_reference, read_experiment


def evaluate_run(
    run: Run,
    count: int,
    *,
    features: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    split: Split | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Score `count` images of a run against real ones and write metrics.json.

    Published scores of diffusion models compare with the training images, and so do experiments by default.

    Args:
        run: a run, finished or not.
        count: number of images; a set drawn earlier in the same way is used again.
        features: a packaged feature network's name or a TorchScript file; the experiment's, or the one that fits the
            data, when None.
        sampler, steps, seed: as `sample_run`.
        split: which real images to compare with; the experiment's when None.
        progress: where to report.

    Raises:
        UsageError: an unknown name, a number out of range, images that the network does not take, or data without a
            feature network of its own.
        DataError: the images or the network cannot be read.
        RunError: the run has no model yet, cannot be written, or another process is writing it.
    """
    progress = progress or SilentProgress()
    with locked(run.path, "run", "evaluate"):
        experiment, _ = read_experiment(run)
        reference, network = load_reference(experiment, count, features=features, split=split)
        samples = sample_run(run, count, sampler=sampler, steps=steps, seed=seed, progress=progress)
        progress.say(f"Comparing {count:,} samples with {len(reference):,} images in the features of {network.name}.")
        scores = score_images(samples.images, reference, network.to(PartialState().device), seed=seed)
        made = ("sampler", "steps", "seed", "step", "finished", "weights_sha256")
        write_json_atomic(
            run.metrics_path,
            {
                **scores.to_dict(),
                "data": reference.source,
                "split": reference.split,
                "samples": samples.name,
                **{key: samples.meta[key] for key in made},
                "environment": environment(),
            },
        )
        return scores
