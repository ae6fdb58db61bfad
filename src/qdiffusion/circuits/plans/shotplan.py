"""Expectation values estimated from a finite number of measurements, as a device gives them.

Words that agree on every wire where both have a letter are read from the same shots: before these, H turns X into Z on
a wire, S† and H turn Y into Z. Each shot is one outcome of the whole register; a word's estimate is the mean over shots
of the product of its wires' ±1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.circuit import Circuit, Gate
from qdiffusion.circuits.composite import sdg
from qdiffusion.circuits.observables import Expectations, PauliWord
from qdiffusion.circuits.plans.deferral import Deferred
from qdiffusion.circuits.plans.draw import draw
from qdiffusion.circuits.plans.explain import findings, group_line
from qdiffusion.circuits.plans.sums import Sums
from qdiffusion.circuits.plans.ways import cheapest
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.vectors.dense import DenseStates
from qdiffusion.circuits.vectors.marginals import marginal
from qdiffusion.circuits.vectors.mixed import MixedStates


class ShotPlan:
    """The plan for `Expectations` from `shots` measurements in each basis.

    Var = (1 - ⟨P⟩²) / shots for each word; those of one basis are correlated as they are in the state.
    """

    def __init__(self, deferred: Deferred, readout: Expectations, shots: int) -> None:
        self._deferred, self._shots = deferred, shots
        bases = _bases(readout.words)
        self._bases = [
            Basis(deferred.circuit, letters, [readout.words[index] for index in members]) for letters, members in bases
        ]
        self._place = Constant(np.argsort([index for _, members in bases for index in members]))
        self._sums = Sums(readout)

    def read(self, weights: Tensor, inputs: Tensor, generator: torch.Generator | None) -> Tensor:
        """→ the words' values (W, C, R, words)."""
        with torch.no_grad():
            values = torch.cat([basis(weights, inputs, self._shots, generator) for basis in self._bases], -1)
        return values[..., self._place.like(values)]

    def combine(self, values: Any, observable_weights: Tensor | None) -> Any:
        """The outputs, from the words' values."""
        return self._sums(values, observable_weights)

    def explain(self, samples: int) -> list[str]:
        """A line for what was found, then for each basis its components."""
        first = self._bases[0]
        lines = findings(self._deferred.circuit, first.components, first.n_gates, len(self._deferred.outcomes))
        for number, basis in enumerate(self._bases, start=1):
            lines.append(f"basis {number} of {len(self._bases)}, {self._shots} shots")
            lines += basis.explain(samples)
        return lines


class Basis:
    """Words that are products of Z after the turns of one basis."""

    def __init__(self, circuit: Circuit, letters: dict[int, str], words: Sequence[PauliWord]) -> None:
        gates = (*circuit.gates, *_turns(letters))
        cone = structure.light_cone(gates, letters, ())
        self.n_gates = len(cone) - sum(place >= len(circuit.gates) for place in cone)
        seen = [gates[place] for place in cone]
        parts = structure.split_components(circuit.n_wires, seen, circuit.prepared, circuit.density)
        self._groups = structure.alike(parts, letters)
        self._states = [
            (MixedStates if group[0].is_mixed else DenseStates)(group, circuit.n_weights) for group in self._groups
        ]
        columns = [
            component.wires[wire]
            for group, states in zip(self._groups, self._states, strict=True)
            for component in group
            for wire in _order(states)
        ]
        self._places = [[columns.index(wire) for wire, _ in word] for word in words]

    @property
    def components(self) -> list[Component]:
        return [component for group in self._groups for component in group]

    def __call__(self, weights: Tensor, inputs: Tensor, shots: int, generator: torch.Generator | None) -> Tensor:
        """→ (W, C, R, words)."""
        shape = (*weights.shape[:2], inputs.shape[2])
        signs = [weights.new_ones(*shape, shots, 0)]
        for states in self._states:
            chances = _chances(states, states(weights, inputs))
            drawn = draw(chances.flatten(0, -2), shots, generator).unflatten(0, chances.shape[:-1])
            bits = torch.arange(states.n_wires, device=chances.device).flip(0)
            outcomes = 1 - 2 * (drawn.unsqueeze(-1) >> bits & 1)
            signs += outcomes.to(weights.dtype).unbind(2)
        whole = torch.cat(signs, -1)
        means = [whole[..., places].prod(-1).mean(-1) for places in self._places]
        return torch.stack(means, -1)

    def explain(self, samples: int) -> list[str]:
        """A line for each group of components alike."""
        return [
            group_line(group, states.explain(), cheapest(group[0], True, samples).cost, samples)
            for group, states in zip(self._groups, self._states, strict=True)
        ]


def _order(states: DenseStates | MixedStates) -> Sequence[int]:
    """The wires in the order of an outcome's bits."""
    return states.order if isinstance(states, DenseStates) else range(states.n_wires)


def _chances(states: DenseStates | MixedStates, values: Tensor) -> Tensor:
    """The probabilities (…, 2^n) of outcomes."""
    if isinstance(states, DenseStates):
        return values.abs().square()
    return marginal(values, states.order, range(states.n_wires), ()).real.clamp_min(0)


def _bases(words: Sequence[PauliWord]) -> list[tuple[dict[int, str], list[int]]]:
    """The letter of each wire, and the words read so; each word joins the first basis that it agrees with."""
    bases: list[tuple[dict[int, str], list[int]]] = []
    for index, word in enumerate(words):
        agreeing = (basis for basis in bases if all(basis[0].get(wire, x) == x for wire, x in word))
        basis = next(agreeing, None)
        if basis is None:
            basis = ({}, [])
            bases.append(basis)
        basis[0].update(word)
        basis[1].append(index)
    return bases


def _turns(letters: dict[int, str]) -> list[Gate]:
    """What turns X and Y into Z."""
    gates: list[Gate] = []
    for wire, letter in letters.items():
        gates += sdg(wire) if letter == "Y" else ()
        gates += (Gate("h", (wire,)),) if letter in "XY" else ()
    return gates
