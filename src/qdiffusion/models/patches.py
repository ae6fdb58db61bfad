"""Circuits that slide over feature maps (De Falco et al. 2024, section 3.2; Henderson et al. 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SIDE = 2
"""Pixels of a patch's side."""


def split_channels(
    x: Float[Tensor, "n c h w"], count: int, head: nn.Module, rest: nn.Module
) -> Float[Tensor, "n d h w"]:
    """The first `count` channels through one map, the others through another."""
    first, others = x.tensor_split([count], dim=1)
    return torch.cat([head(first), rest(others)], dim=1)


class PatchCircuits(nn.Module):
    """Slides each circuit of a bank over the 2×2 patches of its own channels.

    A patch begins every `stride` pixels. A pixel's output is the mean of what the patches that hold it say of it, and 0
    where there is none: with stride 2 every pixel of an even side lies in one patch, with stride 1 in up to four.

    forward: (N, channels · n_circuits, H, W), H and W at least 2, pixel values as angles in radians
        → the same shape, expectation values in [-1, 1].

    Args:
        bank: maps (*batch, n_circuits, 4 · channels) to the same shape; a `QuantumLayer` read out on every wire.
        channels: channels of each circuit.
        pixel_major: wire = channels · pixel + channel, instead of 4 · channel + pixel.
        stride: pixels from one patch to the next.
    """

    def __init__(self, bank: nn.Module, channels: int, pixel_major: bool = False, stride: int = SIDE) -> None:
        super().__init__()
        self.bank = bank
        self.channels = channels
        self.pixel_major = pixel_major
        self.stride = stride

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        cut = x.unflatten(1, (-1, self.channels)).unfold(3, SIDE, self.stride).unfold(4, SIDE, self.stride)
        # (n, circuit, channel, row, column, ↓, →): the wires last, the circuits before them.
        patches = cut.permute(0, 3, 4, 1, *((5, 6, 2) if self.pixel_major else (2, 5, 6)))
        wires = patches.shape[4:]
        features = self.bank(patches.flatten(4)).to(x.dtype).unflatten(-1, wires)
        columns = features.permute(0, 3, *((6, 4, 5) if self.pixel_major else (4, 5, 6)), 1, 2)
        return self._laid_back(columns.flatten(5).flatten(1, 4), x.shape[2:])

    def _laid_back(self, columns: Float[Tensor, "n features patches"], size: torch.Size) -> Float[Tensor, "n c h w"]:
        total = functional.fold(columns, size, SIDE, stride=self.stride)
        if self.stride >= SIDE:
            return total
        holds = torch.ones(1, SIDE**2, columns.shape[-1], dtype=columns.dtype, device=columns.device)
        return total / functional.fold(holds, size, SIDE, stride=self.stride)
