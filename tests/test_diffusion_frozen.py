"""Frozen networks say what they said before."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, angle_encoding, fqconv, hqconv, pauli_z
from qdiffusion.circuits.angles.composition import Products
from qdiffusion.circuits.trees.states.clusters import RunMatrices
from qdiffusion.data import Space
from qdiffusion.diffusion.frozen import frozen
from qdiffusion.models import QVUNetConfig, UNetConfig
from qdiffusion.models.blocks import WeightStandardisedConv2d

SMALL = {"dim": 4, "multipliers": (1, 2), "heads": 2, "head_dim": 4, "groups": 2}


def images(count: int, size: int = 8) -> Tensor:
    return torch.randn(count, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "config",
    [
        UNetConfig(**SMALL),
        QVUNetConfig(**SMALL, ansatz="hqconv"),
        QVUNetConfig(**SMALL, ansatz="fqconv", circuits="full"),
    ],
)
@torch.no_grad()
def test_a_frozen_network_says_the_same(config: UNetConfig) -> None:
    torch.manual_seed(0)
    network = config.build(Space("images", (1, 8, 8))).double().eval()
    fixed = frozen(network)
    # Batches of several sizes: circuits choose their way by the number of samples.
    for count in (1, 3, 3, 40):
        x, t = images(count), torch.arange(count)
        torch.testing.assert_close(fixed(x, t)[0], network(x, t)[0], rtol=0, atol=1e-12)
    kinds = {type(part) for part in fixed.modules()}
    assert WeightStandardisedConv2d not in kinds
    assert WeightStandardisedConv2d in {type(part) for part in network.modules()}


def test_freezing_draws_no_chance_and_copies_no_weights() -> None:
    network = UNetConfig(**SMALL).build(Space("images", (1, 8, 8)))
    state, weights = torch.get_rng_state(), {parameter.data_ptr() for parameter in network.parameters()}
    fixed = frozen(network)
    assert torch.equal(torch.get_rng_state(), state)
    shared = {parameter.data_ptr() for parameter in fixed.parameters()} & weights
    n_convs = sum(isinstance(part, WeightStandardisedConv2d) for part in network.modules())
    assert len(shared) == len(weights) - n_convs


@pytest.mark.parametrize("ansatz", [hqconv, fqconv])
@torch.no_grad()
def test_the_matrices_of_a_frozen_layer_are_built_once(
    ansatz: Callable[[int], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = QuantumLayer(angle_encoding(12, axis="x") >> ansatz(1), pauli_z("each"), n_circuits=2).double()
    other = torch.rand(2, layer.circuit.n_weights, dtype=torch.float64)
    x = torch.rand(5, 2, 12, dtype=torch.float64)
    fixed = frozen(layer)
    built: list[type] = []
    for kind in (Products, RunMatrices):
        monkeypatch.setattr(kind, "__call__", _counted(kind.__call__, built))
    first = fixed(x)
    assert built
    built.clear()
    assert torch.equal(fixed(x), first)
    assert not built
    torch.testing.assert_close(first, layer(x), rtol=0, atol=1e-13)
    assert built
    # Weights that are given are not the layer's own.
    torch.testing.assert_close(fixed(x, other), layer(x, other), rtol=0, atol=1e-13)
    assert (fixed(x, other) - first).abs().max() > 1e-3


def _counted(call: Callable[..., Tensor], built: list[type]) -> Callable[..., Tensor]:
    def counted(self: object, *args: Tensor) -> Tensor:
        built.append(type(self))
        return call(self, *args)

    return counted


def test_parts_are_replaced_wherever_they_stand() -> None:
    class Doubled(nn.Module):
        def frozen(self) -> nn.Module:
            return nn.Identity()

    nested = nn.Sequential(nn.ModuleDict({"a": Doubled()}), nn.ReLU())
    assert isinstance(frozen(nested)[0]["a"], nn.Identity)
    assert isinstance(nested[0]["a"], Doubled)
