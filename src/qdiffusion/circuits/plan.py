"""A circuit compiled against its observable.

A plan splits the circuit into independent components, runs components of equal shape side by side, chooses for each
how it is computed (see `cost`) and reads the observable off. Nothing is approximated. The design is in
docs/circuits.md.
"""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Circuit, Gate
from qdiffusion.circuits.clusterwords import ClusterWords
from qdiffusion.circuits.cost import cluster_cost, dense_cost
from qdiffusion.circuits.dense import DenseStates, DenseWords
from qdiffusion.circuits.observables import Observable, PauliSums, PauliWord, Readout, State
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
        self._gates = _matter(circuit, readout)
        self._groups = structure.alike(structure.split_components(circuit.n_wires, self._gates))
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

    def _choose(self, group: Sequence[Component], words: Sequence[PauliWord]) -> Method:
        """Clusters where they are cheaper; they need gates that, after the product prefix, read no input."""
        if not words:
            return Unread(len(group))
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
        return "\n".join(
            ["\n  ".join([self.circuit.summary, *self._found()]), *map(self._line, range(len(self._groups)))]
        )

    def _found(self) -> list[str]:
        """What holds of the whole circuit."""
        _, rest = structure.split_prefix(Component(tuple(range(self.circuit.n_wires)), tuple(self._gates)))
        active = len({wire for gate in rest for wire in gate.wires})
        found = [f"{active} active and {self.circuit.n_wires - active} idle wires"]
        if dropped := len(self.circuit.gates) - len(self._gates):
            found.append(f"{dropped} gates outside the light cones of what is read")
        return found

    def _line(self, number: int) -> str:
        group, method = self._groups[number], self._methods[number]
        n_wires = len(group[0].wires)
        count = f"{len(group)} component{'s' * (len(group) > 1)} of {n_wires} qubit{'s' * (n_wires > 1)}"
        return f"  {count}: {method.explain()}"


class Unread:
    """Components that no word reads."""

    def __init__(self, n_components: int) -> None:
        self._n_components = n_components

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, 0)."""
        return weights.new_empty(*weights.shape[:2], self._n_components, inputs.shape[2], 0)

    def explain(self) -> str:
        return "not read"


def _matter(circuit: Circuit, readout: Readout) -> list[Gate]:
    """The gates that what is read depends on."""
    if isinstance(readout, PauliSums):
        return structure.light_cone(circuit.gates, readout.wires("Z"), readout.wires("XY"))
    if isinstance(readout, State):
        return [*circuit.gates]
    return structure.light_cone(circuit.gates, range(circuit.n_wires), ())
