"""Adam, with a learning rate of their own for the angles of circuits."""

from collections import defaultdict

import torch
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer
from qdiffusion.training.experiment import AdamConfig


def make_adam(model: nn.Module, config: AdamConfig) -> torch.optim.Optimizer:
    """Adam on all parameters, grouped by learning rate: `learning_rate`, times `circuit_rate` for the angles of every
    `QuantumLayer`, or times the `rate` of a layer that has one.
    """
    factors = {
        layer.weights: config.circuit_rate if layer.rate is None else layer.rate
        for layer in model.modules()
        if isinstance(layer, QuantumLayer)
    }
    groups: dict[float, list[Tensor]] = defaultdict(list)
    for parameter in model.parameters():
        groups[factors.get(parameter, 1.0)].append(parameter)
    return torch.optim.Adam(
        [{"params": parameters, "lr": factor * config.learning_rate} for factor, parameters in groups.items()],
        betas=config.betas,
        fused=True,
    )
