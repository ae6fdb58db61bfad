"""Noise schedules: β_t for t = 0 … T-1, from which ᾱ_t = Π_{s≤t} (1 - β_s) follows."""

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from qdiffusion.diffusion.config import check_timesteps


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
    check_timesteps(timesteps)
    u = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
    alphas_cumprod = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - alphas_cumprod[1:] / alphas_cumprod[:-1]).clamp(0, max_beta)


def linear_betas(timesteps: int, start: float = 1e-4, end: float = 0.02) -> Float64[Tensor, " timesteps"]:
    """β rising evenly from `start` to `end`: (T,) float64.

    The default ends are meant for T near 1000: the fewer the steps, the more of the image is left at the last.

    Source: Ho et al. 2020, section 4.
    """
    check_timesteps(timesteps)
    return torch.linspace(start, end, timesteps, dtype=torch.float64)


BETAS = {"cosine": cosine_betas, "linear": linear_betas}
"""The schedules by name."""
