"""Circuit angles learn as fast as the published program's, which trains θ of angles 2πθ."""

import math

import torch
from torch import nn

from qdiffusion.circuits import QuantumLayer, angle_encoding, basic_entangling
from qdiffusion.models import QVUNetConfig
from qdiffusion.training.experiment import AdamConfig
from qdiffusion.training.optimiser import make_adam
from qdiffusion.training.presets import PRESETS


def test_a_rate_of_two_pi_is_adam_on_turns():
    """Ten steps on radians with circuit_rate 2π, and ten of Adam on θ with the angles 2πθ, end in the same angles."""
    circuit = angle_encoding(2, axis="x") >> basic_entangling(2, 2)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 1, 2, dtype=torch.float64, generator=generator)
    layer = QuantumLayer(circuit, generator=generator).double()
    turns = nn.Parameter(layer.weights.detach() / (2 * math.pi))
    ours = make_adam(layer, AdamConfig(learning_rate=1e-3, betas=(0.9, 0.99), circuit_rate=2 * math.pi))
    theirs = torch.optim.Adam([turns], lr=1e-3, betas=(0.9, 0.99))
    for _ in range(10):
        for optimiser, value in ((ours, layer(x)), (theirs, layer(x, 2 * math.pi * turns))):
            optimiser.zero_grad()
            (value - 1).square().sum().backward()
            optimiser.step()
    assert (layer.weights - 2 * math.pi * turns).abs().max() < 1e-6


def test_every_parameter_has_one_rate():
    """Of a full vertex: the 12-qubit circuits' angles 2π, the 4-qubit ones' 1, as everything classical."""
    model = QVUNetConfig(circuits="full").build(1, 28)
    optimiser = make_adam(model, PRESETS["qvunet-full-hq"].build().stages[0].optimiser)
    rates = {parameter: group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    assert sum(len(group["params"]) for group in optimiser.param_groups) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        assert rates[parameter] == 1e-3 * (2 * math.pi if name.endswith("head.bank.weights") else 1)
