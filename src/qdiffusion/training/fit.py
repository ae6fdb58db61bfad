"""Whether a system, its training and its samples fit this machine, found out before any of them is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from qdiffusion.capacity import check_disk, check_memory
from qdiffusion.circuits import QuantumLayer
from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError
from qdiffusion.training.experiment import Codec, Experiment, Model

COPIES = 5
"""Weights, their average, their gradient, and Adam's two moments."""
BEYOND_COUNTING = ("overflow", "storage size", "negative dimension")
"""What torch says of sizes that its indices cannot count."""
SMALLER_MODEL = "give the model smaller numbers"


def check_model_fits(experiment: Experiment, space: Space, index: int) -> None:
    """Refuse a stage whose weights alone exceed the memory at hand.

    Raises:
        UsageError: they do, or the model does not fit the items.
    """
    needed = weight_bytes(experiment.codec, experiment.model_of(index), space)
    check_memory(needed, "A model of these sizes", SMALLER_MODEL)


def check_steps_fit(experiment: Experiment, space: Space, index: int) -> None:
    """Refuse a stage whose training steps exceed the memory at hand; what circuits need comes on top.

    Raises:
        UsageError: they do.
    """
    free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None
    stage, codec, model = experiment.stages[index], experiment.codec, experiment.model_of(index)
    part = -(-stage.batch_size // stage.accumulation)
    saved = saved_bytes(codec, model, space, part)
    needed = COPIES * weight_bytes(codec, model, space) + (saved // 2 if experiment.precision == "bf16" else saved)
    what = f"A training step of {part:,} items"
    instead = f"give a smaller batch_size, more accumulation or {SMALLER_MODEL.removeprefix('give ')}"
    check_memory(needed, what, instead, free)


@cache
def weight_bytes(codec: Codec, model: Model, space: Space) -> int:
    """The bytes of the parameters and buffers of codec and denoiser.

    Raises:
        UsageError: they do not fit the items, or their sizes are beyond what an index can count.
    """
    parts = _on_meta(codec, model, space)
    return sum(tensor.nbytes for part in parts for tensor in chain(part.parameters(), part.buffers()))


@cache
def saved_bytes(codec: Codec, model: Model, space: Space, batch_size: int) -> int:
    """The bytes that the denoiser's pass of a batch keeps for its gradient; circuits are left out.

    Raises:
        UsageError: as `weight_bytes`.
    """
    own, denoiser = _on_meta(codec, model, space)
    if own.space.is_quantum:
        return 0
    for module in denoiser.modules():
        if isinstance(module, QuantumLayer):
            module.forward = _unchanged  # type: ignore[method-assign, assignment]
    weights = {_storage(parameter) for parameter in denoiser.parameters()}
    kept: list[Tensor] = []
    with (
        torch.device("meta"),
        _told_as_too_large(),
        torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor), lambda tensor: tensor),
    ):
        x, timesteps = torch.empty(batch_size, *own.space.shape), torch.empty(batch_size, dtype=torch.int64)
        denoiser(x, timesteps, return_dict=False)
    sizes = {_storage(tensor): tensor.untyped_storage().nbytes() for tensor in kept}
    return sum(size for storage, size in sizes.items() if storage not in weights)


def _on_meta(codec: Codec, model: Model, space: Space) -> tuple[Any, nn.Module]:
    """Codec and denoiser on torch's "meta" device, which knows shapes and allocates nothing."""
    with torch.device("meta"), _told_as_too_large():
        own = codec.build(space)
        return own, model.build(own.space)


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


def check_samples_fit(folder: Path, count: int, space: Space) -> None:
    """Refuse a number of samples that cannot fit memory or disk: the set, and the parts it is put together from.

    Args:
        folder: of the run.
        count: items.
        space: of each.

    Raises:
        UsageError: they cannot.
    """
    needed = 2 * count * space.bytes
    what, fewer = f"Drawing {count:,} {space}", "ask for fewer"
    check_memory(needed, what, fewer)
    check_disk(needed, folder, what, fewer)
