"""What each cluster of a tree contributes to the state.

Let B run over all values of a cluster's links. The cluster's part is Φ^B = K^B φ(x): φ the product state of its
inputs, K^B the product of its own gates with P_s or V^s at each of its links, built once per call. The whole state is
the sum over all links' values of the product of all clusters' parts.

Clusters of one size are built together, gate by gate and link by link; those with links at the same places also meet
their inputs together. Axes: (G, K, …) with G = W·C circuits and K clusters; W, C and R as in `dense`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.angles.composition import GateProducts
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.picking import angle_row
from qdiffusion.circuits.angles.product import ProductState
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.gates import embed
from qdiffusion.circuits.trees.shape.layout import Layout
from qdiffusion.circuits.trees.shape.tree import Event
from qdiffusion.circuits.trees.states.folding import fold


class RunMatrices:
    """The matrices of many runs of gates, those of one shape at once; each on wires 0 … n-1 of its own register."""

    def __init__(self, runs: Sequence[Sequence[Gate]], n_wires: int, n_weights: int) -> None:
        self._size = 1 << n_wires
        groups: dict[object, list[int]] = defaultdict(list)
        for index, gates in enumerate(runs):
            groups[structure.shape(range(n_wires), gates)].append(index)
        self._groups = [
            GateProducts([[runs[index]] for index in members], range(n_wires), n_weights) for members in groups.values()
        ]
        order = [index for members in groups.values() for index in members]
        self._order = None if order == sorted(order) else Constant(np.argsort(order))

    def __call__(self, angles: Tensor) -> Tensor:
        """Angles (…, n_angles) → (…, runs, 2^n, 2^n)."""
        none = angles.new_empty(*angles.shape[:-1], 0, self._size, self._size, dtype=angles.dtype.to_complex())
        groups = [products(angles).squeeze(-3) for products in self._groups] or [none]
        matrices = torch.cat(groups, -3) if len(groups) > 1 else groups[0]
        return matrices if self._order is None else matrices[..., self._order.like(angles), :, :]


class LinkEnds:
    """Ends of links in clusters of one size: both P_s, or both V^s, as one matrix (2^n values, s) × 2^n values.

    Args:
        ends: for each its event and its wire's place in its cluster.
        n_wires: of each cluster.
    """

    def __init__(self, ends: Sequence[tuple[Event, int]], n_wires: int) -> None:
        size = 1 << n_wires
        units = np.eye(4).reshape(4, 2, 2)
        terms = np.zeros((len(ends), 5, size, 2, size), dtype=complex)
        for term, (event, place) in zip(terms, ends, strict=True):
            if event.is_control:
                term[0] = np.moveaxis(embed(units[[0, 3]].astype(complex), (place,), n_wires), 0, 1)
            else:
                term[0, :, 0] = np.eye(size)
                term[1:, :, 1] = embed(units.astype(complex), (place,), n_wires)
        self._terms = Constant(terms.reshape(len(ends), 5, 2 * size * size))
        self._shape = (2 * size, size)
        # The number 1, then the four elements of V; at a control only the former counts.
        index = [[0, *range(1 + 4 * event.link, 5 + 4 * event.link)] for event, _ in ends]
        self._index = Constant(np.array(index, dtype=int).reshape(-1, 5))

    def __call__(self, elements: Tensor) -> Tensor:
        """1 and the elements of all V, (G, 1 + 4 links) → (G, ends, 2 · 2^n, 2^n)."""
        index, terms = self._index.like(elements.real), self._terms.like(elements.real)
        return (elements[:, index].unsqueeze(-2) @ terms).squeeze(-2).unflatten(-1, self._shape)


class Family:
    """Clusters of one size that start alike: the same leading gates on as many wires.

    Attributes:
        members: the clusters, those with links at the same places side by side.
    """

    def __init__(self, layout: Layout, clusters: Sequence[int], prefix: Sequence[list[Gate]], n_weights: int) -> None:
        tree, groups = layout.topology.tree, defaultdict[object, list[int]](list)
        for cluster in clusters:
            groups[_pattern(layout, cluster)].append(cluster)
        self.members = [cluster for group in groups.values() for cluster in group]
        self._n_wires = len(tree.clusters[clusters[0]])
        self._groups = [Alike(layout, group) for group in groups.values()]
        starts = [
            [list(structure.renumber(prefix[wire], tree.clusters[cluster])) for wire in tree.clusters[cluster]]
            for cluster in self.members
        ]
        gates = [gate for start in starts for run in start for gate in run]
        self._inputs_only = bool(gates) and all(map(structure.reads_input, gates))
        self._product = ProductState(starts, 0 if self._inputs_only else n_weights)
        self._phases = None if self._product.phases is None else Constant(self._product.phases)
        placed = [
            (event, tree.clusters[cluster])
            for group in groups.values()
            for events in zip(*(tree.events[cluster] for cluster in group), strict=True)
            for event, cluster in zip(events, group, strict=True)
        ]
        self._runs = RunMatrices(
            [structure.renumber(event.gates, wires) for event, wires in placed if event.gates], self._n_wires, n_weights
        )
        self._ends = LinkEnds(
            [(event, wires.index(event.wire)) for event, wires in placed if not event.gates], self._n_wires
        )

    def _sizes(self, *, is_run: bool) -> list[int]:
        return [len(group.clusters) for group in self._groups for step in group.steps if step is is_run]

    def tables(self, angles: Tensor, elements: Tensor) -> list[Tensor]:
        """K^B of each group, (G, K, 2^n, numbers); real, twice as wide, where φ is real."""
        runs = iter(self._runs(angles).split(self._sizes(is_run=True), 1))
        ends = iter(self._ends(elements).split(self._sizes(is_run=False), 1))
        tables = [group.table(runs, ends, angles) for group in self._groups]
        if self._phases is None:
            return tables
        phases = self._phases.like(angles).unsqueeze(-1)
        return [torch.view_as_real(table * phases).flatten(-2) for table in tables]

    def __call__(self, tables: Sequence[Tensor], weights: Tensor, inputs: Tensor) -> list[Tensor]:
        """→ for each member (W·C·R, numbers)."""
        phi = self._product(inputs if self._inputs_only else angle_row(weights, inputs)).flatten(0, 1)
        parts = phi.split([len(group.clusters) for group in self._groups], 1)
        states: list[Tensor] = []
        for part, table in zip(parts, tables, strict=True):
            own = part @ table
            if self._phases is not None:
                own = torch.view_as_complex(own.unflatten(-1, (-1, 2)))
            states += [state.flatten(0, 1) for state in own.unbind(1)]
        return states


class Alike:
    """Clusters of one size with links at the same places, whichever end of a link stands there.

    Attributes:
        steps: of each of their events whether it is a run of gates, or else the end of a link.
    """

    def __init__(self, layout: Layout, clusters: Sequence[int]) -> None:
        self.clusters, first = clusters, clusters[0]
        self.steps = [bool(event.gates) for event in layout.topology.tree.events[first]]
        self._size = 1 << len(layout.topology.clusters[first])
        n_values = len(layout.topology.clusters[first]) + self.steps.count(False)
        # From (…, wires, links from last to first, input) to (…, input, axes), a bond being its links.
        self._sizes = (*(2,) * n_values, self._size)
        self._order = (0, 1, 2 + n_values, *(2 + place for place in _places(layout, first)))

    def table(self, runs: Iterator[Tensor], ends: Iterator[Tensor], angles: Tensor) -> Tensor:
        """K^B, complex (G, K, 2^n, numbers), from the stacks of all runs and of all ends, (G, K, …) each."""
        factors = [next(runs if is_run else ends).flatten(0, 1) for is_run in self.steps]
        if factors:
            table = fold(factors)
        else:
            table = torch.eye(self._size, dtype=angles.dtype.to_complex(), device=angles.device)
            table = table.expand(len(angles) * len(self.clusters), -1, -1)
        return table.reshape(len(angles), -1, *self._sizes).permute(self._order).flatten(3)


def _places(layout: Layout, cluster: int) -> tuple[int, ...]:
    """Where the parts of a cluster's axes stand among its wires and, from last to first, its links."""
    wires = layout.topology.clusters[cluster]
    links = [event.link for event in reversed(layout.topology.tree.events[cluster]) if not event.gates]
    places: list[int] = []
    for axis in layout.axes[cluster]:
        if axis.bond is None:
            places += [place for place, wire in enumerate(wires) if wire == axis.wire]
        else:
            places += [len(wires) + links.index(link) for link in layout.topology.bonds[cluster, axis.bond]]
    return tuple(places)


def _pattern(layout: Layout, cluster: int) -> object:
    """Equal for clusters whose K^B are the same products of matrices of the same sizes, laid out in the same way."""
    return tuple(bool(event.gates) for event in layout.topology.tree.events[cluster]), _places(layout, cluster)


class ClusterStates:
    """Φ of every cluster."""

    def __init__(self, layout: Layout, prefix: Sequence[list[Gate]], n_weights: int) -> None:
        families: dict[object, list[int]] = defaultdict(list)
        for cluster, wires in enumerate(layout.topology.clusters):
            starts = [structure.shape((0,), structure.renumber(prefix[wire], (wire,))) for wire in wires]
            families[tuple(starts)].append(cluster)
        self._families = [Family(layout, members, prefix, n_weights) for members in families.values()]

    def tables(self, angles: Tensor, turns: Tensor) -> list[list[Tensor]]:
        """K^B of all clusters, from the angles of the weights (G, n_weights) and V of all links (G, links, 2, 2): all
        that does not depend on the samples.
        """
        elements = torch.cat([turns.new_ones(len(turns), 1), turns.flatten(1)], 1)
        return [family.tables(angles, elements) for family in self._families]

    def __call__(self, tables: Sequence[Sequence[Tensor]], weights: Tensor, inputs: Tensor) -> list[Tensor]:
        """→ for each cluster (W·C·R, bonds and wires as `Layout.sizes` has them)."""
        states: dict[int, Tensor] = {}
        for family, own in zip(self._families, tables, strict=True):
            states.update(zip(family.members, family(own, weights, inputs), strict=True))
        return [states[cluster] for cluster in range(len(states))]
