"""A list of contractions as one operation of autograd."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import records_alone
from qdiffusion.circuits.trees.program.contractions import Step
from qdiffusion.circuits.trees.program.tape import Gradients, Tape


@dataclass(frozen=True)
class Program:
    """Steps in order, numbered on from the states.

    Attributes:
        results: the steps whose values, side by side, are the result.
    """

    steps: tuple[Step, ...]
    results: tuple[int, ...]

    def run(self, tape: Tape) -> Tensor:
        """→ (B, values)."""
        for step in self.steps:
            tape.values.append(step.forward(tape))
        return torch.cat([tape.values[number] for number in self.results], -1)

    def __call__(self, n_groups: int, mixes: Sequence[Tensor], states: Sequence[Tensor]) -> Tensor:
        """From all mixes, (G, n, blocks), and the states of all clusters, (B, size): (B, values)."""
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
            recorded = _recorded(ctx.program, ctx.tape.n_groups, ctx.n_mixes, ctx.saved_tensors, needed, cotangent)
            return None, None, None, *recorded
        steps, results, n_states = ctx.program.steps, ctx.program.results, len(ctx.tape.states)
        # Doubled for the bras, where a state stands as well; a mix stands once.
        parts = (2 * cotangent).split([ctx.tape.values[number].shape[-1] for number in results], -1)
        gradients = Gradients(ctx.tape, dict(zip(results, parts, strict=True)))
        for number in reversed(range(len(steps))):
            steps[number].backward(n_states + number, gradients)
        mixes = [gradients.mixes.get(mix) for mix in range(ctx.n_mixes)]
        kets = [gradients.values.get(state) for state in range(n_states)]
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
    result = program.run(Tape(n_groups, tensors[:n_mixes], tensors[n_mixes:]))
    wanted = [tensor for tensor, need in zip(tensors, needed, strict=True) if need]
    gradients = iter(torch.autograd.grad(result, wanted, cotangent, create_graph=True, allow_unused=True))
    return [next(gradients) if need else None for need in needed]
