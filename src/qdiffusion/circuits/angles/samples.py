"""Where the samples of a batch lie.

Weights are (W, C, n_weights) and inputs (W, C, R, n_inputs) for C circuits of a bank. Where every sample has weights of
its own they lie along W, and R is 1; else they lie along R, and W is 1. This is the only place that decides.
"""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor


def pack(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """x (*batch, C, n_inputs) and weights (C, n_weights) or (*batch, C, n_weights) → weights and inputs as above."""
    batch, n_circuits = x.shape[:-2], x.shape[-2]
    if weights.ndim > 2:
        each = weights.expand(*batch, n_circuits, -1).reshape(prod(batch), n_circuits, weights.shape[-1])
        return each, x.reshape(prod(batch), *x.shape[-2:]).unsqueeze(2)
    shared = weights.expand(n_circuits, -1).unsqueeze(0)
    return shared, x.reshape(prod(batch), *x.shape[-2:]).transpose(0, 1).unsqueeze(0)


def unpack(values: Tensor, batch: torch.Size) -> Tensor:
    """(W, C, R, …) → (*batch, C, …)."""
    return values.transpose(1, 2).reshape(*batch, values.shape[1], *values.shape[3:])


def one_by_one(weights: Tensor, inputs: Tensor) -> Tensor:
    """Inputs (W, C, R, n) as if every sample had weights of its own: (W·R, C, 1, n)."""
    return inputs.transpose(1, 2).flatten(0, 1).unsqueeze(2)


def together(values: Tensor, weights: Tensor, inputs: Tensor) -> Tensor:
    """Values (W·R, C, 1, …) of `one_by_one` → (W, C, R, …)."""
    return values.squeeze(2).unflatten(0, (weights.shape[0], inputs.shape[2])).transpose(1, 2)


def n_samples(weights: Tensor, inputs: Tensor) -> int:
    """How many circuits run in one call, W·C·R."""
    return weights.shape[0] * weights.shape[1] * inputs.shape[2]


Prepared = Callable[[Tensor], Callable[[Tensor], Tensor]]
"""Of weights: a function of inputs that no longer computes what depends on the weights alone."""


class Once:
    """Weights that never change are prepared once for each device and precision, and not in every call."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._kept: dict[tuple[torch.device, torch.dtype], Callable[[Tensor], Tensor]] = {}

    def __call__(self, weights: Tensor) -> Callable[[Tensor], Tensor]:
        key = (weights.device, weights.dtype)
        if key not in self._kept:
            with torch.no_grad():
                self._kept[key] = self._prepared(weights)
        return self._kept[key]


def in_turns(prepared: Prepared, weights: Tensor, inputs: Tensor, most: int) -> Tensor:
    """prepared(weights)(inputs) → (W, C, K, R, …), for at most `most` samples at a time; weights that all samples share
    are prepared once.
    """
    if inputs.shape[2] > 1:
        compute = prepared(weights)
        values = [compute(part) for part in inputs.split(most, 2)]
    else:
        values = [prepared(own)(part) for own, part in zip(weights.split(most), inputs.split(most), strict=True)]
    return values[0] if len(values) == 1 else torch.cat(values, 3 if inputs.shape[2] > 1 else 0)
