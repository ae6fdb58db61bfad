"""New items from noise: a denoiser, a grid of noise levels, a step from each to the next."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from qdiffusion.diffusion.gaussian import GaussianProcess
from qdiffusion.diffusion.guidance import guided, shown_labels
from qdiffusion.diffusion.steps import Estimate, Step
from qdiffusion.diffusion.system import OnStep, System


@dataclass(frozen=True)
class GaussianSampler:
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

    @torch.no_grad()
    def __call__(
        self,
        system: System,
        count: int,
        generator: torch.Generator,
        labels: Int64[Tensor, " n"] | None = None,
        on_step: OnStep | None = None,
    ) -> Float[Tensor, "n ..."]:
        """Start from noise and take it away.

        Args:
            system: its denoiser is asked, on its own device and in its own dtype; its codec says what shape x has.
            count: N.
            generator: draws the first noise, then that of each step.
            labels: (N,) in 0 … n_classes - 1, for a conditional denoiser; None: it does without.
            on_step: called with the number of steps done, from 0 on, and x, (N, …).

        Returns:
            (N, …), near [-1, 1] for a denoiser of images; not clipped.

        Raises:
            UsageError: labels or guidance for a denoiser that knows no classes, or guidance without labels.
        """
        denoiser = system.denoiser
        like = next(denoiser.parameters(), torch.empty(0))
        shown = shown_labels(denoiser, labels, self.guidance, count)
        shown = None if shown is None else shown.to(like.device)
        shape = (count, *system.codec.space.shape)
        x = self.process.prior(shape, generator).to(like)
        if on_step is not None:
            on_step(0, x)
        before: Estimate | None = None
        timesteps = torch.tensor(self.levels, device=like.device)
        for done, (t, t_next) in enumerate(zip(self.levels, (*self.levels[1:], -1), strict=True)):
            output = guided(denoiser, x, timesteps[done], shown, self.guidance)
            x0 = self.process.denoised(output, x, t)
            now = Estimate(x0.clamp(-1, 1) if self.clip else x0, t)
            x = self.step(self.process, x, now, before, t_next, generator)
            before = now
            if on_step is not None:
                on_step(done + 1, x)
        return x
