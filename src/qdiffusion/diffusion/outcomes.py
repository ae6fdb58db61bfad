"""One outcome of each measured state, by chance that was drawn before."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def outcome_chance(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Float[Tensor, "..."]:
    """Uniform in [0, 1), of that shape, drawn by `generator`."""
    return torch.rand(shape, generator=generator, device=generator.device).to(device)


def outcomes_at(probabilities: Float[Tensor, "n b"], chance: Float[Tensor, " n"]) -> Int64[Tensor, "n 1"]:
    """The outcome b (N, 1) of each state whose probabilities (N, B), added up, pass its chance (N,)."""
    reached = probabilities.detach().cumsum(1)
    outcome = torch.searchsorted(reached, chance[:, None] * reached[:, -1:], right=True)
    return outcome.clamp_(max=probabilities.shape[1] - 1)
