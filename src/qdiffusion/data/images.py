"""Images in memory, and the two doors between bytes (0 … 255) and the range [-1, 1] of diffusion."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdiffusion.data.config import Split
from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of an image set.

    Attributes:
        name: "mnist", "mnist-subset", …, or "own:" and the name of the user's file or folder.
        split: "train" or "test".
        images: uint8 (N, C, H, W), C = 1 or 3, levels 0 … 255.
        labels: int64 (N,) in 0 … n_classes - 1, or None.
        source: one sentence that says which images these are; every report prints it.
        n_classes: the number of classes; 0 where there are no labels.
        class_numbers: the data's own number of each label; None: 0 … n_classes - 1.

    Raises:
        UsageError: wrong dtype, shape, or number of labels.
    """

    name: str
    split: Split
    images: Tensor
    labels: Tensor | None
    source: str
    n_classes: int
    class_numbers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_bytes(self.images)
        if self.labels is not None and (self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]):
            raise UsageError(
                f"The labels are {self.labels.dtype} {tuple(self.labels.shape)}, "
                f"expected torch.int64 ({len(self.images)},), one an image."
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def items(self) -> Tensor:
        """The images."""
        return self.images

    @property
    def space(self) -> Space:
        """What one image is."""
        return Space("images", tuple(self.images.shape[1:]), self.class_numbers or tuple(range(self.n_classes)))


def check_bytes(images: Tensor) -> None:
    """Raise UsageError unless `images` is uint8 (N, C, H, W) with C = 1 or 3 and nothing empty."""
    if images.dtype != torch.uint8:
        raise UsageError(
            f"The images are {images.dtype}, expected torch.uint8 (0 … 255); "
            "convert floats in [-1, 1] with qdiffusion.data.to_uint8."
        )
    _check_shape(images)


def check_images(images: Tensor) -> None:
    """Refuse what would be learnt or scored silently wrong.

    Raises:
        UsageError: not uint8 (N, C, H, W) with C = 1 or 3; levels of 0 and 1 only, as floats in [0, 1] cast to bytes
            have; or every pixel the same.
    """
    check_bytes(images)
    low, high = int(images.min()), int(images.max())
    if low == high:
        raise UsageError(f"Every pixel of the images is {low}: there is nothing in them; check how they were made.")
    if high <= 1:
        raise UsageError(
            "The images hold only the levels 0 and 1, expected 0 … 255: they look like floats in [0, 1] cast to "
            "bytes; multiply by 255 before rounding."
        )


def to_unit_range(images: Tensor) -> Tensor:
    """Bytes to the range of diffusion: x = u / 127.5 - 1.

    Args:
        images: uint8 (N, C, H, W), C = 1 or 3.

    Returns:
        float32, the same shape, in [-1, 1].

    Raises:
        UsageError: another dtype or shape.
    """
    check_bytes(images)
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """The inverse of `to_unit_range`: u = round(127.5 (x + 1)).

    Args:
        images: floating (N, C, H, W), C = 1 or 3, in [-1, 1]; clamp the output of a sampler that overshoots.

    Returns:
        uint8, the same shape.

    Raises:
        UsageError: another dtype or shape, values outside [-1, 1] or not finite.
    """
    if not images.is_floating_point():
        raise UsageError(f"The images are {images.dtype}, expected floats in [-1, 1].")
    _check_shape(images)
    low, high = images.min().item(), images.max().item()
    if not (low >= -1 and high <= 1):  # NaN fails both
        raise UsageError(f"The images reach from {low:.4g} to {high:.4g}, expected [-1, 1]; scale or clamp them first.")
    return ((images.float() + 1) * 127.5).round().to(torch.uint8)


def _check_shape(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise UsageError(
            f"The images have shape {tuple(images.shape)}, expected (N, C, H, W), C = 1 or 3, nothing empty."
        )
