"""New items from noise: a denoiser, a grid of noise levels, a step from each to the next."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from qdiffusion.diffusion.gaussian import GaussianProcess
from qdiffusion.diffusion.guidance import guided, shown_labels
from qdiffusion.diffusion.reverse import ReverseProcess
from qdiffusion.diffusion.steps import Estimate, Step
from qdiffusion.diffusion.system import System


@dataclass(frozen=True)
class GaussianSampler(ReverseProcess):
    """Takes Gaussian noise away, level by level."""

    process: GaussianProcess
    """The forward process that the denoiser was trained with."""
    step: Step
    """From a level to the next, one of `steps.STEPS`."""
    levels: tuple[int, ...]
    """The level t that each step starts from, descending; behind the last stands -1."""
    guidance: float = 1.0
    """Weight g of the labels, see `guidance.guided`."""
    clip: bool = True
    """Clip the predicted x0 to [-1, 1] in every step."""

    def path(self, system: System, count: int, generator: torch.Generator, labels: Tensor | None) -> Iterator[Tensor]:
        """x (N, …), noise at first; near [-1, 1] at last for a denoiser of images."""
        like = next(system.denoiser.parameters(), torch.empty(0))
        shown = shown_labels(system.denoiser, labels, self.guidance, count, like.device)
        x = self.process.prior((count, *system.codec.space.shape), generator).to(like)
        yield x
        before: Estimate | None = None
        timesteps = torch.tensor(self.levels, device=x.device)
        for timestep, t, t_next in zip(timesteps, self.levels, (*self.levels[1:], -1), strict=True):
            output = guided(system.denoiser, x, timestep, shown, self.guidance)
            x0 = self.process.denoised(output, x, t)
            now = Estimate(x0.clamp(-1, 1) if self.clip else x0, t)
            x = self.step(self.process, x, now, before, t_next, generator)
            before = now
            yield x
