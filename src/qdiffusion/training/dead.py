"""Which parameters cannot learn: those whose gradient vanishes whatever the input.

A parameter counts as dead when, at random initial weights and over a few random inputs in float64, its gradient never
exceeds 1e-12 of the largest gradient of any parameter. So count angles that no output depends on, and the bias of a
convolution in front of a group normalisation with one channel a group, which takes every constant out again.
"""

import torch
from torch import Tensor, nn

INPUTS = 3
RELATIVE = 1e-12


def dead_parameters(model: nn.Module, image_shape: tuple[int, int, int], timesteps: int) -> dict[str, Tensor]:
    """Find the dead parameters of a denoiser, which is turned into float64 by this.

    image_shape: (C, H, W) of what it denoises.
    timesteps: number of noise levels T.

    Returns:
        For each parameter's name a bool tensor of its shape, True where dead.
    """
    model.double()
    generator = torch.Generator().manual_seed(0)
    largest = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for _ in range(INPUTS):
        for name, gradient in _gradients(model, image_shape, timesteps, generator).items():
            largest[name] = torch.maximum(largest[name], gradient.abs())
    threshold = RELATIVE * max(float(values.max()) for values in largest.values() if values.numel())
    return {name: values <= threshold for name, values in largest.items()}


def _gradients(
    model: nn.Module, image_shape: tuple[int, int, int], timesteps: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Gradients of ⟨r, model(x, t)⟩ for random x, t and direction r; those that reach no parameter are left out."""
    x, direction = torch.randn((2, 2, *image_shape), generator=generator, dtype=torch.float64)
    t = torch.randint(timesteps, (2,), generator=generator)
    model.zero_grad()
    (model(x, t, return_dict=False)[0] * direction).sum().backward()
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
