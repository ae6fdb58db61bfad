"""A list of contractions as one operation of autograd."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qdiffusion.circuits.angles.gradients import records_alone
from qdiffusion.circuits.trees.contractions import Gradients, Step, Tape


@dataclass(frozen=True)
class Program:
    """Steps in order; what the reads give side by side is the result."""

    steps: tuple[Step, ...]

    def run(self, tape: Tape) -> Tensor:
        """→ (B, reads)."""
        for step in self.steps:
            step.forward(tape)
        return torch.cat(tape.reads, -1)

    def __call__(self, n_groups: int, mixes: Sequence[Tensor], states: Sequence[Tensor]) -> Tensor:
        """From the mixes of all nodes, (G, n, blocks), and the states of all clusters, (B, size): (B, reads)."""
        if not any(map(records_alone, (*mixes, *states))):
            return self.run(Tape(n_groups, mixes, states))
        result: Tensor = _Run.apply(self, n_groups, len(mixes), *mixes, *states)
        return result


class _Run(torch.autograd.Function):
    """The program as one step of autograd. Under create_graph it is run once more, recorded as any other code."""

    @staticmethod
    def forward(ctx: Any, program: Program, n_groups: int, n_mixes: int, *tensors: Tensor) -> Tensor:
        ctx.program, ctx.n_mixes = program, n_mixes
        ctx.save_for_backward(*tensors)
        ctx.tape = Tape(n_groups, tensors[:n_mixes], tensors[n_mixes:])
        return program.run(ctx.tape)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():
            found = _recorded(ctx.program, ctx.tape.n_groups, ctx.n_mixes, ctx.saved_tensors, needed, cotangent)
            return None, None, None, *found
        # Doubled for the bras, where a state stands as well; a mix stands once.
        reads = (2 * cotangent).split([read.shape[-1] for read in ctx.tape.reads], -1)
        gradients = Gradients(ctx.tape, reads)
        for step in reversed(ctx.program.steps):
            step.backward(gradients)
        mixes = [gradients.mixes.get(node) for node in range(ctx.n_mixes)]
        kets = [gradients.kets.get(state) for state in range(len(ctx.tape.states))]
        return None, None, None, *(None if mix is None else mix / 2 for mix in mixes), *kets


def _recorded(
    program: Program,
    n_groups: int,
    n_mixes: int,
    tensors: Sequence[Tensor],
    needed: Sequence[bool],
    cotangent: Tensor,
) -> list[Tensor | None]:
    """The gradients as functions of everything they depend on."""
    reads = program.run(Tape(n_groups, tensors[:n_mixes], tensors[n_mixes:]))
    wanted = [tensor for tensor, need in zip(tensors, needed, strict=True) if need]
    found = iter(torch.autograd.grad(reads, wanted, cotangent, create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needed]
