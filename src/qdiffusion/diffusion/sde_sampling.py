"""New items by a stochastic differential equation, backwards from pure noise."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from qdiffusion.diffusion.guidance import guided, shown_labels
from qdiffusion.diffusion.sde import SDE
from qdiffusion.diffusion.sde_steps import Field, SDEStep
from qdiffusion.diffusion.system import OnStep, System


@dataclass(frozen=True)
class SDESampler:
    """Solves the reverse SDE, or its probability-flow ODE, and ends at E[x_0 | x] of what it finds at t_min."""

    process: SDE
    """The forward process that the denoiser was trained with."""
    step: SDEStep
    """From a time to the next, one of `sde_steps.SDE_STEPS`."""
    times: tuple[float, ...]
    """Descending, from 1 to t_min: where steps begin and end."""
    guidance: float = 1.0
    """Weight g of the labels, see `guidance.guided`."""

    @property
    def levels(self) -> tuple[float, ...]:
        """The level that each step starts from, descending; behind the last stands -1."""
        return tuple(self.process.level(time) for time in self.times[:-1])

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
            (N, …), not clipped.

        Raises:
            UsageError: labels or guidance for a denoiser that knows no classes, or guidance without labels.
        """
        like = next(system.denoiser.parameters(), torch.empty(0))
        shown = shown_labels(system.denoiser, labels, self.guidance, count)
        answer = answer_of(system, self.process, None if shown is None else shown.to(like.device), self.guidance)
        score = score_of(answer, self.process)
        x = self.process.prior((count, *system.codec.space.shape), generator).to(like)
        if on_step is not None:
            on_step(0, x)
        for done, (t, t_next) in enumerate(pairwise(self.times), start=1):
            x = self.step(self.process, score, x, t, t_next, generator)
            if done == len(self.times) - 1:
                x = self.process.denoised(answer(x, t_next), x, self.process.level(t_next))
            if on_step is not None:
                on_step(done, x)
        return x


def answer_of(system: System, process: SDE, labels: Int64[Tensor, " n"] | None = None, guidance: float = 1.0) -> Field:
    """What the denoiser says of x (N, …) at a time; labels as `guidance.guided` takes them."""

    def answer(x: Tensor, time: float) -> Tensor:
        t = torch.tensor(process.level(time), dtype=x.dtype, device=x.device)
        return guided(system.denoiser, process.shown(x, t), t, labels, guidance)

    return answer


def score_of(answer: Field, process: SDE) -> Field:
    """∇log p_t(x) by what a denoiser says of x."""
    return lambda x, time: process.score(answer(x, time), x, process.level(time))
