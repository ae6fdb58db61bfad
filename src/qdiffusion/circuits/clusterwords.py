"""Pauli words of components that fall into a tree of clusters."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.clusters import ClusterStates, RunMatrices
from qdiffusion.circuits.matrices import Constant
from qdiffusion.circuits.messages import Messages
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.paths import Factors, Paths
from qdiffusion.circuits.product import angle_row
from qdiffusion.circuits.pullback import Pauli, Pick, Term, pull_back
from qdiffusion.circuits.structure import renumber
from qdiffusion.circuits.tree import ClusterTree

CHUNK = 2048
"""Samples and circuits at a time: what lies between two operations should fit the processor's caches."""

Place = tuple[int, tuple[Factors, ...]]
"""A root cluster and the factors behind each of its neighbours."""


class ClusterWords:
    """Pauli words of one component, each as terms read at a root cluster.

    Terms whose root holds nothing but constant Z are read from the root's probabilities, all of one place in one
    product.
    """

    def __init__(
        self, tree: ClusterTree, prefix: Sequence[list[Gate]], words: Sequence[PauliWord], n_weights: int
    ) -> None:
        self.tree = tree
        self._paths = Paths(self.tree)
        links = [(1, renumber(link.gates, (link.target,))) for link in self.tree.links]
        self._turns = RunMatrices(links, n_weights)
        self._states = ClusterStates(self.tree, prefix, n_weights)
        pulled = [(number, term) for number, word in enumerate(words) for term in pull_back(word, self._paths)]
        self._halved = self._halves(term for _, term in pulled)
        batches: dict[Place, list[tuple[int, Term]]] = defaultdict(list)
        self._single: list[tuple[Place, Factors, bool]] = []
        order: list[tuple[int, Term]] = []
        for number, term in pulled:
            place, within = self._place(term)
            if all(operator == Pauli("Z") for _, operator in within):
                batches[place].append((number, term))
            else:
                self._single.append((place, within, term.is_hermitian))
                order.append((number, term))
        self._batches = [(place, Constant(self._signs(place[0], terms))) for place, terms in batches.items()]
        order += [pair for terms in batches.values() for pair in terms]
        scales = np.zeros((len(order), len(words)))
        for row, (number, term) in enumerate(order):
            scales[row, number] = term.scale
        self._scales = Constant(scales)

    def _place(self, term: Term) -> tuple[Place, Factors]:
        """Root at the cluster with most to read: a lone projector passes through a message for free."""
        work: dict[int, int] = defaultdict(int)
        for wire, operator in term.operators:
            if wire in term.deferred:
                continue
            work[self._paths.home[wire]] += 1 if isinstance(operator, Pick) and operator.is_projector else 2
        root = max(work, key=lambda cluster: work[cluster], default=0)
        return (root, self._paths.around(root, term.operators)), self._paths.within(root, term.operators)

    def _halves(self, terms: Iterable[Term]) -> dict[tuple[int, int], int]:
        """Messages asked for under both projections of one wire."""
        asked: dict[tuple[int, int, int], set[int]] = defaultdict(set)
        for term in terms:
            (root, around), _ = self._place(term)
            for there, factors in zip(self._paths.neighbours[root], around, strict=True):
                for wire, operator in factors if len(factors) == 1 else ():
                    if isinstance(operator, Pick) and operator.is_projector and self._paths.home[wire] == there:
                        asked[there, root, wire].add(operator.row)
        return {(source, to): wire for (source, to, wire), bits in asked.items() if len(bits) == 2}

    def _signs(self, root: int, terms: Sequence[tuple[int, Term]]) -> np.ndarray:
        """The diagonals of the root's words, (2^n, number of terms)."""
        n_wires = len(self.tree.clusters[root])
        bits = np.arange(1 << n_wires)[:, None] >> np.arange(n_wires)[::-1] & 1
        reads = [[place for place, _ in self._paths.within(root, term.operators)] for _, term in terms]
        return np.stack([(-1.0) ** bits[:, places].sum(1) for places in reads], -1)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, 1, R, number of words)."""
        angles = angle_row(weights)
        turns = self._turns(angles)
        tables = self._states.tables(angles, turns)
        rows = angle_row(weights, inputs).split(max(1, CHUNK // (weights.shape[0] * weights.shape[1])), dim=2)
        return torch.cat([self._read(self._states(tables, row), turns, weights) for row in rows], 2).unsqueeze(2)

    def _read(self, states: dict[int, Tensor], turns: dict[int, Tensor], real: Tensor) -> Tensor:
        messages = Messages(self._paths, states, turns, self._halved)
        values = [messages.value(*place, within, hermitian).unsqueeze(-1) for place, within, hermitian in self._single]
        values += [messages.probabilities(*place) @ signs.like(real) for place, signs in self._batches]
        return torch.cat(values, -1) @ self._scales.like(real)

    def explain(self) -> str:
        tree = self.tree
        bonds = [1 << len(bond) for here, near in tree.edges().items() for there, bond in near.items() if here < there]
        pulled = f", {len(tree.trailing)} trailing links read with the observables" if tree.trailing else ""
        clusters = f"{len(tree.clusters)} clusters of {_span(map(len, tree.clusters))} qubits"
        return f"{clusters} joined by bonds of {_span(bonds)}{pulled}"


def _span(numbers: Iterable[int]) -> str:
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
