"""Samples as one picture."""

import math
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from qdiffusion.errors import UsageError
from qdiffusion.runs.files import write_bytes_atomic

WIDTH = 800
GAP_GREY = 72


def sample_grid(images: ArrayLike, path: Path, limit: int = 64, columns: int | None = None) -> None:
    """Write `grid_png` to `path`, the first `limit` images, in a square where `columns` is None.

    Raises:
        UsageError: images of another type or shape, or none.
        RunError: the file cannot be written.
    """
    write_bytes_atomic(path, grid_png(images, limit, columns))


def grid_png(images: ArrayLike, limit: int = 64, columns: int | None = None, width: int = WIDTH) -> bytes:
    """Images in rows as PNG, each pixel enlarged by the same whole number, one pixel of grey between and around them.

    Args:
        images: `(N, C, H, W)` uint8, 0…255, C = 1 (grey) or 3 (red, green, blue); N ≥ 1.
        limit: the grid shows the first `limit` images.
        columns: images a row; ⌈√N⌉ when None.
        width: pixels that the picture fills as far as whole numbers go; never less than one for each of the images'.

    Raises:
        UsageError: images of another type or shape, or none.
    """
    pixels = np.asarray(images)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or len(pixels) == 0:
        raise UsageError(
            f"A sample grid was given {pixels.dtype} images of shape {pixels.shape}, "
            "but draws uint8 images of shape (N, 1 or 3, height, width) with N ≥ 1; convert them first."
        )
    shown = pixels[:limit].transpose(0, 2, 3, 1)
    canvas = tile(shown, columns or math.ceil(math.sqrt(len(shown))))
    scale = max(1, width // canvas.shape[1])
    enlarged = canvas.repeat(scale, axis=0).repeat(scale, axis=1)
    buffer = BytesIO()
    Image.fromarray(enlarged.squeeze(-1) if enlarged.shape[-1] == 1 else enlarged).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def rows_by_class(
    images: NDArray[np.uint8], labels: NDArray[np.int64], limit: int
) -> tuple[NDArray[np.uint8], int | None]:
    """The first images of every class in a row of its own, and the length of a row; short rows end in grey.

    images: (N, C, H, W), labels: (N,). At most `limit` cells, but one of each class; a single class keeps its order,
    and its rows are left to the grid: None.
    """
    classes = np.unique(labels)
    if len(classes) == 1:
        return images[:limit], None
    rows = [images[labels == each] for each in classes]
    columns = min(max(map(len, rows)), max(1, limit // len(classes)))
    cells = np.full((len(classes), columns, *images.shape[1:]), GAP_GREY, dtype=np.uint8)
    for cell, row in zip(cells, rows, strict=True):
        cell[: len(row)] = row[:columns]
    return cells.reshape(-1, *images.shape[1:]), columns


def shrunk(images: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """Images (N, C, H, W) of at most `most` pixels a side: means of square blocks, what fills no block is cut off."""
    block = math.ceil(max(images.shape[2:]) / most)
    height, width = (size // block for size in images.shape[2:])
    cut = images[:, :, : height * block, : width * block]
    blocks = cut.reshape(*images.shape[:2], height, block, width, block)
    return blocks.mean(axis=(3, 5)).round().astype(np.uint8)


def tile(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Images `(N, H, W, C)` in rows of `columns` with one pixel of grey between and around them."""
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    shape = (rows * (height + 1) + 1, columns * (width + 1) + 1, channels)
    canvas = np.full(shape, GAP_GREY, dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = 1 + index // columns * (height + 1), 1 + index % columns * (width + 1)
        canvas[top : top + height, left : left + width] = image
    return canvas
