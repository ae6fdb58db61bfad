"""Gradients written by hand: one step of autograd where it would record hundreds.

An `Operation` says what it computes and how a gradient passes through it. Differentiated once more, under create_graph,
or transformed by torch.func, it is computed in plain operations that torch records itself.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Operation(Protocol):
    """A function of tensors with its own gradient."""

    @property
    def run(self) -> Callable[..., tuple[Tensor, Any]]:
        """Of the tensors: the value, in operations that autograd could record, and what `pull` wants kept. The value
        itself must not be among that: it leads to autograd's node, and that would lead back here.
        """

    def pull(self, tensors: Sequence[Tensor], value: Tensor, kept: Any, gradient: Tensor) -> Sequence[Tensor | None]:
        """The gradients by the tensors from that by the value."""


def apply(operation: Operation, *tensors: Tensor) -> Tensor:
    """The operation's value, recorded as one step where autograd records at all."""
    if not any(map(records_alone, tensors)):
        return operation.run(*tensors)[0]
    value: Tensor = _Apply.apply(operation, *tensors)
    return value


def transformed() -> bool:
    """Whether torch.func transforms what runs now: it needs plain operations and no `autograd.Function`."""
    return bool(torch._C._are_functorch_transforms_active())


def records_alone(tensor: Tensor) -> bool:
    """Whether autograd would record here, and an `autograd.Function` may do so in one step."""
    return tensor.requires_grad and torch.is_grad_enabled() and not transformed()


class _Apply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, operation: Operation, *tensors: Tensor) -> Tensor:
        value, ctx.kept = operation.run(*tensors)
        ctx.operation = operation
        ctx.save_for_backward(value, *tensors)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        value, *tensors = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *_recorded(ctx.operation, tensors, ctx.needs_input_grad[1:], gradient)
        return None, *ctx.operation.pull(tensors, value, ctx.kept, gradient)


def _recorded(
    operation: Operation, tensors: Sequence[Tensor], needed: Sequence[bool], gradient: Tensor
) -> list[Tensor | None]:
    """The gradients as functions of everything they depend on."""
    wanted = [tensor for tensor, need in zip(tensors, needed, strict=True) if need]
    value, _ = operation.run(*tensors)
    by_wanted = iter(torch.autograd.grad(value, wanted, gradient, create_graph=True, allow_unused=True))
    return [next(by_wanted) if need else None for need in needed]
