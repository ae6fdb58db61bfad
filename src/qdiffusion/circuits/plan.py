"""A circuit compiled against its observable.

A plan splits the circuit into independent components, runs components of equal shape side by side, chooses for each
how it is computed (see `cost`) and reads the observable off. Nothing is approximated. The design is in
docs/circuits.md.
"""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Circuit
from qdiffusion.circuits.clusterwords import ClusterWords
from qdiffusion.circuits.cost import cluster_cost, dense_cost
from qdiffusion.circuits.dense import DenseStates, DenseWords
from qdiffusion.circuits.observables import Observable, PauliSums, PauliWord, State
from qdiffusion.circuits.readout import StateReadout, WordReadout
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.tree import grow_tree


class Method(Protocol):
    """How the values of some Pauli words, or the states, of K components alike are computed."""

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, words or amplitudes)."""

    def explain(self) -> str:
        """What was found and what is done, in a few words."""


class Plan:
    """How a circuit and an observable are computed.

    `plan(weights, inputs)`: weights (W, C, n_weights) and inputs (W, C, R, n_inputs) in radians → (W, C, R,
    n_outputs), real, or complex for `state()`. W is 1, or the samples where weights differ per sample; R the samples
    where weights are shared, or 1.
    """

    def __init__(self, circuit: Circuit, observable: Observable) -> None:
        self.circuit = circuit
        readout = observable.on(circuit.n_wires)
        self._groups = structure.alike(structure.split_components(circuit))
        wires = [[component.wires for component in group] for group in self._groups]
        self._methods: list[Method]
        self._read: WordReadout | StateReadout
        if isinstance(readout, PauliSums):
            self._read = WordReadout(readout, wires)
            self._methods = [
                self._choose(group, words) for group, words in zip(self._groups, self._read.local, strict=True)
            ]
        else:
            states = [DenseStates(group, circuit.n_weights) for group in self._groups]
            self._read = StateReadout(readout, wires, [state.order for state in states])
            self._methods = [*states]
        self.is_complex = isinstance(readout, State)

    def _choose(self, group: Sequence[Component], words: Sequence[PauliWord]) -> Method:
        """Clusters where they are cheaper; they need gates that, after the product prefix, read no input."""
        n_wires = len(group[0].wires)
        prefix, rest = structure.split_prefix(group[0])
        tree = grow_tree(n_wires, rest)
        fits = len(group) == 1 < len(tree.clusters) and not any(map(structure.reads_input, rest))
        clusters = cluster_cost(tree) if fits else None
        if clusters is not None and clusters < dense_cost(n_wires, structure.fuse(rest)):
            return ClusterWords(tree, prefix, words, self.circuit.n_weights)
        return DenseWords(group, words, self.circuit.n_weights)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        return self._read([method(weights, inputs) for method in self._methods])

    def explain(self) -> str:
        """What was found in the circuit and how each part is computed, a line each."""
        lines = [
            f"  {_count(group)}: {method.explain()}" for group, method in zip(self._groups, self._methods, strict=True)
        ]
        return "\n".join([self.circuit.summary, *lines])


def _count(group: Sequence[Component]) -> str:
    n_wires = len(group[0].wires)
    return f"{len(group)} component{'s' * (len(group) > 1)} of {n_wires} qubit{'s' * (n_wires > 1)}"
