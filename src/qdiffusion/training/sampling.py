"""New items from a trained run."""

import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from qdiffusion.data.space import Space
from qdiffusion.diffusion.system import Sampler, System
from qdiffusion.errors import RunError, UsageError
from qdiffusion.progress import Progress, SilentProgress, Task
from qdiffusion.runs import Run
from qdiffusion.runs.files import remove, told_as_run_error, write_bytes_atomic, write_json_atomic
from qdiffusion.runs.lock import locked, locked_here
from qdiffusion.runs.pictures import reverse_path, write_strip
from qdiffusion.runs.records import validated
from qdiffusion.runs.samples import SampleSet, read_samples, steps_path, write_samples
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.environment import environment
from qdiffusion.training.experiment import Evaluation, Sampling
from qdiffusion.training.fit import check_samples_fit
from qdiffusion.training.loading import load_system
from qdiffusion.training.pictures import Film, reverse_film
from qdiffusion.training.setup import read_experiment

Config = TypeVar("Config", Sampling, Evaluation)

MAX_SEED = 2**63
SHOWN = 16
"""Items in the picture of `show_steps`."""


def sample_run(
    run: Run,
    count: int,
    *,
    classes: tuple[int, ...] | None = None,
    seed: int = 0,
    snapshot: int | None = None,
    show_steps: int = 0,
    batch_size: int = 256,
    progress: Progress | None = None,
    **options: Any,
) -> SampleSet:
    """Draw items from a run's averaged model into `samples/`; a set that is there already is read instead.

    Every batch has a generator of its own, seeded by (seed, index of its first item): the items depend on seed and
    batch size, not on what was drawn before. Finished batches lie in `samples/NAME.parts`, so that an interrupted
    sampling goes on where it was. The first items' way from the prior is kept in `pictures/`.

    Args:
        run: a run, finished or not; from one unfinished its last checkpoint is used, and `meta` says so.
        count: number of items.
        classes: draw these classes in turn, as the data number them, from a class-conditional model; None draws all.
        seed: fixes the items.
        snapshot: take the weights of this step, one of the experiment's `snapshots`.
        show_steps: keep so many moments of the first items' way as a strip of its own, `samples/NAME-steps`.
        batch_size: items at a time.
        progress: where to report.
        options: fields of the experiment's `sampling` to change: steps=20; None leaves one as it is.

    Raises:
        UsageError: an option or class that there is none of, a number out of range, or more than memory or disk hold.
        RunError: the run has no model yet, cannot be written, or another process is drawing the same set.
    """
    experiment, space = read_experiment(run)[:2]
    if count < 1 or batch_size < 1:
        raise UsageError(f"{count} samples in batches of {batch_size} were asked for; give at least 1 of each.")
    if not 0 <= seed < MAX_SEED:
        raise UsageError(f"The seed is {seed}; give a whole number from 0 to 2^63 - 1.")
    sampling = with_options(experiment.sampling, options)
    system, origin = load_system(run, snapshot)
    sampler = sampling.build(system)
    if not 0 <= show_steps <= len(sampler.levels):
        raise UsageError(f"{show_steps} moments were asked for; give 1 to {len(sampler.levels)}, the sampling steps.")
    labels = _labels(space, system.denoiser.n_classes, count, classes)
    name = _set_name(sampling.name, classes, snapshot, seed, count)
    path = run.samples_path / f"{name}.safetensors"
    if not path.exists():
        check_samples_fit(run.path, count, space)
    request = {
        **{key: value for key, value in asdict(sampling).items() if key not in ("kind", "count")},
        **({} if classes is None else {"classes": list(classes)}),
        **({} if snapshot is None else {"snapshot": snapshot}),
        "made": [*sampling.words, *_words(classes, snapshot)],
        "seed": seed,
        "count": count,
        "batch_size": batch_size,
    }
    progress = progress or SilentProgress()
    # A training ends with samples: rather than fail there, it waits for whoever draws the same ones.
    on_wait = progress.say if locked_here(run.path, "run") else None
    with locked(run.path, path.stem, "sample", on_wait):
        return _Drawing(run, path, system, sampler, space, labels, {**request, **origin}, show_steps).draw(progress)


def with_options(config: Config, options: dict[str, Any]) -> Config:
    """The configuration with these fields changed; those that are None are left as they are.

    Raises:
        UsageError: it has no such field, or not with such a value.
    """
    given = {name: value for name, value in options.items() if value is not None}
    known = [field.name for field in fields(config) if field.name != "kind"]
    for name in given:
        if name not in known:
            raise UsageError(
                f"{name} was given, but this experiment's {config.kind} has no such option; it has {', '.join(known)}."
            )
    return replace(config, **given)


def _labels(space: Space, n_classes: int, count: int, classes: tuple[int, ...] | None) -> Tensor | None:
    """The label of each item: the classes in turn; None for a model without labels."""
    if n_classes == 0:
        if classes is not None:
            raise UsageError("Classes were asked for, but this model was trained without labels; leave --classes out.")
        return None
    unknown = [number for number in classes or () if number not in space.classes]
    if unknown or classes == ():
        asked, known = (", ".join(map(str, numbers or ())) for numbers in (classes, space.classes))
        raise UsageError(f"Classes {asked} were asked for; the data has {known}.")
    chosen = [space.classes.index(number) for number in classes or space.classes]
    return torch.tensor(chosen)[torch.arange(count) % len(chosen)]


def _words(classes: tuple[int, ...] | None, snapshot: int | None) -> list[str]:
    """What was asked of a set, beyond how it was sampled."""
    told = [] if classes is None else [f"classes {', '.join(map(str, classes))}"]
    return told if snapshot is None else [*told, f"weights of step {snapshot:,}"]


def _set_name(sampling: str, classes: tuple[int, ...] | None, snapshot: int | None, seed: int, count: int) -> str:
    parts = [sampling]
    if classes is not None:
        parts.append("c" + "-".join(map(str, classes)))
    if snapshot is not None:
        parts.append(f"step{snapshot}")
    return "-".join([*parts, f"seed{seed}", f"n{count}"])


class _Drawing:
    """The set at `path`: read, gone on with, or drawn."""

    def __init__(
        self,
        run: Run,
        path: Path,
        system: System,
        sampler: Sampler,
        space: Space,
        labels: Tensor | None,
        request: dict[str, Any],
        show_steps: int,
    ) -> None:
        self.run, self.path, self.system, self.sampler = run, path, system, sampler
        self.space, self.labels, self.request = space, labels, request
        self.parts = _Parts(path.with_suffix(".parts"), request)
        self.films = {reverse_path(run, path.stem): reverse_film(sampler.levels, space)}
        if show_steps:
            self.films[steps_path(path)] = Film(sampler.levels, show_steps, SHOWN)

    def draw(self, progress: Progress) -> SampleSet:
        found = _existing(self.path, self.request, self.space)
        if found is None:
            return self._all(progress)
        self.parts.remove()
        if not all(path.exists() for path in self.films):
            with progress.task("Sampling", len(self.sampler.levels)) as task:
                self._batch(0, task)
        return found

    def _all(self, progress: Progress) -> SampleSet:
        begun = time.monotonic()
        size, count, steps = self.request["batch_size"], self.request["count"], len(self.sampler.levels)
        firsts = range(0, count, size)
        with progress.task("Sampling", len(firsts) * steps) as task:
            for index, first in enumerate(firsts):
                if not self.parts.has(index, (self._size(first), *self.space.shape)):
                    self.parts.write(index, self._batch(first, task, index * steps))
        meta = {**self.request, "seconds": round(time.monotonic() - begun, 3), "environment": environment()}
        samples = write_samples(self.path, self.parts.read(len(firsts)), meta, self.labels)
        self.parts.remove()
        return samples

    def _size(self, first: int) -> int:
        """Items in the batch that begins with number `first`."""
        return min(self.request["batch_size"], self.request["count"] - first)

    def _batch(self, first: int, task: Task, before: int = 0) -> Tensor:
        """The batch of items from number `first` on, on the CPU; of the first batch the films are developed.

        task: where to report the steps, `before` of which are done.
        """

        def on_step(done: int, x: Tensor) -> None:
            if first == 0:
                for film in self.films.values():
                    film.keep(done, x)
            task.update(before + done)

        count = self._size(first)
        generator = torch.Generator().manual_seed(derived_seed(self.request["seed"], first))
        labels = None if self.labels is None else self.labels[first : first + count]
        x = self.sampler(self.system, count, generator, labels, on_step)
        if first == 0:
            for path, film in self.films.items():
                write_strip(path, film.strip(self.system))
        with torch.no_grad():
            return self.system.codec.decode(x).cpu()


class _Parts:
    """The finished batches of a sampling under way, so that it can be stopped and go on."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        self._folder, self._request = folder, request
        self._note = folder / "request.json"

    def has(self, index: int, shape: tuple[int, ...]) -> bool:
        try:
            items = load_file(self._path(index))["items"]
        except (OSError, KeyError, SafetensorError):
            return False
        return items.shape == shape and self._ours()

    def write(self, index: int, items: Tensor) -> None:
        if not self._ours():
            self._begin()
        write_bytes_atomic(self._path(index), save({"items": items.contiguous()}))

    def read(self, count: int) -> Tensor:
        return torch.cat([load_file(self._path(index))["items"] for index in range(count)])

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


def _existing(path: Path, request: dict[str, Any], space: Space) -> SampleSet | None:
    """The sample set at `path`, if it is whole and what was asked for."""
    if not path.exists():
        return None
    try:
        found = read_samples(path)
    except RunError:
        return None
    whole = found.items.shape == (request["count"], *space.shape)
    return found if whole and request.items() <= found.meta.items() else None
