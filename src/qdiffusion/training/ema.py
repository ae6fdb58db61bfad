"""The exponential moving average of a system's weights.

θ̄ ← d_s θ̄ + (1 - d_s) θ  at every `every`-th step s > start;  θ̄ ← θ  while s ≤ start
d_s = min(decay, 1 - (1 + n)^-power),  n = s - start - 1

With decay 0 the average is the weights themselves: nothing is copied, nothing stored.
"""

import copy

import torch
from torch import Tensor

from qdiffusion.diffusion.system import System
from qdiffusion.training.config import EMAConfig


def decay_at(step: int, config: EMAConfig) -> float:
    """The share d of the old average that the update at `step` (1, 2, … since the leg began) keeps."""
    n = step - config.start - 1
    return 0.0 if n < 0 else min(config.decay, 1 - (1 + n) ** -config.power)


class EMA:
    """Holds the average as a system of its own, in evaluation mode, that no optimiser touches."""

    def __init__(self, system: System, config: EMAConfig) -> None:
        self.config = config
        self.system = system
        if config.decay:
            self.system = copy.deepcopy(system).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, system: System, step: int) -> None:
        """Take in the weights that `system` has after `step` steps."""
        if self.system is system or (step > self.config.start and step % self.config.every):
            return
        share = 1 - decay_at(step, self.config)
        for average, weight in zip(self.system.parameters(), system.parameters(), strict=True):
            average.lerp_(weight, share)
        for held, buffer in zip(self.system.buffers(), system.buffers(), strict=True):
            held.copy_(buffer)

    def state_dict(self) -> dict[str, Tensor]:
        """The average, where it is not the weights themselves."""
        return self.system.state_dict() if self.config.decay else {}

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Take up a saved average."""
        if self.config.decay:
            self.system.load_state_dict(tensors)
