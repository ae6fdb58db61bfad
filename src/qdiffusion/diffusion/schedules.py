"""Noise schedules: β_t for t = 0 … T-1, from which ᾱ_t = Π_{s≤t} (1 - β_s) follows."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from qdiffusion.errors import UsageError

MOST_TIMESTEPS = 1_000_000


def cosine_betas(timesteps: int, s: float = 0.008, max_beta: float = 0.999) -> Float64[Tensor, " timesteps"]:
    """β of the cosine schedule: little noise is added near either end.

    ᾱ(u) = cos²((u + s) / (1 + s) · π/2),  β_t = min(1 - ᾱ((t+1)/T) / ᾱ(t/T), max_beta)

    Args:
        timesteps: T ≥ 1.
        s: offset that keeps the first steps from being vanishingly small.
        max_beta: upper limit, reached at the last step, where ᾱ would be 0.

    Returns:
        (T,) float64.

    Source: Nichol and Dhariwal 2021, eq. 17.
    """
    _check_timesteps(timesteps)
    u = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
    alphas_cumprod = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - alphas_cumprod[1:] / alphas_cumprod[:-1]).clamp(0, max_beta)


def linear_betas(timesteps: int, start: float = 1e-4, end: float = 0.02) -> Float64[Tensor, " timesteps"]:
    """β rising evenly from `start` to `end`: (T,) float64.

    The default ends are meant for T near 1000: the fewer the steps, the more of the image is left at the last.

    Source: Ho et al. 2020, section 4.
    """
    _check_timesteps(timesteps)
    return torch.linspace(start, end, timesteps, dtype=torch.float64)


_BETAS = {"cosine": cosine_betas, "linear": linear_betas}


@dataclass(frozen=True)
class ScheduleConfig:
    """Which noise schedule, and over how many steps."""

    name: Literal["cosine", "linear"] = "cosine"
    """Shape of the schedule."""
    timesteps: int = 1000
    """Number of noise levels T."""

    def __post_init__(self) -> None:
        if self.name not in _BETAS:
            raise UsageError(f"There is no noise schedule {self.name!r}; choose one of {', '.join(_BETAS)}.")
        _check_timesteps(self.timesteps)

    def betas(self) -> Float64[Tensor, " timesteps"]:
        """β_t: (T,) float64."""
        return _BETAS[self.name](self.timesteps)


def _check_timesteps(timesteps: int) -> None:
    if not 1 <= timesteps <= MOST_TIMESTEPS:
        raise UsageError(f"A noise schedule got {timesteps} timesteps; it takes 1 to {MOST_TIMESTEPS:,}.")
