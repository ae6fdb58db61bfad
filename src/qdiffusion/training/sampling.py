"""Images from a trained run."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from qdiffusion.data import to_uint8
from qdiffusion.diffusion import make_scheduler, sample, set_timesteps
from qdiffusion.errors import RunError, UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import Checkpoint, digest, list_checkpoints, load
from qdiffusion.runs.files import remove, told_as_run_error, write_bytes_atomic, write_json_atomic
from qdiffusion.runs.pictures import reverse_path, write_strip
from qdiffusion.runs.samples import SampleSet, read_samples, write_samples
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.environment import environment
from qdiffusion.training.pictures import Film
from qdiffusion.training.progress import Progress, SilentProgress
from qdiffusion.training.setup import build_model, read_experiment

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
        UsageError: an unknown sampler, or a number out of range.
        RunError: the run has no model yet, or cannot be written.
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
    model, origin = load_model(run)
    request = {"sampler": sampler, "steps": steps, "seed": seed, "count": count, "batch_size": batch_size, **origin}
    path = run.samples_path / f"{sampler}-{steps}-seed{seed}-n{count}.safetensors"
    parts = _Parts(path.with_suffix(".parts"), request)
    if (found := _existing(path, request)) is not None:
        parts.remove()
        return found

    image_shape = (facts["channels"], facts["size"], facts["size"])
    begun = time.monotonic()
    batches = [min(batch_size, count - first) for first in range(0, count, batch_size)]
    with (progress or SilentProgress()).task("Sampling", len(batches) * steps) as task:
        for index, size in enumerate(batches):
            if parts.has(index):
                continue
            generator = torch.Generator().manual_seed(derived_seed(seed, index * batch_size))
            film = Film(steps)

            def on_step(done: int, x: Tensor, before: int = index * steps, film: Film = film) -> None:
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
            model = type(model).from_pretrained(run.model_path)
        else:
            checkpoint = _last_checkpoint(run)
            model.load_state_dict(checkpoint.part("ema"))
            step = checkpoint.meta["step"]
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise RunError(
            f"The model of {run.path} cannot be read ({error}); delete {run.model_path} and run "
            f"`qdiffusion resume {run.path}` to have it written again."
        ) from error
    origin = {"step": step, "finished": finished, "weights_sha256": digest(model.state_dict())}
    return model.eval().to(PartialState().device), origin


class _Parts:
    """The finished batches of a sampling under way, so that it can be stopped and go on."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        self._folder, self._request = folder, request
        self._note = folder / "request.json"

    def has(self, index: int) -> bool:
        return self._path(index).exists() and self._ours()

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
        return self._note.is_file() and json.loads(self._note.read_text(encoding="utf-8")) == self._request

    def _begin(self) -> None:
        """Throw the batches of another request away."""
        with told_as_run_error(self._folder):
            remove(self._folder)
            self._folder.mkdir(parents=True)
        write_json_atomic(self._note, self._request)

    def _path(self, index: int) -> Path:
        return self._folder / f"batch-{index:06d}.safetensors"


def _existing(path: Path, request: dict[str, Any]) -> SampleSet | None:
    """The sample set at `path`, if it is whole and what was asked for."""
    if not path.exists():
        return None
    try:
        found = read_samples(path)
    except RunError:
        return None
    return found if request.items() <= found.meta.items() else None


def _last_checkpoint(run: Run) -> Checkpoint:
    paths = list_checkpoints(run)
    if not paths:
        raise RunError(
            f"{run.path} has neither a model nor a checkpoint yet; let `qdiffusion resume {run.path}` train it first."
        )
    return load(paths[-1])
