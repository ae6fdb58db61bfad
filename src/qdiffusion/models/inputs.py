"""What a denoiser is given: refusals that all kinds share."""

from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from qdiffusion.errors import UsageError


def check_images(sample: Tensor, shape: tuple[int, int, int]) -> None:
    """Raise UsageError for images that are not of `shape`."""
    if sample.shape[1:] != shape:
        given = tuple(sample.shape[1:])
        raise UsageError(f"Images of shape {given} do not fit this model; it takes {shape} (C, H, W).")


def check_vectors(sample: Tensor, length: int) -> None:
    """Raise UsageError for vectors (N, d) of another length d."""
    if sample.shape[1:] != (length,):
        raise UsageError(f"Vectors of shape {tuple(sample.shape[1:])} do not fit this model; it takes ({length},).")


def check_width(who: str, width: int) -> None:
    """Raise UsageError for a width of which a quarter cannot be a noise level's sinusoids."""
    if width < 16 or width % 8:
        raise UsageError(f"The {who}'s width is {width}; give a multiple of 8, at least 16.")


def refuse_labels(class_labels: Any) -> None:
    """Raise UsageError for labels: what calls this is unconditional."""
    if class_labels is not None:
        raise UsageError("This model is unconditional and got class labels; leave class_labels out.")


def levels_of(timestep: Int64[Tensor, "..."] | int, sample: Tensor, n_levels: int) -> Int64[Tensor, " n"]:
    """The level of each item of `sample` (N, …), in 0 … n_levels - 1: one for all, or (N,).

    Raises:
        UsageError: another shape, or a level out of range.
    """
    t = torch.as_tensor(timestep, device=sample.device)
    if t.shape not in ((), sample.shape[:1]):
        raise UsageError(f"{len(sample)} items got timesteps of shape {tuple(t.shape)}; give one for all, or each.")
    check_range("timesteps", t, n_levels)
    return t.expand(len(sample))


def check_range(what: str, values: Tensor, end: int, known: str = "") -> None:
    """Raise UsageError for values outside 0 … end - 1; `known` says what this model knows, where that is not all.

    On a GPU torch's own indexing refuses them, since reading values back would stop the queue.
    """
    if values.device.type == "cpu" and bool(((values < 0) | (values >= end)).any()):
        given = f"from {int(values.min())} to {int(values.max())}"
        raise UsageError(f"The {what} reach {given}; this model {known or f'was made for 0 … {end - 1}'}.")
