"""Images from a trained run."""

import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import PartialState
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from qdiffusion.data import to_uint8
from qdiffusion.diffusion import make_scheduler, sample, set_timesteps
from qdiffusion.errors import RunError, UsageError
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import Checkpoint, digest, list_checkpoints, load
from qdiffusion.runs.files import remove, told_as_run_error, write_bytes_atomic, write_json_atomic
from qdiffusion.runs.lock import locked, locked_here
from qdiffusion.runs.pictures import reverse_path, write_strip
from qdiffusion.runs.records import validated
from qdiffusion.runs.samples import SampleSet, read_samples, write_samples
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.building import build_model
from qdiffusion.training.environment import environment
from qdiffusion.training.fit import check_images_fit
from qdiffusion.training.pictures import Film
from qdiffusion.training.setup import read_experiment

if TYPE_CHECKING:
    from diffusers import ModelMixin, SchedulerMixin

MAX_SEED = 2**63


def sample_run(
    run: Run,
    count: int,
    *,
    sampler: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> SampleSet:
    """Draw images from a run's averaged model into `samples/`; a set that is there already is read instead.

    Every batch has a generator of its own, seeded by (seed, index of its first image): the images depend on seed and
    batch size, not on what was drawn before. Finished batches lie in `samples/NAME.parts`, so that an interrupted
    sampling goes on where it was. The first images' way from noise is kept in `pictures/`.

    Args:
        run: a run, finished or not; from one unfinished its last checkpoint is used, and `meta` says so.
        count: number of images.
        sampler: "ddpm", "ddim" or "dpmpp"; the experiment's when None.
        steps: denoising steps; the experiment's when None.
        seed: fixes the images.
        batch_size: images at a time.
        progress: where to report.

    Raises:
        UsageError: an unknown sampler, a number out of range, or more images than memory or disk hold.
        RunError: the run has no model yet, cannot be written, or another process is drawing the same set.
    """
    experiment, facts = read_experiment(run)
    if count < 1 or batch_size < 1:
        raise UsageError(f"{count} images in batches of {batch_size} were asked for; give at least 1 of each.")
    if not 0 <= seed < MAX_SEED:
        raise UsageError(f"The seed is {seed}; give a whole number from 0 to 2^63 - 1.")
    sampler = experiment.sampling.sampler if sampler is None else sampler
    steps = experiment.sampling.steps if steps is None else steps
    scheduler = make_scheduler(sampler, experiment.schedule)
    set_timesteps(scheduler, steps)
    path = run.samples_path / f"{sampler}-{steps}-seed{seed}-n{count}.safetensors"
    image_shape = (facts["channels"], facts["size"], facts["size"])
    if not path.exists():
        check_images_fit(run.path, count, image_shape)
    request = {"sampler": sampler, "steps": steps, "seed": seed, "count": count, "batch_size": batch_size}
    progress = progress or SilentProgress()
    # A training ends with samples: rather than fail there, it waits for whoever draws the same ones.
    on_wait = progress.say if locked_here(run.path, "run") else None
    with locked(run.path, path.stem, "sample", on_wait):
        return _draw(run, path, scheduler, image_shape, request, progress)


def _draw(
    run: Run,
    path: Path,
    scheduler: "SchedulerMixin",
    image_shape: tuple[int, int, int],
    request: dict[str, Any],
    progress: Progress,
) -> SampleSet:
    """The set at `path`: read, gone on with, or drawn."""
    steps, seed, count, batch_size = (request[key] for key in ("steps", "seed", "count", "batch_size"))
    model, origin = load_model(run)
    request = {**request, **origin}
    parts = _Parts(path.with_suffix(".parts"), request)
    if (found := _existing(path, request, image_shape)) is not None:
        parts.remove()
        return found

    begun = time.monotonic()
    film = Film(steps)
    batches = [min(batch_size, count - first) for first in range(0, count, batch_size)]
    with progress.task("Sampling", len(batches) * steps) as task:
        for index, size in enumerate(batches):
            if parts.has(index, (size, *image_shape)):
                continue
            generator = torch.Generator().manual_seed(derived_seed(seed, index * batch_size))

            def on_step(done: int, x: Tensor, before: int = index * steps) -> None:
                if before == 0:
                    film.keep(done, x)
                task.update(before + done)

            x = sample(model, scheduler, (size, *image_shape), steps, generator, on_step=on_step)
            if index == 0:
                write_strip(reverse_path(run, path.stem), film.strip(scheduler))
            parts.write(index, to_uint8(x.clamp(-1, 1).cpu()))
    meta = {**request, "seconds": round(time.monotonic() - begun, 3), "environment": environment()}
    samples = write_samples(path, parts.read(len(batches)), meta)
    parts.remove()
    return samples


def load_model(run: Run) -> tuple[nn.Module, dict[str, Any]]:
    """A run's model with averaged weights, ready to sample, and where they come from.

    Returns:
        The model on the device at hand, and {"step": steps of training, "finished": whether that was all of it,
        "weights_sha256": …}.

    Raises:
        RunError: there is neither a finished model nor a checkpoint, or it is damaged.
    """
    experiment, facts = read_experiment(run)
    model = build_model(experiment, facts["channels"])
    finished = run.model_path.is_dir()
    step = experiment.total_steps
    try:
        if finished:
            _check_config(run, model)
            files = run.model_path.glob("*.safetensors")
            weights = dict(chain.from_iterable(load_file(file).items() for file in files))
        else:
            checkpoint = _last_checkpoint(run)
            weights, step = checkpoint.part("ema"), checkpoint.meta["step"]
        model.load_state_dict(weights)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise RunError(
            f"The model of {run.path} cannot be read ({error}); delete {run.model_path} and run "
            f"`qdiffusion resume {run.path}` to have it written again."
        ) from error
    origin = {"step": step, "finished": finished, "weights_sha256": digest(model.state_dict())}
    return model.eval().to(PartialState().device), origin


def _check_config(run: Run, model: "ModelMixin") -> None:
    """Raise ValueError unless model/config.json is that of the experiment's model."""
    try:
        config = validated(dict[str, Any], (run.model_path / "config.json").read_bytes())
    except ValueError as error:
        raise ValueError(f"config.json is wrong {error}") from error
    expected = validated(dict[str, Any], model.to_json_string())
    differing = [
        name
        for name in sorted({*config, *expected} - {"_diffusers_version"})
        if name not in config or name not in expected or config[name] != expected[name]
    ]
    if differing:
        raise ValueError(f"config.json is not of the experiment's model: it differs in {', '.join(differing)}")


class _Parts:
    """The finished batches of a sampling under way, so that it can be stopped and go on."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        self._folder, self._request = folder, request
        self._note = folder / "request.json"

    def has(self, index: int, shape: tuple[int, ...]) -> bool:
        try:
            images = load_file(self._path(index))["images"]
        except (OSError, KeyError, SafetensorError):
            return False
        return images.dtype == torch.uint8 and images.shape == shape and self._ours()

    def write(self, index: int, images: Tensor) -> None:
        if not self._ours():
            self._begin()
        write_bytes_atomic(self._path(index), save({"images": images.contiguous()}))

    def read(self, count: int) -> Tensor:
        return torch.cat([load_file(self._path(index))["images"] for index in range(count)])

    def remove(self) -> None:
        with told_as_run_error(self._folder):
            remove(self._folder)

    def _ours(self) -> bool:
        try:
            return validated(dict[str, Any], self._note.read_bytes()) == self._request
        except (OSError, ValueError):
            return False

    def _begin(self) -> None:
        """Throw the batches of another request away."""
        with told_as_run_error(self._folder):
            remove(self._folder)
            self._folder.mkdir(parents=True)
        write_json_atomic(self._note, self._request)

    def _path(self, index: int) -> Path:
        return self._folder / f"batch-{index:06d}.safetensors"


def _existing(path: Path, request: dict[str, Any], image_shape: tuple[int, int, int]) -> SampleSet | None:
    """The sample set at `path`, if it is whole and what was asked for."""
    if not path.exists():
        return None
    try:
        found = read_samples(path)
    except RunError:
        return None
    whole = found.images.shape == (request["count"], *image_shape)
    return found if whole and request.items() <= found.meta.items() else None


def _last_checkpoint(run: Run) -> Checkpoint:
    paths = list_checkpoints(run)
    if not paths:
        raise RunError(
            f"{run.path} has neither a model nor a checkpoint yet; let `qdiffusion resume {run.path}` train it first."
        )
    try:
        return load(paths[-1])
    except RunError:
        if paths[-1].exists():
            raise
        return _last_checkpoint(run)  # a training under way has newer ones, and has deleted this
