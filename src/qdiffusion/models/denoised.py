"""What denoisers of states return."""

from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.circuits.plans.draw import draw


class Denoised(NamedTuple):
    """The states (N, 2^n): by name or as the only element, so that it serves for both values of `return_dict`."""

    sample: Tensor


def drawn(
    states: Complex[Tensor, "n b d"], probabilities: Float[Tensor, "n b"], generator: torch.Generator | None
) -> Complex[Tensor, "n d"]:
    """One of the states (N, B, 2^n) of each, drawn by their probabilities (N, B); None: by torch's own generator."""
    if states.shape[1] == 1:
        return states[:, 0]
    outcome = draw(probabilities, 1, generator or torch.default_generator)
    return states.take_along_dim(outcome[..., None], 1)[:, 0]
