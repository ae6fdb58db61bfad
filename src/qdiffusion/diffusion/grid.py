"""The noise levels that a training draws, and those that a sampler visits."""

import torch
from jaxtyping import Int64
from torch import Tensor


def drawn_levels(timesteps: int, n: int, generator: torch.Generator, device: torch.device) -> Int64[Tensor, " n"]:
    """t (n,), uniform in 0 … timesteps - 1, on `device` whatever the generator's is."""
    return torch.randint(timesteps, (n,), generator=generator, device=generator.device).to(device)


def trailing_timesteps(timesteps: int, steps: int) -> tuple[int, ...]:
    """t_i = round(T · i / steps) - 1 for i = steps … 1: evenly spaced, descending, all different, the first is T - 1.

    The "trailing" grid of Lin et al. 2024, table 2, counted in integers, since T / steps summed up in floating point
    gains a level -1 for some counts (61 of 1000).

    Args:
        timesteps: T.
        steps: 1 … T.
    """
    return tuple((2 * timesteps * i + steps) // (2 * steps) - 1 for i in range(steps, 0, -1))
