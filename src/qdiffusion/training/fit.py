"""Whether a model, its training and its samples fit this machine, found out before any of them is made."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path

import torch

from qdiffusion.capacity import check_disk, check_memory
from qdiffusion.errors import UsageError
from qdiffusion.training.experiment import ModelConfig

SMALLER_MODEL = "give the model smaller numbers"


def check_model_fits(config: ModelConfig, channels: int, size: int) -> None:
    """Refuse a model whose weights alone exceed the memory at hand.

    Raises:
        UsageError: they do, or the model does not fit the images.
    """
    check_memory(weight_bytes(config, channels, size), "A model of these sizes", SMALLER_MODEL)


@cache
def weight_bytes(config: ModelConfig, channels: int, size: int) -> int:
    """The bytes of a model's parameters and buffers, counted on torch's "meta" device, which allocates none.

    Raises:
        UsageError: the model does not fit the images, or its sizes are beyond what an index can count.
    """
    try:
        with torch.device("meta"):
            model = config.build(channels, size)
    except UsageError:
        raise
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"A model of these sizes has more weights than any memory holds; {SMALLER_MODEL}.") from error
    return sum(tensor.nbytes for tensor in chain(model.parameters(), model.buffers()))


def check_images_fit(folder: Path, count: int, shape: Sequence[int]) -> None:
    """Refuse a number of samples that cannot fit memory or disk: the set, and the parts it is put together from.

    Args:
        folder: of the run.
        count: images.
        shape: (C, H, W) of each.

    Raises:
        UsageError: they cannot.
    """
    needed = 2 * count * math.prod(shape)
    what, fewer = f"Drawing {count:,} images of {'×'.join(map(str, shape))} bytes", "ask for fewer"
    check_memory(needed, what, fewer)
    check_disk(needed, folder, what, fewer)
