"""What the report shows beside the results: the model on paper, real items, and the two processes step by step."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from qdiffusion.data import ItemSet
from qdiffusion.data.space import Space
from qdiffusion.diffusion.system import Level, System
from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.description import read_description, write_description
from qdiffusion.runs.pictures import Strip, forward_path, read_real, read_strip, write_real, write_strip
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.building import PICTURES, build_system
from qdiffusion.training.describe import describe
from qdiffusion.training.experiment import Experiment

T = TypeVar("T")

N_REAL = 64
INTERVALS = 8
"""Of a strip: nine columns."""
REVERSE = (
    "The reverse process: the first of the samples on their way from noise. Shown is xₜ itself, not the item that the "
    "model expects behind it."
)


def write_missing(run: Run, experiment: Experiment, items: ItemSet, trained: System | None = None) -> None:
    """Write description.json, real items and the forward strip, where the run does not have them yet, or damaged.

    trained: the system at the end of the training; before, a codec that learns cannot show its process.

    Raises:
        RunError: the run cannot be written.
    """
    seed = derived_seed(experiment.seed, PICTURES)
    chosen = balanced(items, N_REAL, seed)
    if not _is_read(read_description, run):
        write_description(run, describe(experiment, items.space))
    if not _is_read(read_real, run):
        write_real(run, chosen)
    if not _is_read(read_strip, forward_path(run)):
        system = trained or build_system(experiment, items.space).eval()
        if trained or not system.codec_has_weights:
            rows = chosen[: _rows(items.space)].to(next(system.parameters()).device)
            write_strip(forward_path(run), forward_strip(system, rows, seed))


def _is_read(read: Callable[[T], object | None], where: T) -> bool:
    """Whether a file is there, and whole."""
    try:
        return read(where) is not None
    except RunError:
        return False


def balanced(items: ItemSet, count: int, seed: int) -> Tensor:
    """At most `count` items drawn by `seed`, class after class in turn, so that any first few are balanced too.

    Returns:
        (count, …), as the set holds them.
    """
    order = torch.randperm(len(items), generator=torch.Generator().manual_seed(seed))
    labels = torch.zeros_like(order) if items.labels is None else items.labels[order]
    by_class = labels.argsort(stable=True)
    sizes = labels.bincount()
    turn = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[labels[by_class]]
    return items.items[order[by_class[turn.argsort(stable=True)]][:count]]


@torch.no_grad()
def forward_strip(system: System, items: Tensor, seed: int) -> Strip:
    """x_t of the items (N, …), the same chance at every level, at levels evenly spaced up to the last, from x_0 on."""
    x0 = system.codec.encode(items)
    levels = [level - 1 for level in _spread(system.process.timesteps, INTERVALS)]
    noisy = [
        system.process.noised(
            x0, torch.full((len(x0),), level, device=x0.device), torch.Generator().manual_seed(seed)
        ).x
        for level in levels[1:]
    ]
    return _strip(system, [x0, *noisy], levels, f"The forward process. {system.process.caption}")


class Film:
    """Keeps the first items of a batch while they are sampled: `keep` is handed to a sampler as `on_step`.

    levels: those that the sampler's steps start from.
    intervals: between the moments kept, the first and the last included.
    """

    def __init__(self, levels: tuple[Level, ...], intervals: int, rows: int) -> None:
        self._levels = (*levels, -1)
        self._moments = _spread(len(levels), intervals)
        self._rows = rows
        self._kept: list[Tensor] = []

    @property
    def moments(self) -> int:
        """How many are kept."""
        return len(self._moments)

    def keep(self, done: int, x: Tensor) -> None:
        """x (N, …) after `done` steps."""
        if done in self._moments:
            self._kept.append(x[: self._rows])

    def strip(self, system: System) -> Strip:
        """x_t from the prior to the end."""
        return _strip(system, self._kept, [self._levels[done] for done in self._moments], REVERSE)


def reverse_film(levels: tuple[Level, ...], space: Space) -> Film:
    """The film of every sample set."""
    return Film(levels, INTERVALS, _rows(space))


def _rows(space: Space) -> int:
    """Items of a strip: a few images, or a cloud of states."""
    return 4 if space.kind == "images" else N_REAL


def _spread(last: int, intervals: int) -> list[int]:
    """0 … last, evenly spaced."""
    return sorted({round(last * i / intervals) for i in range(intervals + 1)})


@torch.no_grad()
def _strip(system: System, columns: list[Tensor], levels: Sequence[Level], caption: str) -> Strip:
    """The columns, each (rows, …) as diffusion sees them, side by side as items."""
    items = torch.stack([system.codec.decode(x).cpu() for x in columns], dim=1)
    return Strip(items, tuple(system.process.label(level) for level in levels), caption)
