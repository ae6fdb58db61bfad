"""A circuit compiled against its observable.

A plan splits the circuit into independent components, runs components of equal shape side by side, writes each
component's leading one-wire gates as a product state, fuses the rest into small matrices (built once per call where
none of their gates reads an input) and reads the observable off the components. Nothing is approximated. The design
is in docs/circuits.md.

Axes inside a plan: W (1, or the samples where weights differ per sample), C circuits of the bank, K components alike,
R (the samples where weights are shared, or 1), then what the tensor holds. W·R is the batch.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import chain as concatenate

import torch
from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Circuit, Gate, constant
from qdiffusion.circuits.matrices import GateMatrices, chain
from qdiffusion.circuits.observables import Observable, PauliSums, State
from qdiffusion.circuits.readout import StateReadout, WordReadout
from qdiffusion.circuits.structure import Block, Component

_IDENTITY = Gate("rz", (0,), constant(0.0))


class Plan:
    """How a circuit and an observable are computed.

    `plan(weights, inputs)`: weights (W, C, n_weights) and inputs (W, C, R, n_inputs) in radians → (W, C, R,
    n_outputs), real, or complex for `state()`.
    """

    def __init__(self, circuit: Circuit, observable: Observable) -> None:
        self.circuit = circuit
        self.readout = observable.on(circuit.n_wires)
        groups = structure.alike(structure.split_components(circuit))
        self.groups = [ComponentPlan(group, circuit.n_weights) for group in groups]
        wires = [[component.wires for component in group] for group in groups]
        orders = [group.order for group in self.groups]
        self._read: WordReadout | StateReadout
        if isinstance(self.readout, PauliSums):
            self._read = WordReadout(self.readout, wires, orders)
        else:
            self._read = StateReadout(self.readout, wires, orders)

    @property
    def is_complex(self) -> bool:
        return isinstance(self.readout, State)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        return self._read([group(weights, inputs) for group in self.groups], inputs)

    def explain(self) -> str:
        """What was found in the circuit and how each part is computed."""
        return "\n".join([self.circuit.summary, *(f"  {group.explain()}" for group in self.groups)])


class ComponentPlan:
    """K components of one shape: a product state, then fused blocks on the state vector.

    Between blocks the wires stay in whatever order the last matrix product left them; `order` is the final one.
    """

    def __init__(self, components: Sequence[Component], n_weights: int) -> None:
        self.n_wires = len(components[0].wires)
        self.n_components = len(components)
        prefixes, rests = zip(*map(structure.split_prefix, components), strict=True)
        self._prefix = ProductState(prefixes, n_weights)
        fused = [structure.fuse(rest) for rest in rests]
        self._blocks = [BlockPlan(alike, n_weights) for alike in zip(*fused, strict=True)]
        self.order = tuple(range(self.n_wires))
        for block in self._blocks:
            self.order = block.reorder(self.order)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ the final states (W, C, K, R, 2^n), wires in `order`."""
        psi = self._prefix(weights, inputs)
        order = tuple(range(self.n_wires))
        for block in self._blocks:
            psi = block(psi, order, weights, inputs)
            order = block.reorder(order)
        return psi

    def explain(self) -> str:
        count = f"{self.n_components} component{'s' if self.n_components > 1 else ''} of {self.n_wires} qubit"
        blocks = ", ".join(f"{block.n_gates} gates on {len(block.wires)} wires" for block in self._blocks)
        return f"{count}{'s' if self.n_wires > 1 else ''}: product state, then {blocks or 'nothing'}"


class ProductState:
    """The product state that the leading one-wire gates of K components make of |0…0⟩."""

    def __init__(self, prefixes: Sequence[list[list[Gate]]], n_weights: int) -> None:
        self._n_wires = len(prefixes[0])
        self._depth = max(1, *map(len, prefixes[0]))
        self._gates = GateMatrices([self._padded(prefix) for prefix in prefixes], (0,), n_weights)

    def _padded(self, prefix: list[list[Gate]]) -> list[Gate]:
        """Step by step and in each step wire by wire, every gate on wire 0 of a register of its own."""
        runs = [run + [_IDENTITY] * (self._depth - len(run)) for run in prefix]
        return list(
            concatenate.from_iterable(
                structure.renumber([g], g.targets) for step in zip(*runs, strict=True) for g in step
            )
        )

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, 2^n)."""
        matrices = self._gates(_angles(weights, inputs)).transpose(2, 3)
        steps = matrices.unflatten(-3, (self._depth, self._n_wires)).unbind(-4)
        vectors = reduce(lambda v, m: (m @ v.unsqueeze(-1)).squeeze(-1), steps[1:], steps[0][..., 0])
        return reduce(lambda psi, v: (psi.unsqueeze(-1) * v.unsqueeze(-2)).flatten(-2), vectors.unbind(-2))


class BlockPlan:
    """One fused matrix for each of K components, applied to its wires."""

    def __init__(self, alike: Sequence[Block], n_weights: int) -> None:
        self.wires = alike[0].wires
        self.n_gates = len(alike[0].gates)
        self._per_sample = alike[0].per_sample
        self._gates = GateMatrices([block.gates for block in alike], self.wires, n_weights)

    def reorder(self, order: tuple[int, ...]) -> tuple[int, ...]:
        return (*(wire for wire in order if wire not in self.wires), *self.wires)

    def __call__(self, psi: Tensor, order: tuple[int, ...], weights: Tensor, inputs: Tensor) -> Tensor:
        lead = psi.ndim - 1
        axes = [lead + order.index(wire) for wire in self.reorder(order)]
        wires = psi.unflatten(-1, (2,) * len(order)).permute(*range(lead), *axes)
        columns = wires.reshape(*psi.shape[:-1], -1, 1 << len(self.wires))
        return (columns @ self._matrix(weights, inputs).mT).flatten(-2)

    def _matrix(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """(W, C, K, R or 1, d, d)."""
        if self._per_sample:
            return chain(self._gates(_angles(weights, inputs))).transpose(2, 3)
        return chain(self._gates(_angles(weights))).unsqueeze(3)


def _angles(weights: Tensor, inputs: Tensor | None = None) -> Tensor:
    """The row of angles that gates index: weights (W, C, n_weights), followed by the inputs of each sample where
    given.
    """
    if inputs is not None:
        weights = torch.cat([weights.unsqueeze(2).expand(*inputs.shape[:3], -1), inputs], -1)
    return weights if weights.shape[-1] else weights.new_zeros(*weights.shape[:-1], 1)
