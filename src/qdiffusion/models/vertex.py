"""The vertex of the QVU-Net: which channels go through which circuits (De Falco et al. 2024, section 3.1).

A new ansatz is one function that returns a circuit, and one line in `ANSAETZE`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, QuantumLayer, angle_encoding, basic_entangling, fqconv, hqconv, pauli_z
from qdiffusion.circuits.ansatze import Direction
from qdiffusion.errors import UsageError
from qdiffusion.models.blocks import ResBlock, standardised_conv
from qdiffusion.models.variants import Deviations

CHANNELS_PER_CIRCUIT = 3
MOST_LAYERED_CHANNELS = 1000
"""Layers times channels of one circuit, about a tenth of its angles; planning more takes hours."""
BASIC_LAYERS = 4
"""The paper says 3, but its own parameter counts need 4."""


@dataclass(frozen=True)
class AnsatzRequest:
    """What a vertex asks of an ansatz on 4 · n_channels wires, wire = 4 · channel + pixel."""

    n_channels: int
    n_layers: int
    direction: Direction
    deviations: Deviations


def _hqconv(request: AnsatzRequest) -> Circuit:
    return hqconv(request.n_layers, request.direction, not request.deviations.block_a_skipped, request.n_channels)


def _fqconv(request: AnsatzRequest) -> Circuit:
    if request.n_channels != CHANNELS_PER_CIRCUIT:
        raise UsageError(f"fqconv joins {CHANNELS_PER_CIRCUIT} channels, not {request.n_channels}; choose hqconv.")
    return fqconv(request.n_layers, request.direction)


ANSAETZE: dict[str, Callable[[AnsatzRequest], Circuit]] = {"hqconv": _hqconv, "fqconv": _fqconv}


def ansatz(name: str, request: AnsatzRequest) -> Circuit:
    """The trainable part of the vertex's circuits.

    Raises:
        UsageError: there is none of that name, or it does not take so many channels or layers.
    """
    if name not in ANSAETZE:
        raise UsageError(f"There is no ansatz {name!r} for the vertex; choose {' or '.join(ANSAETZE)}.")
    if request.n_layers * request.n_channels > MOST_LAYERED_CHANNELS:
        raise UsageError(
            f"{request.n_layers} layers over {request.n_channels} channels are more than can be planned; "
            f"give at most {max(1, MOST_LAYERED_CHANNELS // request.n_channels)}, or narrower levels."
        )
    return ANSAETZE[name](request)


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


@dataclass(frozen=True)
class Layout:
    """How the vertex's channels are divided: the first among circuits, the others go through `make_rest`'s map.

    Attributes:
        channels: of each circuit.
        make_rest: from the number of the other channels.
        has_conv: whether the block is partly classical, as the program's is with a counted number of circuits.
    """

    channels: int
    n_circuits: int
    make_rest: Callable[[int, Deviations], nn.Module]
    has_conv: bool

    @property
    def head_channels(self) -> int:
        return self.channels * self.n_circuits


def layout(circuits: int | str, width: int) -> Layout:
    """The layout of `width` channels for a number of circuits, "full" or "joint".

    Raises:
        UsageError: there is no such layout, or there are more circuits than channels for them.
    """
    most = width // CHANNELS_PER_CIRCUIT
    named = {
        "full": Layout(CHANNELS_PER_CIRCUIT, most, _basic_circuits, has_conv=False),
        "joint": Layout(width, 1, _basic_circuits, has_conv=False),
    }
    if isinstance(circuits, str) and circuits in named:
        return named[circuits]
    if not isinstance(circuits, int) or not 1 <= circuits <= most:
        raise UsageError(
            f"The vertex got {circuits!r} circuits of 3 channels each, and has {width} channels;"
            f' give 1 to {most}, "full" or "joint".'
        )
    return Layout(CHANNELS_PER_CIRCUIT, circuits, _square_conv, has_conv=True)


class QResBlock(ResBlock):
    """The residual block of the vertex with circuits in both spatial maps (De Falco et al. 2024, figure 4).

    forward: as `ResBlock`, width to width.

    Args:
        circuit: encoding and ansatz on the wires of one circuit's channels.
        layout: which channels go through the circuits.
        deviations: how the block departs from the paper.
    """

    first: ChannelSplit
    second: ChannelSplit

    def __init__(
        self, width: int, time_dim: int, groups: int, circuit: Circuit, layout: Layout, deviations: Deviations
    ) -> None:
        def make_map(in_channels: int, out_channels: int) -> ChannelSplit:
            bank = QuantumLayer(circuit, pauli_z("each"), layout.n_circuits)
            head = PatchCircuits(bank, layout.channels, deviations.pixel_major_wires)
            return ChannelSplit(layout.head_channels, head, layout.make_rest(width - layout.head_channels, deviations))

        super().__init__(width, width, time_dim, groups, make_map)
        self.discard_second = deviations.second_pass_discarded and layout.has_conv
        self.share_rest = deviations.basic_circuit_shared and isinstance(self.first.rest, PatchCircuits)

    def second_map(self, hidden: Float[Tensor, "n c h w"], first: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        split = [self.second.head_channels]
        head, rest = hidden.tensor_split(split, dim=1)
        head = first.tensor_split(split, dim=1)[0] if self.discard_second else self.second.head(head)
        return torch.cat([head, (self.first if self.share_rest else self.second).rest(rest)], dim=1)


def vertex_circuit(name: str, request: AnsatzRequest) -> Circuit:
    """Pixels as RX angles, then the ansatz."""
    return angle_encoding(4 * request.n_channels, axis="x") >> ansatz(name, request)


def _square_conv(channels: int, deviations: Deviations) -> nn.Module:
    return standardised_conv(channels, channels) if channels else nn.Identity()


def _basic_circuits(channels: int, deviations: Deviations) -> nn.Module:
    """A 4-qubit circuit a channel. The program trains their angles in radians, those of all others in turns."""
    if not channels:
        return nn.Identity()
    circuit = angle_encoding(4, axis="x") >> basic_entangling(n_wires=4, n_layers=BASIC_LAYERS)
    span = 1.0 if deviations.basic_circuit_in_radians else 2 * math.pi
    return PatchCircuits(QuantumLayer(circuit, pauli_z("each"), channels, span=span, rate=1.0), channels=1)
