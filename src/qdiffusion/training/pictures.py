"""What the report shows beside the results: the model on paper, real images, and the two processes step by step."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qdiffusion.data import ImageSet, to_uint8, to_unit_range
from qdiffusion.diffusion import GaussianProcess, ScheduleConfig
from qdiffusion.runs import Run
from qdiffusion.runs.description import write_description
from qdiffusion.runs.pictures import Strip, forward_path, real_path, write_real, write_strip
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.building import PICTURES
from qdiffusion.training.describe import describe
from qdiffusion.training.experiment import Experiment

if TYPE_CHECKING:
    from diffusers import SchedulerMixin

N_REAL = 64
ROWS = 4
INTERVALS = 8
"""Of a strip: nine columns."""


def write_missing(run: Run, experiment: Experiment, images: ImageSet) -> None:
    """Write description.json, real images and the forward strip, where the run does not have them yet.

    Raises:
        RunError: the run cannot be written.
    """
    seed = derived_seed(experiment.seed, PICTURES)
    chosen = balanced(images, N_REAL, seed)
    if not run.description_path.exists():
        write_description(run, describe(experiment, images.images.shape[1]))
    if not real_path(run).exists():
        write_real(run, chosen)
    if not forward_path(run).exists():
        write_strip(forward_path(run), forward_strip(chosen[:ROWS], experiment.schedule, seed))


def balanced(images: ImageSet, count: int, seed: int) -> Tensor:
    """At most `count` images drawn by `seed`, class after class in turn, so that any first few are balanced too.

    Returns:
        uint8 (count, C, H, W).
    """
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    labels = torch.zeros_like(order) if images.labels is None else images.labels[order]
    by_class = labels.argsort(stable=True)
    sizes = labels.bincount()
    turn = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[labels[by_class]]
    return images.images[order[by_class[turn.argsort(stable=True)]][:count]]


def forward_strip(images: Tensor, schedule: ScheduleConfig, seed: int) -> Strip:
    """x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε, one ε an image, at levels t evenly spaced up to T-1, from x_0 on.

    images: uint8 (N, C, H, W).
    """
    process = GaussianProcess(schedule.betas())
    x0 = to_unit_range(images)
    noise = process.prior(tuple(x0.shape), torch.Generator().manual_seed(seed))
    levels = [level - 1 for level in _spread(schedule.timesteps)]
    noisy = [process.mix(x0, noise, torch.full((len(x0),), level)) for level in levels[1:]]
    return _strip([x0, *noisy], levels, (1 - schedule.betas()).cumprod(0))


class Film:
    """Keeps the first images of a batch while they are sampled: `keep` is handed to `sample` as `on_step`."""

    def __init__(self, steps: int) -> None:
        self._moments = _spread(steps)
        self._kept: list[Tensor] = []

    def keep(self, done: int, x: Tensor) -> None:
        """x (N, C, H, W) after `done` steps."""
        if done in self._moments:
            self._kept.append(x[:ROWS].float().cpu())

    def strip(self, scheduler: "SchedulerMixin") -> Strip:
        """x_t from noise to image, at the levels of the scheduler that was sampled with."""
        levels = [*scheduler.timesteps.tolist(), -1]
        return _strip(self._kept, [levels[done] for done in self._moments], scheduler.alphas_cumprod.double().cpu())


def _spread(last: int) -> list[int]:
    """0 … last, evenly spaced."""
    return sorted({round(last * i / INTERVALS) for i in range(INTERVALS + 1)})


def _strip(columns: list[Tensor], levels: list[int], alphas_cumprod: Tensor) -> Strip:
    """The columns, each (rows, C, H, W) in [-1, 1] or beyond, side by side; ᾱ_t (T,) float64."""
    t = torch.tensor(levels)
    # At -1, from the end, stands the image without noise.
    kept = torch.cat([alphas_cumprod, torch.ones(1)])[t]
    images = torch.stack([to_uint8(x.clamp(-1, 1)) for x in columns], dim=1)
    return Strip(images, t, kept / (1 - kept))
