"""New items by a stochastic differential equation, backwards from pure noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Int64
from torch import Tensor

from qdiffusion.diffusion.guidance import guided, shown_labels
from qdiffusion.diffusion.reverse import ReverseProcess
from qdiffusion.diffusion.sde import SDE
from qdiffusion.diffusion.sde_steps import Field, SDEStep
from qdiffusion.diffusion.system import System


@dataclass(frozen=True)
class SDESampler(ReverseProcess):
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

    def path(self, system: System, count: int, generator: torch.Generator, labels: Tensor | None) -> Iterator[Tensor]:
        """x (N, …), noise at first."""
        like = next(system.denoiser.parameters(), torch.empty(0))
        shown = shown_labels(system.denoiser, labels, self.guidance, count, like.device)
        x = self.process.prior((count, *system.codec.space.shape), generator).to(like)
        yield x
        answer = answer_of(system, self.process, shown, self.guidance)
        score = score_of(answer, self.process)
        for t, t_next in pairwise(self.times):
            x = self.step(self.process, score, x, t, t_next, generator)
            if t_next == self.times[-1]:
                x = self.process.denoised(answer(x, t_next), x, self.process.level(t_next))
            yield x


def answer_of(system: System, process: SDE, labels: Int64[Tensor, " n"] | None = None, guidance: float = 1.0) -> Field:
    """What the denoiser says of x (N, …) at a time; labels as `guidance.guided` takes them."""

    def answer(x: Tensor, time: float) -> Tensor:
        t = torch.tensor(process.level(time), dtype=x.dtype, device=x.device)
        return guided(system.denoiser, process.shown(x, t), t, labels, guidance)

    return answer


def score_of(answer: Field, process: SDE) -> Field:
    """∇log p_t(x) by what a denoiser says of x."""
    return lambda x, time: process.score(answer(x, time), x, process.level(time))
