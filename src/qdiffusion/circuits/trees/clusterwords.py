"""Pauli words of components that fall into a tree of clusters."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.picking import angle_row
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
    """Pauli words of one component: what does not depend on the samples once a call, the rest chunk by chunk."""

    def __init__(
        self, tree: ClusterTree, prefix: Sequence[list[Gate]], words: Sequence[PauliWord], n_weights: int
    ) -> None:
        self.tree = tree
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
        n_weights, n_circuits, n_inputs = *weights.shape[:2], inputs.shape[2]
        if n_weights * n_inputs == 0:
            nothing = weights.new_zeros(n_weights, n_circuits, 1, n_inputs, self._n_words)
            return nothing + weights.sum() + inputs.sum()
        at_once = max(1, CHUNK // n_circuits)
        if n_inputs > 1 or n_weights <= at_once:
            return self._values_of(weights, inputs)
        parts = zip(weights.split(at_once), inputs.split(at_once), strict=True)
        return torch.cat([self._values_of(*part) for part in parts])

    def _values_of(self, weights: Tensor, inputs: Tensor) -> Tensor:
        angles = angle_row(weights).flatten(0, 1)
        turns = self._turns(angles)
        tables = self._states.tables(angles, turns)
        flat = self._mixes(turns)
        mixes = [
            mix.unflatten(1, shape)
            for shape, mix in zip(self._shapes, flat.split([n * m for n, m in self._shapes], 1), strict=True)
        ]
        n_groups = weights.shape[0] * weights.shape[1]
        chunks = inputs.split(max(1, CHUNK // n_groups), dim=2)
        parts = [self._program(n_groups, mixes, self._states(tables, weights, chunk)) for chunk in chunks]
        values = [part @ self._values.like(weights) for part in parts]
        shaped = [value.unflatten(0, (*weights.shape[:2], -1)) for value in values]
        return (shaped[0] if len(shaped) == 1 else torch.cat(shaped, 2)).unsqueeze(2)

    def explain(self) -> str:
        tree = self.tree
        bonds = [1 << len(bond) for here, near in tree.edges().items() for there, bond in near.items() if here < there]
        pulled = f", {len(tree.trailing)} trailing links read with the observables" if tree.trailing else ""
        clusters = f"{len(tree.clusters)} clusters of {_span(map(len, tree.clusters))} qubits"
        return f"{clusters} joined by bonds of {_span(bonds)}{pulled}"


def _span(numbers: Iterable[int]) -> str:
    values = sorted(set(numbers))
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"
