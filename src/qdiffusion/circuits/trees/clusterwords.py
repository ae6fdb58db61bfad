"""Pauli words of components that fall into a tree of clusters."""

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.picking import angle_row
from qdiffusion.circuits.angles.samples import Once, Prepared, in_turns, n_samples
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.structure import renumber
from qdiffusion.circuits.trees.algebra.coefficients import Coefficients
from qdiffusion.circuits.trees.program.compilation import compile_words
from qdiffusion.circuits.trees.shape.layout import Layout
from qdiffusion.circuits.trees.shape.topology import Topology
from qdiffusion.circuits.trees.shape.tree import ClusterTree
from qdiffusion.circuits.trees.states.clusters import ClusterStates, RunMatrices

CHUNK = 1024
"""Samples and circuits at a time: what lies between two operations should fit the processor's caches."""


class ClusterWords:
    """Pauli words of one component: what does not depend on the samples once a call, the rest chunk by chunk.

    fixed: the weights are the same in every call.
    """

    def __init__(
        self,
        tree: ClusterTree,
        prefix: Sequence[list[Gate]],
        words: Sequence[PauliWord],
        n_weights: int,
        fixed: bool = False,
    ) -> None:
        self.tree = tree
        self._prepare: Prepared = Once(self._prepared) if fixed else self._prepared
        layout = Layout(Topology(tree))
        self._turns = RunMatrices([renumber(link.gates, (link.target,)) for link in tree.links], 1, n_weights)
        self._states = ClusterStates(layout, prefix, n_weights)
        compiled = compile_words(layout, words)
        self._program = compiled.program
        self._shapes = [shape for shape, _ in compiled.mixes]
        self._mixes = Coefficients([entry for _, entries in compiled.mixes for entry in entries])
        self._values = Constant(compiled.values)
        self._n_words = len(words)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, 1, R, number of words)."""
        if n_samples(weights, inputs) == 0:
            nothing = weights.new_zeros(*weights.shape[:2], 1, inputs.shape[2], self._n_words)
            return nothing + weights.sum() + inputs.sum()
        return in_turns(self._prepare, weights, inputs, max(1, CHUNK // weights.shape[1]))

    def _prepared(self, weights: Tensor) -> Callable[[Tensor], Tensor]:
        """What does not depend on the samples is computed here."""
        angles = angle_row(weights).flatten(0, 1)
        turns = self._turns(angles)
        tables = self._states.tables(angles, turns)
        flat = self._mixes(turns).split([n * m for n, m in self._shapes], 1)
        mixes = [mix.unflatten(1, shape) for shape, mix in zip(self._shapes, flat, strict=True)]

        def values(inputs: Tensor) -> Tensor:
            read = self._program(len(angles), mixes, self._states(tables, weights, inputs))
            return (read @ self._values.like(weights)).unflatten(0, (*weights.shape[:2], -1)).unsqueeze(2)

        return values

    def explain(self) -> str:
        tree = self.tree
        bonds = [1 << len(bond) for here, near in tree.edges().items() for there, bond in near.items() if here < there]
        pulled = f", {len(tree.trailing)} trailing links read with the observables" if tree.trailing else ""
        clusters = f"{len(tree.clusters)} clusters of {_span(map(len, tree.clusters))} qubits"
        return f"{clusters} joined by bonds of {_span(bonds)}{pulled}"


def _span(numbers: Iterable[int]) -> str:
    values = sorted(set(numbers))
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"
