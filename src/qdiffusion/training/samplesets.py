"""A sample set in the making: batch after batch, so that it can be stopped and go on."""

import time
from collections.abc import Callable, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from qdiffusion.data.space import Space
from qdiffusion.diffusion.frozen import frozen
from qdiffusion.diffusion.system import Sampler, System
from qdiffusion.errors import RunError
from qdiffusion.progress import Progress
from qdiffusion.runs import Run
from qdiffusion.runs.files import remove, told_as_run_error, write_bytes_atomic, write_json_atomic
from qdiffusion.runs.items import to_bytes
from qdiffusion.runs.pictures import read_strip, reverse_path, write_strip
from qdiffusion.runs.records import validated
from qdiffusion.runs.samples import SampleSet, read_samples, steps_path, write_samples
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.environment import environment
from qdiffusion.training.memory import keep_memory
from qdiffusion.training.pictures import Film, reverse_film
from qdiffusion.training.threads import side_by_side

SHOWN = 8
"""Items in the picture of `show_steps`."""


class Drawing:
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
        self.run, self.path, self.system, self.sampler = run, path, frozen(system), sampler
        self.space, self.labels, self.request = space, labels, request
        self.parts = _Parts(path.with_suffix(".parts"), request)
        self.films = {reverse_path(run, path.stem): reverse_film(sampler.levels, space)}
        if show_steps:
            self.films[steps_path(path)] = Film(sampler.levels, show_steps, SHOWN)

    def draw(self, progress: Progress) -> SampleSet:
        keep_memory()
        found = _existing(self.path, self.request, self.space)
        if found is None:
            return self._all(progress)
        self.parts.remove()
        if not self._filmed():
            self._batches([0], 1, progress, lambda first, items: None)
        return found

    def _all(self, progress: Progress) -> SampleSet:
        begun = time.monotonic()
        size = self.request["batch_size"]
        firsts = range(0, self.request["count"], size)
        there = {first for first in firsts if self.parts.has(first // size, (self._size(first), *self.space.shape))}
        if 0 not in there:
            self._forget_strips()
        if not self._filmed():
            there.discard(0)
        missing = [first for first in firsts if first not in there]
        self._batches(missing, len(firsts), progress, lambda first, items: self.parts.write(first // size, items))
        meta = {**self.request, "seconds": round(time.monotonic() - begun, 3), "environment": environment()}
        samples = write_samples(self.path, self.parts.read(len(firsts)), meta, self.labels)
        self.parts.remove()
        return samples

    def _filmed(self) -> bool:
        """Whether every strip is there, with as many moments as were asked for."""
        return all(_moments(path) == film.moments for path, film in self.films.items())

    def _forget_strips(self) -> None:
        """Remove those of an older set of this name."""
        for path in (reverse_path(self.run, self.path.stem), steps_path(self.path)):
            with told_as_run_error(path):
                remove(path)
                remove(path.with_suffix(".png"))

    def _size(self, first: int) -> int:
        """Items in the batch that begins with number `first`."""
        return min(self.request["batch_size"], self.request["count"] - first)

    def _batches(self, firsts: Sequence[int], of: int, progress: Progress, keep: Callable[[int, Tensor], None]) -> None:
        """Draw the batches that begin with these numbers, of so many in all; `keep` is handed each when it is done."""
        steps = len(self.sampler.levels)
        before = (of - len(firsts)) * steps
        done = count(before + 1)

        def developed(first: int, x: Tensor) -> None:
            if first == 0:
                for path, film in self.films.items():
                    write_strip(path, film.strip(self.system))
            keep(first, x)

        with progress.task("Sampling", of * steps, before) as task:
            side_by_side(self._batch, firsts, self._n_threads(), lambda: task.update(next(done)), developed)

    def _n_threads(self) -> int:
        """Batches at once: one a core, since small networks scale badly within an operation; on a GPU one."""
        device = next(chain(self.system.parameters(), self.system.buffers()), torch.empty(0)).device
        return torch.get_num_threads() if device.type == "cpu" else 1

    @torch.no_grad()
    def _batch(self, first: int, step: Callable[[], None]) -> Tensor:
        """The batch of items from number `first` on, on the CPU; of the first batch films are kept.

        step: called after each step.
        """

        def on_step(done: int, x: Tensor) -> None:
            if first == 0:
                for film in self.films.values():
                    film.keep(done, x)
            if done:
                step()

        size = self._size(first)
        generator = torch.Generator().manual_seed(derived_seed(self.request["seed"], first))
        labels = None if self.labels is None else self.labels[first : first + size]
        return self.system.codec.decode(self.sampler(self.system, size, generator, labels, on_step)).cpu()


def _moments(path: Path) -> int:
    """How many moments a strip shows; 0 where there is none, or a damaged one."""
    try:
        strip = read_strip(path)
    except RunError:
        return 0
    return 0 if strip is None else len(strip.labels)


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
        write_bytes_atomic(self._path(index), to_bytes({"items": items}))

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
