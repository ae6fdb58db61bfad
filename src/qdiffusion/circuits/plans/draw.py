"""Outcomes drawn from probabilities."""

import torch
from torch import Tensor

from qdiffusion.errors import UsageError


def draw(chances: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Indices (N, count), int64, drawn with the probabilities `chances` (N, outcomes), which need not be normalised.

    By inversion of the cumulative sum, in float64: `torch.multinomial` ends at 2^24 outcomes.

    Raises:
        UsageError: no generator, or the chances of a row are all 0, as after a post-selection that cannot happen.
    """
    if generator is None:
        raise UsageError("Shots and sampled branches need a torch.Generator: layer(x, generator=...).")
    steps = chances.detach().double().cumsum(-1)
    total = steps[:, -1:]
    if not bool((total > 0).all()):
        raise UsageError("No outcome can be drawn: a post-selection has probability 0; change the state before it.")
    uniform = torch.rand(len(steps), count, generator=generator, dtype=steps.dtype, device=generator.device)
    return torch.searchsorted(steps, uniform.to(steps.device) * total, right=True).clamp_(max=steps.shape[-1] - 1)
