"""Which parameters cannot learn: those whose gradient vanishes whatever the input.

A parameter counts as dead when, at random initial weights and over a few random inputs in float64, its gradient never
exceeds 1e-12 of the largest gradient of any parameter. So count angles that no output depends on, and the bias of a
convolution in front of a group normalisation with one channel a group, which takes every constant out again.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from qdiffusion.diffusion.system import System
from qdiffusion.states import haar, projector

INPUTS = 3
RELATIVE = 1e-12


def dead_parameters(system: System) -> dict[str, Tensor]:
    """Find the dead parameters of a system's denoiser, which is turned into float64 by this.

    Returns:
        For each parameter's name in the system a bool tensor of its shape, True where dead.
    """
    model = system.denoiser.double()
    generator = torch.Generator().manual_seed(0)
    largest = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for t in _levels(system, generator):
        for name, gradient in _gradients(system, t, generator).items():
            largest[name] = torch.maximum(largest[name], gradient.abs())
    threshold = RELATIVE * max(float(values.max()) for values in largest.values() if values.numel())
    return {f"denoiser.{name}": values <= threshold for name, values in largest.items()}


def _levels(system: System, generator: torch.Generator) -> Iterator[Tensor]:
    """The levels (rows,) of each input; every one of those that have parameters of their own, a row for each label."""
    model = system.denoiser
    own, rows = model.levels, max(2, _n_labels(model))
    if own > 1:
        yield from torch.arange(own)[:, None].expand(-1, rows)
    else:
        yield from torch.randint(system.process.timesteps, (INPUTS, rows), generator=generator)


def _gradients(system: System, t: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Gradients of Re ⟨r, denoiser(x, t)⟩ for random x and direction r; those that reach no parameter are left out."""
    model, shape = system.denoiser, (len(t), *system.codec.space.shape)
    labels = torch.arange(len(t)) % _n_labels(model) if model.n_classes else None
    x = _inputs(system, shape, t, generator)
    x = x.to(torch.complex128 if x.is_complex() else torch.float64)
    model.zero_grad()
    output = model(x, t, labels, return_dict=False)[0]
    direction = torch.randn(output.shape, generator=generator, dtype=output.dtype)
    (output * direction.conj()).real.sum().backward()
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


def _inputs(system: System, shape: tuple[int, ...], t: Tensor, generator: torch.Generator) -> Tensor:
    """What sampling starts from; of density matrices, which start from the maximally mixed one alone, noised states."""
    if system.codec.space.kind != "densities":
        return system.process.prior(shape, generator)
    states = haar(len(t), shape[-1].bit_length() - 1, generator)
    return system.process.noised(projector(states), t, generator).x


def _n_labels(model: Any) -> int:
    """Labels that it takes, that of none included; 0 for an unconditional one."""
    return model.n_classes and model.n_classes + model.null_label
