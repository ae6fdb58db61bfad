"""Whether a model, its training and its samples fit this machine, found out before any of them is made."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, nn

from qdiffusion.capacity import check_disk, check_memory
from qdiffusion.circuits import QuantumLayer
from qdiffusion.errors import UsageError
from qdiffusion.training.experiment import Experiment, ModelConfig

COPIES = 5
"""Weights, their average, their gradient, and Adam's two moments."""
BEYOND_COUNTING = ("overflow", "storage size", "negative dimension")
"""What torch says of sizes that its indices cannot count."""
SMALLER_MODEL = "give the model smaller numbers"


def check_model_fits(config: ModelConfig, channels: int, size: int) -> None:
    """Refuse a model whose weights alone exceed the memory at hand.

    Raises:
        UsageError: they do, or the model does not fit the images.
    """
    check_memory(weight_bytes(config, channels, size), "A model of these sizes", SMALLER_MODEL)


def check_steps_fit(experiment: Experiment, channels: int) -> None:
    """Refuse batches whose training steps exceed the memory at hand; what circuits need comes on top.

    Raises:
        UsageError: they do.
    """
    free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None
    weights = weight_bytes(experiment.model, channels, experiment.data.size)
    for stage in experiment.stages:
        saved = saved_bytes(experiment.model, channels, experiment.data.size, stage.batch_size)
        needed = COPIES * weights + (saved // 2 if experiment.precision == "bf16" else saved)
        what = f"A training step of {stage.batch_size:,} images"
        check_memory(needed, what, f"give a smaller batch_size or {SMALLER_MODEL.removeprefix('give ')}", free)


@cache
def weight_bytes(config: ModelConfig, channels: int, size: int) -> int:
    """The bytes of a model's parameters and buffers.

    Raises:
        UsageError: the model does not fit the images, or its sizes are beyond what an index can count.
    """
    model = _on_meta(config, channels, size)
    return sum(tensor.nbytes for tensor in chain(model.parameters(), model.buffers()))


@cache
def saved_bytes(config: ModelConfig, channels: int, size: int, batch_size: int) -> int:
    """The bytes that a forward pass of a batch keeps for its gradient; circuits, which keep the shape, are left out.

    Raises:
        UsageError: as `weight_bytes`.
    """
    model = _on_meta(config, channels, size)
    for module in model.modules():
        if isinstance(module, QuantumLayer):
            module.forward = _unchanged  # type: ignore[method-assign, assignment]
    weights = {_storage(parameter) for parameter in model.parameters()}
    kept: list[Tensor] = []
    with (
        torch.device("meta"),
        _told_as_too_large(),
        torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor), lambda tensor: tensor),
    ):
        images, timesteps = torch.empty(batch_size, channels, size, size), torch.empty(batch_size, dtype=torch.int64)
        model(images, timesteps, return_dict=False)
    sizes = {_storage(tensor): tensor.untyped_storage().nbytes() for tensor in kept}
    return sum(size for storage, size in sizes.items() if storage not in weights)


def _on_meta(config: ModelConfig, channels: int, size: int) -> nn.Module:
    """The model on torch's "meta" device, which knows shapes and allocates nothing."""
    with torch.device("meta"), _told_as_too_large():
        return config.network(channels, size)


@contextmanager
def _told_as_too_large() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, TypeError, OverflowError) as error:
        if isinstance(error, OverflowError) or any(words in str(error).lower() for words in BEYOND_COUNTING):
            raise UsageError(f"A model of these sizes is larger than any memory; {SMALLER_MODEL}.") from error
        raise


def _unchanged(x: Tensor) -> Tensor:
    return x


def _storage(tensor: Tensor) -> int:
    """What tells storages apart, where none has an address."""
    return tensor.untyped_storage()._cdata


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
