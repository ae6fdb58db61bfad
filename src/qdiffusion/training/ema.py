"""The exponential moving average of a model's weights.

θ̄ ← d_s θ̄ + (1 - d_s) θ  at every `every`-th step s > start;  θ̄ ← θ  while s ≤ start
d_s = min(decay, 1 - (1 + n)^-power),  n = s - start - 1
"""

import copy

import torch
from torch import nn

from qdiffusion.training.experiment import EMAConfig


def decay_at(step: int, config: EMAConfig) -> float:
    """The share d of the old average that the update at `step` (1, 2, … since the stage began) keeps."""
    n = step - config.start - 1
    return 0.0 if n < 0 else min(config.decay, 1 - (1 + n) ** -config.power)


class EMA:
    """Holds the average as a model of its own, in evaluation mode, that no optimiser touches."""

    def __init__(self, model: nn.Module, config: EMAConfig) -> None:
        self.config = config
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights that `model` has after `step` steps."""
        if step > self.config.start and step % self.config.every:
            return
        share = 1 - decay_at(step, self.config)
        for average, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(weight, share)
        for held, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            held.copy_(buffer)
