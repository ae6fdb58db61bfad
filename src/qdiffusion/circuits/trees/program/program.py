"""A list of contractions as one operation of autograd."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qdiffusion.circuits.angles.gradients import apply
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

    def __call__(self, n_groups: int, mixes: Sequence[Tensor], states: Sequence[Tensor]) -> Tensor:
        """From all mixes, (G, n, blocks), and the states of all clusters, (B, size): (B, values)."""
        return apply(_Run(self, n_groups, len(mixes)), *mixes, *states)


@dataclass(frozen=True)
class _Run:
    """One run as an operation on the mixes and the states."""

    program: Program
    n_groups: int
    n_mixes: int

    def run(self, *tensors: Tensor) -> tuple[Tensor, Tape]:
        tape = Tape(self.n_groups, tensors[: self.n_mixes], tensors[self.n_mixes :])
        for step in self.program.steps:
            tape.values.append(step.forward(tape))
        return torch.cat([tape.values[number] for number in self.program.results], -1), tape

    def pull(self, tensors: Sequence[Tensor], value: Tensor, tape: Tape, gradient: Tensor) -> list[Tensor | None]:
        steps, results, n_states = self.program.steps, self.program.results, len(tape.states)
        # Doubled for the bras, where a state stands as well; a mix stands once.
        parts = (2 * gradient).split([tape.values[number].shape[-1] for number in results], -1)
        gradients = Gradients(tape, dict(zip(results, parts, strict=True)))
        for number in reversed(range(len(steps))):
            steps[number].backward(n_states + number, gradients)
        mixes = [gradients.mixes.get(mix) for mix in range(self.n_mixes)]
        kets = [gradients.values.get(state) for state in range(n_states)]
        return [*(None if mix is None else mix / 2 for mix in mixes), *kets]
