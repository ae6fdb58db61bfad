"""States, probabilities, density matrices and branches: products over components, wires brought into order."""

from collections.abc import Sequence
from functools import reduce
from typing import Any, assert_never

import torch
from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.angles.gradients import apply
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.observables import Branches, DensityMatrix, Probabilities, State
from qdiffusion.circuits.plans.computation import Output
from qdiffusion.circuits.plans.deferral import Deferred
from qdiffusion.circuits.plans.draw import draw
from qdiffusion.circuits.plans.explain import findings, group_line
from qdiffusion.circuits.plans.ways import cheapest
from qdiffusion.circuits.vectors.adjoint import Evolution
from qdiffusion.circuits.vectors.dense import MOST_WIRES, DenseStates, largest
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
        if len(self._final) > MOST_WIRES:
            raise UsageError(
                f"{type(readout).__name__} of {len(self._wires)} wires has 2^{len(self._final)} numbers, more than "
                f"2^{MOST_WIRES}; read fewer wires."
            )
        gates = _seen(readout, deferred, self._wires)
        self._n_gates = len(gates)
        components = structure.split_components(circuit.n_wires, gates, circuit.prepared)
        self._groups = structure.alike(components, self._wires)
        self._states = [
            DenseStates(group, circuit.n_weights, differentiation=differentiation) for group in self._groups
        ]

    def read(self, weights: Tensor, inputs: Tensor, generator: torch.Generator | None) -> Output:
        """→ (W, C, R, *outputs), or the states and probabilities of branches."""
        parts: list[tuple[Tensor, list[int]]] = []
        for group, states in zip(self._groups, self._states, strict=True):
            for component, psi in zip(group, states(weights, inputs).unbind(2), strict=True):
                order = [component.wires[wire] for wire in states.order]
                own = [wire for wire in self._wires if wire in order]
                parts.append(self._reduced(_in_front(psi, [order.index(wire) for wire in own]), own))
        whole = _product(parts, self._final)
        if isinstance(self._readout, DensityMatrix):
            return whole.unflatten(-1, (1 << len(self._wires), -1))
        if isinstance(self._readout, Branches):
            by_outcome = whole.unflatten(-1, (1 << len(self._outcomes), -1))
            return _normalised(by_outcome if self._readout.how == "all" else _drawn(by_outcome, generator))
        return whole

    def combine(self, values: Any, observable_weights: Tensor | None) -> Any:
        """As they are: what is read has no weights."""
        return values

    @property
    def _final(self) -> list[int]:
        """The axes of the result: the wires read, of a density matrix those of rows, then of columns."""
        columns = [self._column(wire) for wire in self._wires] if isinstance(self._readout, DensityMatrix) else []
        return [*self._wires, *columns]

    def _column(self, wire: int) -> int:
        return self._circuit.n_wires + wire

    def _reduced(self, psi: Tensor, own: list[int]) -> tuple[Tensor, list[int]]:
        """A component's part of the result, flat, and the axes it has; psi (…, 2^own, 2^others)."""
        if isinstance(self._readout, Probabilities):
            return psi.abs().square().sum(-1), own
        if isinstance(self._readout, DensityMatrix):
            return (psi @ psi.mH).flatten(-2), [*own, *map(self._column, own)]
        return psi.flatten(-2), own

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


def _drawn(psi: Tensor, generator: torch.Generator | None) -> Tensor:
    """One of the branches (…, B, 2^m) of each sample → (…, 1, 2^m)."""
    chances = psi.detach().abs().square().sum(-1)
    index = draw(chances.flatten(0, -2), 1, generator).view(*chances.shape[:-1], 1, 1)
    return psi.gather(-2, index.expand(*index.shape[:-1], psi.shape[-1]))


def _normalised(psi: Tensor) -> tuple[Tensor, Tensor]:
    """Branches (…, B, 2^m) → their states, and their probabilities (…, B).

    A branch without an amplitude above the smallest normal number counts as impossible.
    """
    return apply(_Normalisation(), psi), _squares(psi)


class _Normalisation:
    """ψ / ‖ψ‖ of states (…, d), or 0; a gradient g by it becomes (g - φ Re⟨φ|g⟩) / ‖ψ‖, φ = ψ / ‖ψ‖."""

    def run(self, psi: Tensor) -> tuple[Tensor, Tensor]:
        """The states, and ‖ψ‖ (…, 1), ∞ where it is 0."""
        size = largest(psi)
        squares = _squares(psi / size).unsqueeze(-1)
        norms = size * torch.where(squares > 0, squares, 1).sqrt()
        return psi / norms, norms.detach()

    def pull(self, tensors: Sequence[Tensor], value: Tensor, kept: Tensor, gradient: Tensor) -> tuple[Tensor]:
        along = _pairs(value) * _pairs(gradient)
        return ((gradient - value * along.sum((-2, -1)).unsqueeze(-1)) / kept,)


def _squares(psi: Tensor) -> Tensor:
    """‖ψ‖² (…) of states (…, d); the slope is 2ψ_i even where ψ_i is 0."""
    return _pairs(psi).square().sum((-2, -1))


def _pairs(psi: Tensor) -> Tensor:
    return torch.view_as_real(psi.resolve_conj())


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
