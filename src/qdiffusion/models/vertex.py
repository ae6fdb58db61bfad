"""Residual blocks with circuits: which channels go through which (De Falco et al. 2024, sections 3.1 and 3.2).

A new ansatz is one function that returns a circuit, and one line in `ANSAETZE`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, angle_encoding, basic_entangling, fqconv, hqconv
from qdiffusion.circuits.ansatze import Direction
from qdiffusion.errors import UsageError
from qdiffusion.models.blocks import ResBlock, standardised_conv
from qdiffusion.models.controls import make_bank
from qdiffusion.models.patches import SIDE, PatchCircuits, split_channels
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


class ChannelSplit(nn.Module):
    """The first `head_channels` channels through one map, the others through another."""

    def __init__(self, head_channels: int, head: nn.Module, rest: nn.Module) -> None:
        super().__init__()
        self.head_channels = head_channels
        self.head = head
        self.rest = rest

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        return split_channels(x, self.head_channels, self.head, self.rest)


@dataclass(frozen=True)
class Layout:
    """How a block's channels are divided: the first among circuits, the others go through a map of another kind.

    Attributes:
        channels: of each circuit.
        has_conv: whether the others are convolved; else each goes through a 4-qubit circuit.
    """

    channels: int
    n_circuits: int
    has_conv: bool

    @property
    def head_channels(self) -> int:
        return self.channels * self.n_circuits


def layout(circuits: int | str, width: int) -> Layout:
    """The layout of the vertex's `width` channels for a number of circuits, "full" or "joint".

    Raises:
        UsageError: there is no such layout, or there are more circuits than channels for them.
    """
    most = width // CHANNELS_PER_CIRCUIT
    named = {
        "full": Layout(CHANNELS_PER_CIRCUIT, most, has_conv=False),
        "joint": Layout(width, 1, has_conv=False),
    }
    if isinstance(circuits, str) and circuits in named:
        return named[circuits]
    if not isinstance(circuits, int) or not 1 <= circuits <= most:
        raise UsageError(
            f"The vertex got {circuits!r} circuits of 3 channels each, and has {width} channels;"
            f' give 0 to {most}, "full" or "joint".'
        )
    return Layout(CHANNELS_PER_CIRCUIT, circuits, has_conv=True)


SecondReads = Literal["hidden", "input", "first"]
"""What the circuits of a block's second map are given: the hidden features, as in the paper; the block's input; or
nothing, and what the first map's circuits gave is used again."""


@dataclass(frozen=True)
class Circuits:
    """The circuits of a block.

    Attributes:
        circuit: encoding and ansatz on the wires of one circuit's channels.
        layout: which channels go through the circuits.
        deviations: how the block departs from the paper.
        control: what stands for the circuits, see `controls.make_bank`.
        stride: pixels from one patch to the next.
        second_reads: see `SecondReads`.
    """

    circuit: Circuit
    layout: Layout
    deviations: Deviations
    control: str
    stride: int = SIDE
    second_reads: SecondReads = "hidden"

    def map(self, in_channels: int, out_channels: int) -> ChannelSplit:
        """A spatial map with circuits; the rest of `in_channels` becomes the rest of `out_channels`."""
        bank = make_bank(self.circuit, self.layout.n_circuits, self.control)
        head = PatchCircuits(bank, self.layout.channels, self.deviations.pixel_major_wires, self.stride)
        taken = self.layout.head_channels
        return ChannelSplit(taken, head, self._rest(in_channels - taken, out_channels - taken))

    def _rest(self, in_channels: int, out_channels: int) -> nn.Module:
        if not in_channels:
            return nn.Identity()
        if self.layout.has_conv:
            return standardised_conv(in_channels, out_channels)
        # The program trains these angles in radians, those of all others in turns.
        circuit = angle_encoding(4, axis="x") >> basic_entangling(n_wires=4, n_layers=BASIC_LAYERS)
        span = 1.0 if self.deviations.basic_circuit_in_radians else 2 * math.pi
        return PatchCircuits(make_bank(circuit, in_channels, self.control, span=span, rate=1.0), channels=1)


class QResBlock(ResBlock):
    """The residual block with circuits in both spatial maps (De Falco et al. 2024, figures 4 and 8).

    forward: as `ResBlock`.
    """

    first: ChannelSplit
    second: ChannelSplit

    def __init__(self, in_channels: int, out_channels: int, time_dim: int, groups: int, circuits: Circuits) -> None:
        super().__init__(in_channels, out_channels, time_dim, groups, circuits.map)
        self.second_reads = circuits.second_reads
        self.share_rest = circuits.deviations.basic_circuit_shared and isinstance(self.first.rest, PatchCircuits)

    def second_map(
        self, hidden: Float[Tensor, "n c h w"], x: Float[Tensor, "n d h w"], first: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n c h w"]:
        taken = self.second.head_channels
        rest = (self.first if self.share_rest else self.second).rest(hidden[:, taken:])
        if self.second_reads == "first":
            return torch.cat([first[:, :taken], rest], dim=1)
        read = hidden if self.second_reads == "hidden" else x
        return torch.cat([self.second.head(read[:, :taken]), rest], dim=1)


def vertex_circuit(name: str, request: AnsatzRequest) -> Circuit:
    """Pixels as RX angles, then the ansatz."""
    trained = ansatz(name, request)  # first: it refuses what is too large
    return angle_encoding(4 * request.n_channels, axis="x") >> trained
