"""Bring pictures to one size and one number of channels."""

import torch
from torch import Tensor
from torch.nn import functional

from qdiffusion.capacity import check_memory
from qdiffusion.data.config import Colour

_CHUNK = 1000
_LUMA = (0.299, 0.587, 0.114)


def prepare(images: Tensor, size: int, colour: Colour) -> Tensor:
    """Return the images as uint8 (N, C', size, size): `fit_square` after `to_colour`.

    Raises:
        UsageError: they would not fit the memory.
    """
    count, channels = len(images), 3 if colour == "rgb" else images.shape[1]
    needed = (count + 4 * min(count, _CHUNK)) * channels * size**2
    check_memory(needed, f"Bringing {count:,} images to {size} x {size} pixels", "choose a smaller size")
    return fit_square(to_colour(images, colour), size)


def fit_square(images: Tensor, size: int) -> Tensor:
    """Crop to the central square and resize, bilinear with antialiasing; exact where the size fits already.

    Args:
        images: uint8 (N, C, H, W).
        size: the height and width wanted, in pixels.

    Returns:
        uint8 (N, C, size, size).
    """
    side = min(images.shape[-2:])
    top, left = (images.shape[-2] - side) // 2, (images.shape[-1] - side) // 2
    square = images[..., top : top + side, left : left + side]
    if side == size:
        return square
    return torch.cat([_resize(chunk, size) for chunk in square.split(_CHUNK)])


def _resize(images: Tensor, size: int) -> Tensor:
    resized = functional.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
    return resized.round().clamp(0, 255).to(torch.uint8)


def to_colour(images: Tensor, colour: Colour) -> Tensor:
    """Return uint8 (N, C', H, W): "grey" 0.299 R + 0.587 G + 0.114 B, "rgb" grey three times, "auto" as is.

    Source of the weights: ITU-R BT.601-7, section 2.5.1.
    """
    channels = images.shape[1]
    if colour == "rgb" and channels == 1:
        return images.repeat(1, 3, 1, 1)
    if colour == "grey" and channels == 3:
        weights = torch.tensor(_LUMA).view(1, 3, 1, 1)
        return torch.cat([_luma(chunk, weights) for chunk in images.split(_CHUNK)])
    return images


def _luma(images: Tensor, weights: Tensor) -> Tensor:
    return (images.float() * weights).sum(1, keepdim=True).round().clamp(0, 255).to(torch.uint8)
