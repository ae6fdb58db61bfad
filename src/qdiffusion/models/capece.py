"""The U-Net of Capece 2025, a wider PyTorch version of De Falco et al. 2024: 6,884,273 parameters without circuits.

    image ─ 3×3 conv ─ level ─ level ─ level ─ vertex ─ level ─ level ─ level ─ norm, SiLU, 3×3 conv ─ noise
                  └────│───────│───────│─── skips ──────│───────│───────┘

A level of the encoder is two units, each a residual block and attention, then the way down; one of the decoder the way
up, then two units with the level's own input beside what came up. The vertex is a block, attention, a block.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int64, Real
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, angle_encoding, fqconv, hqconv
from qdiffusion.circuits.ansatze import Direction
from qdiffusion.errors import UsageError
from qdiffusion.models.controls import NO_CIRCUITS, make_bank
from qdiffusion.models.embedding import sinusoids
from qdiffusion.models.inputs import check_images, refuse_labels
from qdiffusion.models.output import output
from qdiffusion.models.patches import PatchCircuits, split_channels
from qdiffusion.models.sizes import check_image_size, level_sizes
from qdiffusion.models.variants import CapeceDeviations

CHANNELS_PER_CIRCUIT = 3
LAST_WIDTH = 16
"""Channels that the decoder ends with."""
UNITS = 2
"""Residual blocks, and attentions, in a level."""


class Block(nn.Module):
    """Two convolutions, each behind a norm, with the noise level added between them, and a residual.

    h = conv(SiLU(norm(x))) + time(t);  y = conv(SiLU(norm(h))) + residual(x)

    forward: x (N, in_channels, H, W), time (N, time_dim) → (N, out_channels, H, W).

    Args:
        taken: leading channels that a circuit maps: in place of the first convolution, which neither reads nor makes
            them, or `before` the norm.
    """

    def __init__(
        self, in_channels: int, out_channels: int, time_dim: int, groups: int, taken: int = 0, before: bool = False
    ) -> None:
        super().__init__()
        self.taken, self.before = taken, before
        spared = 0 if before else taken
        self.first_norm = nn.GroupNorm(groups, in_channels)
        self.first = nn.Conv2d(in_channels - spared, out_channels - spared, 3, padding=1)
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, out_channels))
        self.second_norm = nn.GroupNorm(groups, out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.residual = nn.Conv2d(in_channels, out_channels, 1)

    def forward(
        self, x: Float[Tensor, "n c h w"], time: Float[Tensor, "n features"], circuit: nn.Module | None = None
    ) -> Float[Tensor, "n d h w"]:
        """`circuit` maps the channels that are taken."""
        before, instead = (circuit, None) if self.before else (None, circuit)
        read = x if before is None else split_channels(x, self.taken, before, nn.Identity())
        normed = nn.functional.silu(self.first_norm(read))
        hidden = self.first(normed) if instead is None else split_channels(normed, self.taken, instead, self.first)
        hidden = hidden + self.time(time)[:, :, None, None]
        return self.second(nn.functional.silu(self.second_norm(hidden))) + self.residual(x)


class Attention(nn.Module):
    """Multi-head attention between all positions, behind a norm, with a residual."""

    def __init__(self, channels: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        positions = self.norm(x).flatten(2).mT
        attended, _ = self.attention(positions, positions, positions, need_weights=False)
        return x + attended.mT.view_as(x)


class Units(nn.Module):
    """Blocks and attentions in turn."""

    def __init__(self, in_channels: int, out_channels: int, time_dim: int, heads: int, groups: int) -> None:
        super().__init__()
        widths = [in_channels] + UNITS * [out_channels]
        self.blocks = nn.ModuleList(Block(*step, time_dim, groups) for step in pairwise(widths))
        self.attentions = nn.ModuleList(Attention(out_channels, heads, groups) for _ in range(UNITS))

    def forward(self, x: Float[Tensor, "n c h w"], time: Float[Tensor, "n features"]) -> Float[Tensor, "n d h w"]:
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x, time))
        return x


class SharedCircuit(nn.Module):
    """One circuit for every group of channels: (*batch, groups, wires) → the same shape."""

    def __init__(self, bank: nn.Module) -> None:
        super().__init__()
        self.bank = bank

    def forward(self, x: Float[Tensor, "*batch groups wires"]) -> Float[Tensor, "*batch groups wires"]:
        return self.bank(x[..., None, :])[..., 0, :]


class Vertex(nn.Module):
    """Block, attention, block; leading channels of each block's input go through one circuit, all through the same."""

    def __init__(
        self,
        widths: tuple[int, int],
        time_dim: int,
        heads: int,
        groups: int,
        circuit: nn.Module | None,
        share: float,
        before: bool,
    ) -> None:
        super().__init__()
        self.circuit = circuit
        taken = [0 if circuit is None else _taken(width, share) for width in widths]
        if not before and taken[0] >= widths[1]:
            raise UsageError(
                f"A share of {share:g} puts {taken[0]} of the vertex's {widths[0]} channels in circuits, and its first "
                f"convolution has to make {widths[1]} with one left to it; give a smaller share, or the variant "
                "circuits_before_convs."
            )
        self.first = Block(widths[0], widths[1], time_dim, groups, taken[0], before)
        self.attention = Attention(widths[1], heads, groups)
        self.second = Block(widths[1], widths[1], time_dim, groups, taken[1], before)

    def forward(self, x: Float[Tensor, "n c h w"], time: Float[Tensor, "n features"]) -> Float[Tensor, "n d h w"]:
        return self.second(self.attention(self.first(x, time, self.circuit)), time, self.circuit)


class CapeceNetwork(nn.Module):
    """Predicts the noise in noisy images: the layers of `CapeceUNet`, in torch alone.

    Weights start as torch's own initialisation draws them, from torch's global generator.

    Args:
        sample_size: side of the images in pixels; each level's is half of the one before, (n - 3) / 2 for odd n.
        in_channels: channels of the images.
        widths: channels after the first convolution and after each level; the last is the vertex's.
        time_dim: features of the time embedding; even.
        heads: attention heads; divides every width, and 16.
        groups: groups of the group normalisation; the same.
        variant: "paper", "released", or deviations by name (`CapeceDeviations.parse`).
        ansatz: "none" for the classical network, "hqconv" or "fqconv".
        n_layers: repetitions of the ansatz.
        direction: "program" or "formula", see `circuits.hqconv`.
        share: of the vertex's channels that go through the circuit, three at a time.
        control: what stands for the circuit, see `controls.make_bank`.

    Raises:
        UsageError: the sizes do not fit each other, the share of channels is below one circuit's or leaves none to a
            convolution, or a control was asked for where there is no circuit.

    Source: Capece 2025, section 4.1 and figure 8, and its public code.
    """

    levels = 1
    n_classes = 0

    def __init__(
        self,
        sample_size: int,
        in_channels: int,
        widths: Sequence[int],
        time_dim: int,
        heads: int,
        groups: int,
        variant: str,
        ansatz: str,
        n_layers: int,
        direction: Direction,
        share: float,
        control: str,
    ) -> None:
        super().__init__()
        _check(widths, time_dim, heads, groups)
        check_image_size(sample_size, len(widths), vertex_multiple=1 if ansatz == "none" else 2)
        if ansatz == "none" and control != "none":
            raise UsageError(NO_CIRCUITS.format(control))
        deviations = CapeceDeviations.parse(variant)
        self.time_dim = time_dim
        self._image_shape = (in_channels, sample_size, sample_size)
        sizes, shared = level_sizes(sample_size, len(widths)), (time_dim, heads, groups)

        self.time = nn.Sequential(nn.Linear(time_dim, time_dim), nn.SiLU(), nn.Linear(time_dim, time_dim))
        self.conv_in = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(Units(*step, *shared) for step in pairwise(widths))
        self.ways_down = nn.ModuleList(
            nn.Conv2d(width, width, 4, stride=2, padding=_padding(size))
            for width, size in zip(widths[1:], sizes[:-1], strict=True)
        )
        circuit = None if ansatz == "none" else _circuit(ansatz, n_layers, direction, control, deviations)
        self.vertex = Vertex((widths[-1], widths[-2]), *shared, circuit, share, deviations.circuits_before_convs)
        if circuit is None and deviations.idle_circuit:
            self.idle_circuit = _circuit("fqconv", n_layers, direction, "none", deviations)
        ends = [LAST_WIDTH, *widths[:-2]]
        self.decoder = nn.ModuleList(
            Units(2 * width, end, *shared) for width, end in reversed(list(zip(widths[:-1], ends, strict=True)))
        )
        self.ways_up = nn.ModuleList(
            nn.ConvTranspose2d(width, width, 4 if size % 2 == 0 else 5, stride=2, padding=_padding(size))
            for width, size in reversed(list(zip(widths[:-1], sizes[:-1], strict=True)))
        )
        self.norm_out = nn.GroupNorm(groups, LAST_WIDTH)
        self.conv_out = nn.Conv2d(LAST_WIDTH, in_channels, 3, padding=1)

    def forward(
        self,
        sample: Float[Tensor, "n c h w"],
        timestep: Real[Tensor, "..."] | int | float,
        class_labels: Int64[Tensor, " n"] | None = None,
        return_dict: bool = True,
    ) -> Any | tuple[Float[Tensor, "n c h w"]]:
        """The noise in each image.

        Args:
            sample: (N, in_channels, sample_size, sample_size) noisy images.
            timestep: noise level 0 … T-1, or between levels, one for all or (N,).
            class_labels: None; the network is unconditional.
            return_dict: give a `UNet2DOutput` rather than a tuple.

        Returns:
            (N, in_channels, sample_size, sample_size), as `.sample` or as the only element.

        Raises:
            UsageError: images of another shape, or labels.
        """
        check_images(sample, self._image_shape)
        refuse_labels(class_labels)
        t = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        time = self.time(sinusoids(t, self.time_dim, last=self.time_dim // 2).to(self.conv_in.weight.dtype))
        x = self.conv_in(sample)
        skips = []
        for level, down in zip(self.encoder, self.ways_down, strict=True):
            skips.append(x)
            x = down(level(x, time))
        x = self.vertex(x, time)
        for level, up in zip(self.decoder, self.ways_up, strict=True):
            x = level(torch.cat([up(x), skips.pop()], dim=1), time)
        return output(self.conv_out(nn.functional.silu(self.norm_out(x))), return_dict)


def _circuit(
    ansatz: str, n_layers: int, direction: Direction, control: str, deviations: CapeceDeviations
) -> PatchCircuits:
    if ansatz not in ("hqconv", "fqconv"):
        raise UsageError(f"There is no ansatz {ansatz!r} for this vertex; choose none, hqconv or fqconv.")
    if ansatz == "hqconv":
        trained = hqconv(n_layers, direction)
    else:
        trained = fqconv(n_layers, direction, deviations.alternating_fqconv)
    bank = make_bank(angle_encoding(4 * CHANNELS_PER_CIRCUIT, axis="x") >> trained, 1, control)
    if deviations.wide_angles and isinstance(bank, QuantumLayer):
        nn.init.normal_(bank.weights, std=math.pi)
    return PatchCircuits(SharedCircuit(bank), CHANNELS_PER_CIRCUIT)


def _taken(width: int, share: float) -> int:
    """Channels that go through the circuit: whole circuits within the share."""
    if not CHANNELS_PER_CIRCUIT <= share * width <= width:
        least = math.ceil(1000 * CHANNELS_PER_CIRCUIT / width) / 1000
        raise UsageError(
            f"A share of {share:g} of {width} channels was asked for, in circuits of {CHANNELS_PER_CIRCUIT}; give"
            f" {least:g} to 1."
        )
    return int(share * width) // CHANNELS_PER_CIRCUIT * CHANNELS_PER_CIRCUIT


def _padding(size: int) -> int:
    """Of the way down from a side, and back up to it."""
    return 1 if size % 2 == 0 else 0


def _check(widths: Sequence[int], time_dim: int, heads: int, groups: int) -> None:
    if len(widths) < 2 or min(widths) < 1:
        raise UsageError("The U-Net's widths must be two or more positive whole numbers, such as 32 64 128 256.")
    if time_dim < 2 or time_dim % 2:
        raise UsageError(f"The time embedding has {time_dim} features; give an even number of at least 2.")
    if min(heads, groups) < 1 or any(width % number for width in (*widths, LAST_WIDTH) for number in (heads, groups)):
        raise UsageError(
            f"{heads} heads and {groups} groups do not both divide every width of the U-Net "
            f"({', '.join(map(str, widths))}, and {LAST_WIDTH} at its end)."
        )
