"""States, probabilities, density matrices and branches: products over components, wires brought into order."""

from collections.abc import Sequence
from functools import reduce
from typing import Any, assert_never

import torch
from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.observables import Branches, DensityMatrix, Probabilities, State
from qdiffusion.circuits.plans.branching import mixed_branches, pure_branches
from qdiffusion.circuits.plans.computation import Output
from qdiffusion.circuits.plans.deferral import Deferred
from qdiffusion.circuits.plans.explain import findings, group_line
from qdiffusion.circuits.plans.ways import cheapest
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.vectors.adjoint import Evolution
from qdiffusion.circuits.vectors.dense import MOST_WIRES, DenseStates
from qdiffusion.circuits.vectors.marginals import marginal
from qdiffusion.circuits.vectors.mixed import MixedStates
from qdiffusion.errors import UsageError

StateLike = State | Probabilities | DensityMatrix | Branches


class StatePlan:
    """The plan for what is no expectation value; arguments as for `Plan`.

    Components without a wire that is read are traced out, which leaves a factor of 1.
    """

    def __init__(self, deferred: Deferred, readout: StateLike, differentiation: Evolution) -> None:
        circuit = deferred.circuit
        self._circuit, self._readout, self._outcomes = circuit, readout, deferred.outcomes
        self._wires = _read_wires(readout, deferred)
        self._coherent = _coherent(readout, deferred)
        if len(self._final) > MOST_WIRES:
            raise UsageError(
                f"{type(readout).__name__} of {len(self._wires)} wires has 2^{len(self._final)} numbers, more than "
                f"2^{MOST_WIRES}; read fewer wires."
            )
        gates = _seen(readout, deferred, self._wires)
        self._n_gates = len(gates)
        components = structure.split_components(circuit.n_wires, gates, circuit.prepared, circuit.density)
        self._groups = structure.alike(components, self._wires)
        self._states = [
            (MixedStates if group[0].is_mixed else DenseStates)(
                group, circuit.n_weights, differentiation=differentiation
            )
            for group in self._groups
        ]

    def read(self, weights: Tensor, inputs: Tensor, generator: torch.Generator | None) -> Output:
        """→ (W, C, R, *outputs), or the states and probabilities of branches."""
        parts = [
            self._part(component, states, values)
            for group, states in zip(self._groups, self._states, strict=True)
            for component, values in zip(group, states(weights, inputs).unbind(2), strict=True)
        ]
        whole = _product(parts, self._final)
        if isinstance(self._readout, DensityMatrix):
            return whole.unflatten(-1, (1 << len(self._wires), -1))
        if isinstance(self._readout, Branches):
            by_outcome = whole.unflatten(-1, (1 << len(self._outcomes), -1))
            if not self._circuit.is_mixed:
                return pure_branches(by_outcome, self._readout.how, generator)
            return mixed_branches(
                by_outcome.unflatten(-1, (1 << len(self._coherent), -1)), self._readout.how, generator
            )
        return whole

    def combine(self, values: Any, observable_weights: Tensor | None) -> Any:
        """As they are: what is read has no weights."""
        return values

    @property
    def _final(self) -> list[int]:
        """The axes of the result: the wires read, which where coherences are read are rows, then their columns."""
        return [*self._wires, *map(self._column, self._coherent)]

    def _column(self, wire: int) -> int:
        return self._circuit.n_wires + wire

    def _part(
        self, component: Component, states: DenseStates | MixedStates, values: Tensor
    ) -> tuple[Tensor, list[int]]:
        """A component's part of the result, flat, and the axes it has, from its states (W, C, R, …)."""
        own = [wire for wire in self._wires if wire in component.wires]
        free = [wire for wire in own if wire in self._coherent]
        axes = [*own, *map(self._column, free)]
        if isinstance(states, MixedStates):
            place = {wire: index for index, wire in enumerate(component.wires)}
            diagonal = [place[wire] for wire in own if wire not in free]
            part = marginal(values, states.order, diagonal, [place[wire] for wire in free])
            return (part.real if isinstance(self._readout, Probabilities) else part), axes
        order = [component.wires[wire] for wire in states.order]
        psi = _in_front(values, [order.index(wire) for wire in own])
        if isinstance(self._readout, Probabilities):
            return psi.abs().square().sum(-1), axes
        if self._coherent:
            rows = psi.unflatten(-2, (-1, 1 << len(free)))
            return (rows @ rows.mH).flatten(-3), axes
        return psi.flatten(-2), axes

    def explain(self, samples: int) -> list[str]:
        """A line for each pass that found something, and one for each group of components."""
        components = [component for group in self._groups for component in group]
        lines = findings(self._circuit, components, self._n_gates, len(self._outcomes))
        for group, states in zip(self._groups, self._states, strict=True):
            lines.append(group_line(group, states.explain(), cheapest(group[0], True, samples).cost, samples))
        return lines


def _read_wires(readout: StateLike, deferred: Deferred) -> tuple[int, ...]:
    """In the order of the result's bits."""
    match readout:
        case Probabilities() | DensityMatrix():
            return deferred.wires if readout.wires is None else readout.wires
        case Branches():
            return (*deferred.outcomes, *deferred.others)
        case State():
            return deferred.wires
    assert_never(readout)


def _coherent(readout: StateLike, deferred: Deferred) -> tuple[int, ...]:
    """The wires of which rows and columns are read, in order."""
    if isinstance(readout, DensityMatrix):
        return _read_wires(readout, deferred)
    return deferred.others if isinstance(readout, Branches) and deferred.circuit.is_mixed else ()


def _seen(readout: StateLike, deferred: Deferred, wires: Sequence[int]) -> tuple[Gate, ...]:
    """The gates inside the light cone of what is read."""
    gates = deferred.circuit.gates
    match readout:
        case Probabilities():
            cone = structure.light_cone(gates, wires, ())
        case DensityMatrix():
            cone = structure.light_cone(gates, wires, wires)
        case State() | Branches():
            return gates
        case _:
            assert_never(readout)
    return tuple(gates[place] for place in cone)


def _in_front(psi: Tensor, axes: Sequence[int]) -> Tensor:
    """(W, C, R, 2^n) → (W, C, R, 2^k, 2^(n-k)): the k `axes` first, in their order."""
    n_wires = psi.shape[-1].bit_length() - 1
    rest = [axis for axis in range(n_wires) if axis not in axes]
    split = psi.unflatten(-1, (2,) * n_wires).permute(0, 1, 2, *(3 + axis for axis in (*axes, *rest)))
    return split.reshape(*psi.shape[:3], 1 << len(axes), 1 << len(rest))


def _product(parts: Sequence[tuple[Tensor, list[int]]], final: Sequence[int]) -> Tensor:
    """The outer product of parts (W, C, R, 2^axes), its axes brought into the order `final`."""
    whole = reduce(lambda a, b: (a.unsqueeze(-1) * b.unsqueeze(-2)).flatten(-2), (part for part, _ in parts))
    names = [name for _, own in parts for name in own]
    axes = [3 + names.index(name) for name in final]
    return whole.unflatten(-1, (2,) * len(axes)).permute(0, 1, 2, *axes).flatten(3)
