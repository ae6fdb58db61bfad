"""QVU-Net (De Falco et al. 2024, section 3.1): the U-Net whose vertex convolves with quantum circuits.

Of the vertex's channels three at a time go through a 12-qubit circuit, a qubit for each pixel of a 2×2 patch; the rest
keep their convolution. With every channel in circuits, what does not fill a 12-qubit circuit goes through 4-qubit ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from diffusers.configuration_utils import register_to_config
from jaxtyping import Float
from torch import Tensor, nn

from qdiffusion.circuits import (
    Circuit,
    QuantumLayer,
    angle_encoding,
    basic_entangling,
    fqconv,
    hqconv,
    pauli_z,
)
from qdiffusion.errors import UsageError
from qdiffusion.models.blocks import ResBlock, standardised_conv
from qdiffusion.models.unet import UNet, UNetFields, arguments
from qdiffusion.models.variants import Deviations

CHANNELS_PER_CIRCUIT = 3
MOST_LAYERED_CHANNELS = 1000
"""Layers times channels of one circuit, about a tenth of its angles; planning more takes hours."""
BASIC_LAYERS = 4
"""The paper says 3, but its own parameter counts need 4."""


class PatchCircuits(nn.Module):
    """Slides each circuit of a bank over the non-overlapping 2×2 patches of its own channels.

    forward: (N, channels · n_circuits, H, W), H and W even, pixel values as angles in radians
        → the same shape, expectation values in [-1, 1].

    Args:
        bank: circuits of 4 · channels wires, each read out on every wire.
        channels: channels of each circuit.
        pixel_major: wire = channels · pixel + channel, instead of 4 · channel + pixel.
    """

    def __init__(self, bank: QuantumLayer, channels: int, pixel_major: bool = False) -> None:
        super().__init__()
        self.bank = bank
        self.channels = channels
        self.pixel_major = pixel_major

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        batch, width, height, breadth = x.shape
        wires = (2, 2, self.channels) if self.pixel_major else (self.channels, 2, 2)
        patches = x.view(batch, -1, self.channels, height // 2, 2, breadth // 2, 2)
        patches = patches.permute(0, 3, 5, 1, *((4, 6, 2) if self.pixel_major else (2, 4, 6)))
        features = self.bank(patches.flatten(4)).to(x.dtype).unflatten(-1, wires)
        restored = features.permute(0, 3, *((6, 1, 4, 2, 5) if self.pixel_major else (4, 1, 5, 2, 6)))
        return restored.reshape(batch, width, height, breadth)


class ChannelSplit(nn.Module):
    """The first `head_channels` channels through one map, the others through another."""

    def __init__(self, head_channels: int, head: nn.Module, rest: nn.Module) -> None:
        super().__init__()
        self.head_channels = head_channels
        self.head = head
        self.rest = rest

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        head, rest = x.tensor_split([self.head_channels], dim=1)
        return torch.cat([self.head(head), self.rest(rest)], dim=1)


class QResBlock(ResBlock):
    """The residual block of the vertex with circuits in both spatial maps (De Falco et al. 2024, figure 4).

    forward: as `ResBlock`, width to width.

    Args:
        make_map: makes the `ChannelSplit` of each map: its head are circuits, its rest a convolution or circuits.
        deviations: how the second map departs from the paper.
    """

    first: ChannelSplit
    second: ChannelSplit

    def __init__(
        self,
        width: int,
        time_dim: int,
        groups: int,
        make_map: Callable[[int, int], ChannelSplit],
        deviations: Deviations,
    ) -> None:
        super().__init__(width, width, time_dim, groups, make_map)
        self.discard_second = deviations.second_pass_discarded
        self.share_rest = deviations.basic_circuit_shared and isinstance(self.first.rest, PatchCircuits)

    def second_map(self, hidden: Float[Tensor, "n c h w"], first: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        split = [self.second.head_channels]
        head, rest = hidden.tensor_split(split, dim=1)
        head = first.tensor_split(split, dim=1)[0] if self.discard_second else self.second.head(head)
        return torch.cat([head, (self.first if self.share_rest else self.second).rest(rest)], dim=1)


class QVUNet(UNet):
    """The U-Net with quantum circuits in both residual blocks of its vertex.

    Circuit angles start uniform in [0, 2π), all weights as torch's global generator draws them.

    Args:
        sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant: as for `UNet`; the side of the
            vertex must be even.
        circuits: 12-qubit circuits in each of the four maps (two blocks of two), or "full": as many as fit, and a
            4-qubit circuit for every channel that is left; or "joint": one HQConv circuit over all channels, four
            qubits each.
        ansatz: "hqconv" or "fqconv".
        n_layers: repetitions of the ansatz.
        direction: "program" or "formula", see `circuits.hqconv`.

    Raises:
        UsageError: the sizes do not fit each other, or there are more circuits than channels for them.
    """

    vertex_multiple = 2

    @register_to_config
    def __init__(
        self,
        sample_size: int = 28,
        in_channels: int = 1,
        dim: int = 10,
        multipliers: Sequence[int] = (1, 2, 3, 4),
        heads: int = 4,
        head_dim: int = 32,
        groups: int = 10,
        variant: str = "paper",
        circuits: int | Literal["full", "joint"] = 1,
        ansatz: Literal["hqconv", "fqconv"] = "hqconv",
        n_layers: int = 3,
        direction: Literal["program", "formula"] = "program",
    ) -> None:
        super().__init__(sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant)

    def make_vertex_block(self, width: int, time_dim: int) -> QResBlock:
        """A residual block with circuits, as the configuration asks for them."""
        config = self.config
        deviations = Deviations.parse(config.variant)
        channels = width if config.circuits == "joint" else CHANNELS_PER_CIRCUIT
        n_circuits = _count_circuits(config.circuits, width)
        ansatz = _ansatz(config, deviations, channels)
        circuit = angle_encoding(4 * channels, axis="x") >> ansatz
        head_channels = channels * n_circuits
        rest_channels = width - head_channels
        make_rest = _basic_circuits if config.circuits == "full" else _square_conv

        def make_map(in_channels: int, out_channels: int) -> ChannelSplit:
            bank = QuantumLayer(circuit, pauli_z("each"), n_circuits)
            head = PatchCircuits(bank, channels, deviations.pixel_major_wires)
            return ChannelSplit(head_channels, head, make_rest(rest_channels))

        return QResBlock(width, time_dim, config.groups, make_map, deviations)


def _count_circuits(circuits: int | str, width: int) -> int:
    most = width // CHANNELS_PER_CIRCUIT
    if circuits in ("full", "joint"):
        return most if circuits == "full" else 1
    if not isinstance(circuits, int) or not 1 <= circuits <= most:
        raise UsageError(
            f"The vertex got {circuits!r} circuits of 3 channels each, and has {width} channels;"
            f' give 1 to {most}, "full" or "joint".'
        )
    return circuits


def _ansatz(config: Any, deviations: Deviations, n_channels: int) -> Circuit:
    if config.n_layers * n_channels > MOST_LAYERED_CHANNELS:
        raise UsageError(
            f"{config.n_layers} layers over {n_channels} channels are more than can be planned; "
            f"give at most {max(1, MOST_LAYERED_CHANNELS // n_channels)}, or narrower levels."
        )
    if config.ansatz == "hqconv":
        return hqconv(config.n_layers, config.direction, not deviations.block_a_skipped, n_channels)
    if config.ansatz == "fqconv" and n_channels == CHANNELS_PER_CIRCUIT:
        return fqconv(config.n_layers, config.direction)
    joint = n_channels != CHANNELS_PER_CIRCUIT
    raise UsageError(
        f"There is no ansatz {config.ansatz!r} for {'a joint circuit' if joint else 'the vertex'};"
        f" choose hqconv{'' if joint else ' or fqconv'}."
    )


def _square_conv(channels: int) -> nn.Module:
    return standardised_conv(channels, channels) if channels else nn.Identity()


def _basic_circuits(channels: int) -> nn.Module:
    if not channels:
        return nn.Identity()
    circuit = angle_encoding(4, axis="x") >> basic_entangling(n_wires=4, n_layers=BASIC_LAYERS)
    return PatchCircuits(QuantumLayer(circuit, pauli_z("each"), channels), channels=1)


@dataclass(frozen=True)
class QVUNetConfig(UNetFields):
    """A U-Net with quantum circuits at its vertex."""

    kind: Literal["qvunet"] = "qvunet"
    """Names this architecture in a saved experiment."""
    circuits: int | Literal["full", "joint"] = 1
    """12-qubit circuits in each of the vertex's four maps, three channels each; "full" leaves no convolution, "joint"
    is one HQConv circuit over all channels."""
    ansatz: Literal["hqconv", "fqconv"] = "hqconv"
    """The trainable part of the circuits."""
    n_layers: int = 3
    """Repetitions of the ansatz."""
    direction: Literal["program", "formula"] = "program"
    """Which wire of a pair controls: as in the released program, or as the paper prints it."""

    def build(self, channels: int, size: int) -> QVUNet:
        """The network for images (channels, size, size); raises what `QVUNet` raises."""
        return QVUNet(sample_size=size, in_channels=channels, **arguments(self))
