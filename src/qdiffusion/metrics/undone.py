"""States through all of a scrambling circuit, and what a trained system makes of them."""

import torch
from jaxtyping import Complex
from torch import Tensor

from qdiffusion.diffusion.system import System


@torch.no_grad()
def scrambled(system: System, x0: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d"]:
    """x_{T-1} of x₀, both (N, 2^n), on the system's device; the circuit is one that all states share."""
    last = torch.full((len(x0),), system.process.timesteps - 1, device=x0.device)
    return system.process.noised(x0, last, torch.Generator()).x


@torch.no_grad()
def undone(system: System, x: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d"]:
    """The last level's states (N, 2^n) restored: level by level where the denoiser says the one before."""
    last = system.process.timesteps - 1
    for t in range(last, -1 if system.process.prediction == "previous" else last - 1, -1):
        x = system.denoiser(x, t, return_dict=False)[0]
    return x
