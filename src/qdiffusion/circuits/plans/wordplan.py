"""Expectation values: components, their Pauli words, and sums of products of those."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.samples import n_samples
from qdiffusion.circuits.observables import Expectations, PauliWord
from qdiffusion.circuits.plans.deferral import Deferred
from qdiffusion.circuits.plans.explain import findings, group_line
from qdiffusion.circuits.plans.reads import Read, Reads, split_reads
from qdiffusion.circuits.plans.sums import Sums
from qdiffusion.circuits.plans.ways import USUAL_SAMPLES, Way, cheapest, rounded
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.trees.algebra.pullback import TooManyTermsError
from qdiffusion.circuits.trees.clusterwords import ClusterWords
from qdiffusion.circuits.vectors.adjoint import Evolution
from qdiffusion.circuits.vectors.dense import DenseWords
from qdiffusion.circuits.vectors.mixed import MixedWords

Method = DenseWords | ClusterWords | MixedWords
"""(weights, inputs) → the values (W, C, K, R, words) of some Pauli words of K components alike."""


class WordPlan:
    """The plan for `Expectations`; arguments as for `Plan`; with `fixed`, weights are the same in every call.

    Which way is cheapest depends on the batch: it is decided anew for batches of about 1, 4, 16, … samples.
    """

    def __init__(
        self, deferred: Deferred, readout: Expectations, differentiation: Evolution, fixed: bool = False
    ) -> None:
        self._deferred = deferred
        self._words = readout.words
        self._workshop = _Workshop(deferred.circuit.n_weights, differentiation, fixed)
        self._batches: dict[int, BatchPlan] = {}
        self._for(USUAL_SAMPLES)
        self._sums = Sums(readout)

    def _for(self, samples: int) -> "BatchPlan":
        size = rounded(samples)
        if size not in self._batches:
            self._batches[size] = BatchPlan(self._deferred, self._words, self._workshop, size)
        return self._batches[size]

    def read(self, weights: Tensor, inputs: Tensor, generator: torch.Generator | None) -> Tensor:
        """→ the words' values (W, C, R, words)."""
        return self._for(n_samples(weights, inputs))(weights, inputs)

    def combine(self, values: Any, observable_weights: Tensor | None) -> Any:
        """The outputs, from the words' values."""
        return self._sums(values, observable_weights)

    def explain(self, samples: int) -> list[str]:
        """A line for each pass that found something, and one for each group of components."""
        return self._for(samples).explain()


class _Workshop:
    """Makes methods, each once: batches of several sizes share those that they agree on."""

    def __init__(self, n_weights: int, differentiation: Evolution, fixed: bool) -> None:
        self._n_weights, self._differentiation, self._fixed = n_weights, differentiation, fixed
        self._made: dict[object, Method] = {}
        self._no_trees: set[Component] = set()

    def way(self, component: Component, samples: int) -> Way:
        """The cheapest; adjoint differentiation knows no trees of clusters, and some words have too many terms."""
        states_only = self._differentiation == "adjoint" or component in self._no_trees
        return cheapest(component, states_only, samples)

    def method(self, group: Sequence[Read], way: Way) -> Method:
        """For reads alike, computed as the first one's `way` says."""
        components, words = tuple(read.component for read in group), group[0].words
        key = (components, words, way.tree is not None)
        if key not in self._made:
            self._made[key] = self._make(components, words, way)
        return self._made[key]

    def _make(self, components: Sequence[Component], words: Sequence[PauliWord], way: Way) -> Method:
        if way.tree is not None:
            try:
                return ClusterWords(way.tree, way.prefix, words, self._n_weights, self._fixed)
            except TooManyTermsError:
                self._no_trees.add(components[0])
        on = MixedWords if components[0].is_mixed else DenseWords
        return on(components, words, self._n_weights, differentiation=self._differentiation, fixed=self._fixed)


class BatchPlan:
    """The words' values for batches of about `samples`."""

    def __init__(self, deferred: Deferred, words: Sequence[PauliWord], workshop: _Workshop, samples: int) -> None:
        self._deferred, self._samples = deferred, samples
        self._way_of = partial(workshop.way, samples=samples)
        self._reads = split_reads(deferred.circuit, words, self._way_of)
        places = self._group()
        self._groups = [[self._reads.reads[index] for index in group] for group in places]
        self._methods = [workshop.method(group, self._way_of(group[0].component)) for group in self._groups]
        self._factors = Constant(_factors(self._reads, words, places))

    def _group(self) -> list[list[int]]:
        """Reads of one shape and one list of words run side by side; a tree of clusters runs alone."""
        groups: dict[object, list[int]] = defaultdict(list)
        for index, read in enumerate(self._reads.reads):
            alone = index if self._way_of(read.component).tree else None
            groups[read.component.shape, read.words, alone].append(index)
        return list(groups.values())

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ the words' values (W, C, R, words)."""
        values = [
            method(weights, inputs.real if isinstance(method, ClusterWords) else inputs) for method in self._methods
        ]
        ones = weights.new_ones(*weights.shape[:2], inputs.shape[2], 1)
        row = torch.cat([*(value.transpose(2, 3).flatten(3) for value in values), ones], -1)
        factors = self._factors.like(row)
        return row[..., factors.squeeze(-1)] if factors.shape[-1] == 1 else row[..., factors].prod(-1)

    def explain(self) -> list[str]:
        """A line for each pass that found something, and one for each group of components."""
        components = [read.component for read in self._reads.reads]
        lines = findings(self._deferred.circuit, components, self._reads.n_gates, len(self._deferred.outcomes))
        lines += self._reads.cuts
        for group, method in zip(self._groups, self._methods, strict=True):
            cost = self._way_of(group[0].component).cost
            lines.append(group_line([read.component for read in group], method.explain(), cost, self._samples))
        return lines


def _factors(reads: Reads, words: Sequence[PauliWord], groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Where the factors of each word stand among the flat values; the 1 after the last value fills the rows up."""
    starts: dict[int, int] = {}
    end = 0
    for group in groups:
        for index in group:
            starts[index] = end
            end += len(reads.reads[index].words)
    rows = [[starts[read] + row for read, row in reads.factors[word]] for word in words]
    width = max(map(len, rows), default=0) or 1
    return np.array([row + [end] * (width - len(row)) for row in rows], dtype=int).reshape(-1, width)
