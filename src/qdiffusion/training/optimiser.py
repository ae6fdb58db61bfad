"""Adam, AdamW and the natural gradient, with a learning rate of their own for the angles of circuits."""

from collections import defaultdict

import torch
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer
from qdiffusion.training.config import AdamConfig, AdamFields, AdamWConfig, NaturalConfig
from qdiffusion.training.natural import NaturalGradient


def make_adam(system: nn.Module, config: AdamConfig) -> torch.optim.Optimizer:
    """Adam on all parameters that ask for a gradient, grouped by learning rate: `learning_rate`, times `circuit_rate`
    for the angles of every `QuantumLayer`, or times the `rate` of a layer that has one.
    """
    return torch.optim.Adam(_groups(system, config), betas=config.betas, fused=True)


def make_adamw(system: nn.Module, config: AdamWConfig) -> torch.optim.Optimizer:
    """The same with decoupled weight decay, of all but the angles."""
    angles = _rates(system, config)
    groups = _groups(system, config)
    for group in groups:
        group["weight_decay"] = 0.0 if group["params"][0] in angles else config.weight_decay
    return torch.optim.AdamW(groups, betas=config.betas, fused=True)


def make_natural(system: nn.Module, config: NaturalConfig) -> torch.optim.Optimizer:
    """The natural gradient on angles, Adam on all else."""
    return NaturalGradient(
        system,
        _groups(system, config),
        betas=config.betas,
        damping=config.damping,
        metric=config.metric,
        averaging=config.averaging,
    )


def set_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Multiply every group's first learning rate by `factor`."""
    for group in optimiser.param_groups:
        group["lr"] = factor * group["first_rate"]


def _rates(system: nn.Module, config: AdamFields) -> dict[Tensor, float]:
    """The factor of each tensor of angles."""
    return {
        layer.weights: config.circuit_rate if layer.rate is None else layer.rate
        for layer in system.modules()
        if isinstance(layer, QuantumLayer)
    }


def _groups(system: nn.Module, config: AdamFields) -> list[dict]:
    """Angles and other parameters never share a group."""
    factors = _rates(system, config)
    groups: dict[tuple[bool, float], list[Tensor]] = defaultdict(list)
    for parameter in system.parameters():
        if parameter.requires_grad:
            groups[parameter in factors, factors.get(parameter, 1.0)].append(parameter)
    return [
        {"params": parameters, "lr": factor * config.learning_rate, "first_rate": factor * config.learning_rate}
        for (_, factor), parameters in groups.items()
    ]
