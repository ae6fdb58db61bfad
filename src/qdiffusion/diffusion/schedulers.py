"""diffusers' schedulers, exact for every number of steps.

Their "trailing" grid is computed in floating point and gains a step t = -1 for some counts (61 of 1000), and their DDIM
jumps ⌊T/steps⌋ levels whatever the grid, so that it leaves noise behind where steps does not divide T. Here the grid is
counted in integers, and each step goes to the grid's next level.
"""

from fractions import Fraction
from typing import Any

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from jaxtyping import Float, Int64
from torch import Tensor


def trailing_timesteps(timesteps: int, steps: int) -> list[int]:
    """t_i = round(T · i / steps) - 1 for i = steps … 1: evenly spaced, descending, the first is T - 1."""
    return [(2 * timesteps * i + steps) // (2 * steps) - 1 for i in range(steps, 0, -1)]


class TrailingDDPMScheduler(DDPMScheduler):
    """Ancestral sampling (Ho et al. 2020, algorithm 2) on the trailing grid."""

    def set_timesteps(self, num_inference_steps: int, device: torch.device | str | None = None) -> None:
        """Choose the grid of `num_inference_steps` levels out of T."""
        grid = trailing_timesteps(self.config.num_train_timesteps, num_inference_steps)
        super().set_timesteps(device=device, timesteps=grid)


class TrailingDDIMScheduler(DDIMScheduler):
    """Deterministic DDIM (Song et al. 2021, eq. 12 with σ = 0) on the trailing grid."""

    def set_timesteps(self, num_inference_steps: int, device: torch.device | str | None = None) -> None:
        """Choose the grid of `num_inference_steps` levels out of T."""
        grid = trailing_timesteps(self.config.num_train_timesteps, num_inference_steps)
        self.next_level = dict(zip(grid, [*grid[1:], -1], strict=True))
        self.timesteps = torch.tensor(grid, device=device)

    def step(
        self,
        model_output: Float[Tensor, "n c h w"],
        timestep: int | Int64[Tensor, ""],
        sample: Float[Tensor, "n c h w"],
        **options: Any,
    ) -> Any:
        """One step to the next level; ε is taken anew from the clipped x₀, so that x keeps its noise level."""
        jump = int(timestep) - self.next_level[int(timestep)]
        # The parent jumps T // num_inference_steps levels: a fraction makes that this jump, exactly.
        self.num_inference_steps = Fraction(self.config.num_train_timesteps, jump)
        return super().step(model_output, timestep, sample, **{"use_clipped_model_output": True, **options})
