"""From pure noise back to items, a step at a time: what all samplers share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from jaxtyping import Int64
from torch import Tensor

from qdiffusion.diffusion.system import OnStep, System


class ReverseProcess(ABC):
    """A sampler that is told by the x it goes through."""

    @torch.no_grad()
    def __call__(
        self,
        system: System,
        count: int,
        generator: torch.Generator,
        labels: Int64[Tensor, " n"] | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Start from the prior and go back to items.

        Args:
            system: its denoiser is asked, on its own device and in its own dtype; its codec says what shape x has.
            count: N.
            generator: draws the prior, then the chance of each step.
            labels: (N,) in 0 … n_classes - 1, for a conditional denoiser; None: it does without.
            on_step: called with the number of steps done, from 0 on, and x, (N, …).

        Returns:
            (N, …), as the last step leaves it: not clipped.

        Raises:
            UsageError: labels or guidance for a denoiser that knows no classes, or guidance without labels.
        """
        for done, x in enumerate(self.path(system, count, generator, labels)):
            if on_step is not None:
                on_step(done, x)
        return x

    @abstractmethod
    def path(self, system: System, count: int, generator: torch.Generator, labels: Tensor | None) -> Iterator[Tensor]:
        """x (N, …): the prior's, then that behind each step."""
