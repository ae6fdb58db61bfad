"""Expectation values: components, their Pauli words, and sums of products of those."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.observables import Expectations
from qdiffusion.circuits.plans.deferral import Deferred
from qdiffusion.circuits.plans.explain import found, group_line
from qdiffusion.circuits.plans.reads import Read, Reads, split_reads
from qdiffusion.circuits.plans.sums import Sums
from qdiffusion.circuits.plans.ways import cheapest
from qdiffusion.circuits.trees.algebra.pullback import TooManyTermsError
from qdiffusion.circuits.trees.clusterwords import ClusterWords
from qdiffusion.circuits.vectors.adjoint import Differentiation
from qdiffusion.circuits.vectors.dense import DenseWords

Method = DenseWords | ClusterWords
"""(weights, inputs) → the values (W, C, K, R, words) of some Pauli words of K components alike."""


class WordPlan:
    """The plan for `Expectations`; arguments as for `Plan`.

    Attributes:
        sums: from the words' values to the outputs.
    """

    def __init__(self, deferred: Deferred, readout: Expectations, differentiation: Differentiation) -> None:
        self._deferred, self._circuit, self._differentiation = deferred, deferred.circuit, differentiation
        self._states_only = differentiation == "adjoint"
        self._reads = split_reads(self._circuit, readout.words, self._states_only)
        places = self._group()
        self._groups = [[self._reads.reads[index] for index in group] for group in places]
        self._methods = [self._method(group) for group in self._groups]
        self._factors = Constant(_factors(self._reads, readout, places))
        self.sums = Sums(readout)

    def _group(self) -> list[list[int]]:
        """Reads of one shape and one list of words run side by side; a tree of clusters runs alone."""
        groups: dict[object, list[int]] = defaultdict(list)
        for index, read in enumerate(self._reads.reads):
            alone = index if cheapest(read.component, self._states_only).tree else None
            groups[read.component.shape, read.words, alone].append(index)
        return list(groups.values())

    def _method(self, group: Sequence[Read]) -> Method:
        n_weights = self._circuit.n_weights
        components, words = [read.component for read in group], group[0].words
        way = cheapest(components[0], self._states_only)
        if way.tree is not None:
            with suppress(TooManyTermsError):
                return ClusterWords(way.tree, way.prefix, words, n_weights)
        return DenseWords(components, words, n_weights, differentiation=self._differentiation)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ the words' values (W, C, R, words)."""
        values = [
            method(weights, inputs if isinstance(method, DenseWords) else inputs.real) for method in self._methods
        ]
        ones = weights.new_ones(*weights.shape[:2], inputs.shape[2], 1)
        row = torch.cat([*(value.transpose(2, 3).flatten(3) for value in values), ones], -1)
        factors = self._factors.like(row)
        return row[..., factors.squeeze(-1)] if factors.shape[-1] == 1 else row[..., factors].prod(-1)

    def explain(self) -> list[str]:
        """A line for each pass that found something, and one for each group of components."""
        components = [read.component for read in self._reads.reads]
        lines = found(self._circuit, components, self._reads.n_gates, len(self._deferred.outcomes))
        lines += self._reads.cuts
        for group, method in zip(self._groups, self._methods, strict=True):
            cost = cheapest(group[0].component, self._states_only).cost
            lines.append(group_line([read.component for read in group], cost, method.explain()))
        return lines


def _factors(reads: Reads, readout: Expectations, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Where the factors of each word stand among the flat values; the 1 after the last value fills the rows up."""
    starts: dict[int, int] = {}
    end = 0
    for group in groups:
        for index in group:
            starts[index] = end
            end += len(reads.reads[index].words)
    rows = [[starts[read] + row for read, row in reads.factors[word]] for word in readout.words]
    width = max(map(len, rows), default=0) or 1
    return np.array([row + [end] * (width - len(row)) for row in rows], dtype=int).reshape(-1, width)
