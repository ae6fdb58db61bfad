"""The classical U-Net of De Falco et al. 2024, section 3: 483,321 parameters for 28×28 grey images.

    image ─ 7×7 conv ─ levels ─ … ─ levels ─ vertex ─ levels ─ … ─ levels ─ ResBlock ─ 1×1 conv ─ noise
               │          └───────────┴────── skips ──────┴──────────┘         │
               └────────────────────────────── skip ───────────────────────────┘

A level of the encoder is ResBlock, skip, ResBlock, linear attention, skip, and a convolution to the next width and
size; one of the decoder takes two skips in.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64, Real
from torch import Tensor, nn

from qdiffusion.errors import UsageError
from qdiffusion.models.blocks import (
    LinearAttention,
    ResBlock,
    Upsample,
    VertexAttention,
    downsample,
)
from qdiffusion.models.embedding import TimeEmbedding
from qdiffusion.models.inputs import check_images
from qdiffusion.models.output import output
from qdiffusion.models.sizes import check_image_size, level_sizes
from qdiffusion.models.variants import Deviations


@dataclass(frozen=True)
class Place:
    """Where in the U-Net a residual block stands."""

    part: Literal["encoder", "vertex", "decoder"]
    level: int
    """0 is the images' own size, and each further level about half of the one before."""
    side: int
    """Of the feature maps, in pixels."""
    time_dim: int
    """Features of the time embedding."""


MakeBlock = Callable[[int, int], ResBlock]
"""(in_channels, out_channels) → block."""


class EncoderLevel(nn.Module):
    """ResBlock, ResBlock, attention, then the way down; returns its output and its two skips."""

    def __init__(self, width: int, down: nn.Conv2d, make_block: MakeBlock, heads: int, head_dim: int) -> None:
        super().__init__()
        self.first = make_block(width, width)
        self.second = make_block(width, width)
        self.attention = LinearAttention(width, heads, head_dim)
        self.down = down

    def forward(
        self, x: Float[Tensor, "n c h w"], time: Float[Tensor, "n features"]
    ) -> tuple[Float[Tensor, "n d down down"], list[Float[Tensor, "n c h w"]]]:
        first = self.first(x, time)
        second = self.attention(self.second(first, time))
        return self.down(second), [first, second]


class DecoderLevel(nn.Module):
    """ResBlock, ResBlock, attention, each ResBlock with a skip of the encoder beside its input."""

    def __init__(self, width: int, skip: int, make_block: MakeBlock, heads: int, head_dim: int) -> None:
        super().__init__()
        self.first = make_block(width + skip, width)
        self.second = make_block(width + skip, width)
        self.attention = LinearAttention(width, heads, head_dim)

    def forward(
        self, x: Float[Tensor, "n c h w"], skips: list[Float[Tensor, "n d h w"]], time: Float[Tensor, "n features"]
    ) -> Float[Tensor, "n e h w"]:
        first_skip, second_skip = skips
        x = self.first(torch.cat([x, second_skip], dim=1), time)
        return self.attention(self.second(torch.cat([x, first_skip], dim=1), time))


class UNetwork(nn.Module):
    """Predicts the noise in noisy images: the layers of `UNet`, in torch alone.

    Weights start as torch's own initialisation draws them, from torch's global generator.

    Args:
        sample_size: side of the images in pixels; see `sizes` for the sizes of the levels.
        in_channels: channels of the images.
        dim: width of the first level; even, at least 4.
        multipliers: width of the end of each level, in units of dim; the last is the vertex's.
        heads: attention heads.
        head_dim: features of each head.
        groups: groups of the group normalisation; divides every width.
        variant: "paper", "released", or deviations by name (`Deviations.parse`).
        make_block: makes each residual block between the first and the last convolution, (place, in_channels,
            out_channels) → block; hybrids make another kind at some places.
        vertex_multiple: what the side of the vertex must be a multiple of, in pixels.
        n_classes: classes of the labels that the noise is predicted for; 0 is unconditional.

    Raises:
        UsageError: the sizes do not fit each other; the sentence says which would.
    """

    levels = 1
    null_label = True

    def __init__(
        self,
        sample_size: int,
        in_channels: int,
        dim: int,
        multipliers: Sequence[int],
        heads: int,
        head_dim: int,
        groups: int,
        variant: str,
        make_block: Callable[[Place, int, int], ResBlock] | None = None,
        vertex_multiple: int = 1,
        n_classes: int = 0,
    ) -> None:
        super().__init__()
        deviations = Deviations.parse(variant)
        widths = [dim, *(dim * multiplier for multiplier in multipliers)]
        _check_widths(dim, widths, heads, head_dim, groups)
        check_image_size(sample_size, len(multipliers), vertex_multiple)
        time_dim, vertex, last = 4 * dim, widths[-1], len(multipliers) - 1
        sizes = level_sizes(sample_size, len(multipliers))
        make = make_block or (lambda place, wide, narrow: ResBlock(wide, narrow, place.time_dim, groups))

        def at(part: Literal["encoder", "vertex", "decoder"], level: int) -> MakeBlock:
            return partial(make, Place(part, level, sizes[level], time_dim))

        self.n_classes = n_classes
        self._image_shape = (in_channels, sample_size, sample_size)

        self.time_embedding = TimeEmbedding(dim, n_classes)
        self.conv_in = nn.Conv2d(in_channels, dim, 7, padding=3)
        *steps_down, to_vertex = pairwise(widths)
        ways_down = [downsample(*step, size) for step, size in zip(steps_down, sizes[:-1], strict=True)]
        ways_down.append(nn.Conv2d(*to_vertex, 3, padding=1))
        self.encoder = nn.ModuleList(
            EncoderLevel(width, down, at("encoder", level), heads, head_dim)
            for level, (width, down) in enumerate(zip(widths[:-1], ways_down, strict=True))
        )
        self.vertex_in = at("vertex", last)(vertex, vertex)
        self.vertex_attention = VertexAttention(vertex, heads, head_dim, deviations.attention_over_positions)
        self.vertex_out = at("vertex", last)(vertex, vertex)
        self.decoder = nn.ModuleList(
            DecoderLevel(width, skip, at("decoder", level), heads, head_dim)
            for level, (skip, width) in reversed(list(enumerate(pairwise(widths))))
        )
        self.ways_up = nn.ModuleList(
            Upsample(width, narrower) for narrower, width in reversed(list(pairwise(widths[1:])))
        )
        self.conv_up = nn.Conv2d(widths[1], dim, 3, padding=1)
        self.last = ResBlock(2 * dim, dim, time_dim, groups)
        self.conv_out = nn.Conv2d(dim, in_channels, 1)

    def forward(
        self,
        sample: Float[Tensor, "n c h w"],
        timestep: Real[Tensor, "..."] | int | float,
        class_labels: Int64[Tensor, " n"] | None = None,
        return_dict: bool = True,
    ) -> Any | tuple[Float[Tensor, "n c h w"]]:
        """The noise in each image.

        Args:
            sample: (N, in_channels, sample_size, sample_size) noisy images, about unit variance.
            timestep: noise level 0 … T-1, or between levels, one for all or (N,).
            class_labels: (N,) in 0 … n_classes - 1, and n_classes for no label; None gives none to any. An
                unconditional model takes none.
            return_dict: give a `UNet2DOutput` rather than a tuple.

        Returns:
            (N, in_channels, sample_size, sample_size), as `.sample` or as the only element.

        Raises:
            UsageError: images of another shape, or labels that the model does not know.
        """
        check_images(sample, self._image_shape)
        t = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        return output(self._predict(sample, self.time_embedding(t, class_labels)), return_dict)

    def _predict(self, sample: Float[Tensor, "n c h w"], time: Float[Tensor, "n features"]) -> Float[Tensor, "n c h w"]:
        x = stem = self.conv_in(sample)
        skips = []
        for level in self.encoder:
            x, level_skips = level(x, time)
            skips.append(level_skips)
        x = self.vertex_out(self.vertex_attention(self.vertex_in(x, time)), time)
        for i, level in enumerate(self.decoder):
            x = level(x, skips.pop(), time)
            if skips:
                x = self.ways_up[i](x, size=skips[-1][0].shape[-1])
        x = self.last(torch.cat([self.conv_up(x), stem], dim=1), time)
        return self.conv_out(x)


def _check_widths(dim: int, widths: list[int], heads: int, head_dim: int, groups: int) -> None:
    if dim < 4 or dim % 2:
        raise UsageError(f"The U-Net's dim is {dim}; give an even number of at least 4.")
    if len(widths) < 2 or min(widths) < 1:
        raise UsageError("The U-Net's multipliers must be one or more positive whole numbers, such as 1 2 3 4.")
    if heads < 1 or head_dim < 1:
        raise UsageError(f"Attention got {heads} heads of {head_dim} features; give at least 1 of each.")
    if groups < 1 or any(width % groups for width in widths):
        raise UsageError(
            f"{groups} groups do not divide every width of the U-Net ({', '.join(map(str, widths))});"
            f" use a divisor of {math.gcd(*widths)}."
        )
