"""What each cluster of a tree contributes to the state.

Let B run over all values of a cluster's links. The cluster's part is Φ^B = K^B φ(x): φ the product state of its
inputs, K^B the product of its own gates with P_s or V^s at each of its links, built once per call. The whole state is
the sum over all links' values of the product of all clusters' parts.

Axes: (K, W, C, R, the bond to each neighbour in order, 2^n), with K the clusters alike; W, C and R as in `dense`.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.matrices import Constant, GateMatrices, chain
from qdiffusion.circuits.product import ProductState
from qdiffusion.circuits.tree import ClusterTree


class RunMatrices:
    """The matrices of many runs of gates, those of one shape at once; each on wires 0 … n-1 of its own register."""

    def __init__(self, runs: Sequence[tuple[int, Sequence[Gate]]], n_weights: int) -> None:
        groups: dict[object, list[int]] = defaultdict(list)
        for index, (n_wires, gates) in enumerate(runs):
            groups[structure.shape(range(n_wires), gates)].append(index)
        self._groups = [
            (members, GateMatrices([runs[index][1] for index in members], range(runs[members[0]][0]), n_weights))
            for members in groups.values()
        ]

    def __call__(self, angles: Tensor) -> dict[int, Tensor]:
        """Angles (W, C, n_angles) → for each run (W, C, 2^n, 2^n)."""
        found: dict[int, Tensor] = {}
        for members, matrices in self._groups:
            found.update(zip(members, chain(matrices(angles)).unbind(2), strict=True))
        return found


class ClusterStates:
    """Φ of every cluster, those alike computed together."""

    def __init__(self, tree: ClusterTree, prefix: Sequence[list[Gate]], n_weights: int) -> None:
        groups: dict[object, list[int]] = defaultdict(list)
        for index in range(len(tree.clusters)):
            groups[_shape(tree, prefix, index)].append(index)
        runs: dict[tuple[int, int], tuple[int, Sequence[Gate]]] = {
            (cluster, place): (len(wires), structure.renumber(event.gates, wires))
            for cluster, wires in enumerate(tree.clusters)
            for place, event in enumerate(tree.events[cluster])
            if event.gates
        }
        self._keys = list(runs)
        self._runs = RunMatrices(list(runs.values()), n_weights)
        self._alike = [AlikeClusters(tree, prefix, members, n_weights) for members in groups.values()]

    def tables(self, angles: Tensor, turns: dict[int, Tensor]) -> list[Tensor]:
        """K^B of all clusters, from the angles of the weights: all that does not depend on the samples."""
        found = self._runs(angles)
        runs = {key: found[index] for index, key in enumerate(self._keys)}
        return [alike.table(runs, turns, angles) for alike in self._alike]

    def __call__(self, tables: Sequence[Tensor], row: Tensor) -> dict[int, Tensor]:
        """→ for each cluster (W, C, R, bonds …, 2^n), from angles (W, C, R, weights and inputs)."""
        states: dict[int, Tensor] = {}
        for alike, table in zip(self._alike, tables, strict=True):
            states.update(zip(alike.members, alike(table, row).unbind(0), strict=True))
        return states


class AlikeClusters:
    """Clusters that differ only in which weights and inputs their angles read."""

    def __init__(self, tree: ClusterTree, prefix: Sequence[list[Gate]], members: Sequence[int], n_weights: int) -> None:
        self.members = members
        wires = [tree.clusters[index] for index in members]
        self._n_wires = len(wires[0])
        runs = [[list(structure.renumber(prefix[wire], own)) for wire in own] for own in wires]
        self._product = ProductState(runs, n_weights)
        self._phases = None if self._product.phases is None else Constant(self._product.phases)
        self._steps = [
            None if event.gates else LinkEnd(wires[0].index(event.wire), self._links(tree, place))
            for place, event in enumerate(tree.events[members[0]])
        ]
        order = [event.link for event in tree.events[members[0]] if not event.gates]
        bonds = tree.edges()[members[0]].values()
        self._bond_axes = [order.index(link) for bond in bonds for link in bond]
        self._bond_sizes = [1 << len(bond) for bond in bonds]

    def _links(self, tree: ClusterTree, place: int) -> list[int] | None:
        """The links whose V acts at this place, None where P does."""
        alike = [tree.events[index][place] for index in self.members]
        return None if alike[0].is_control else [event.link for event in alike]

    def __call__(self, table: Tensor, row: Tensor) -> Tensor:
        phi = self._product(row).movedim(2, 0)
        parts = phi @ table if self._phases is None else torch.view_as_complex((phi @ table).unflatten(-1, (-1, 2)))
        return parts.unflatten(-1, (*self._bond_sizes, 1 << self._n_wires))

    def table(self, runs: dict[tuple[int, int], Tensor], turns: dict[int, Tensor], angles: Tensor) -> Tensor:
        """K^B of all bond values, (K, W, C, 2^n, B · 2^n); real, twice as wide, where it acts on a real φ."""
        size = 1 << self._n_wires
        table = torch.eye(size, dtype=angles.dtype.to_complex(), device=angles.device)
        table = table.expand(len(self.members), *angles.shape[:2], 1, size, size)
        for place, step in enumerate(self._steps):
            if step is not None:
                table = step(table, turns)
            else:
                run = torch.stack([runs[index, place] for index in self.members]).unsqueeze(3)
                table = run @ table if place else run
        split = table.unflatten(3, (2,) * len(self._bond_axes)) if self._bond_axes else table.squeeze(3)
        ordered = split.permute(0, 1, 2, *(3 + axis for axis in self._bond_axes), -2, -1)
        table = ordered.reshape(*table.shape[:3], -1, size).mT
        if self._phases is None:
            return table
        return torch.view_as_real(table * self._phases.like(angles).unsqueeze(-1)).flatten(-2)


class LinkEnd:
    """A cluster's end of a link: both P_s, or both V^s where `links` names each cluster's link, as a new bond value."""

    def __init__(self, wire: int, links: Sequence[int] | None) -> None:
        self._wire = wire
        self._links = links
        self._projectors = Constant(np.eye(2).reshape(2, 1, 2, 1, 1))

    def __call__(self, table: Tensor, turns: dict[int, Tensor]) -> Tensor:
        """(K, W, C, B, d, d) → (K, W, C, 2B, d, d), the new value last."""
        split = table.unflatten(-2, (1 << self._wire, 2, -1)).unsqueeze(4)
        if self._links is None:
            pair = split * self._projectors.like(table.real)
        else:
            turn = torch.stack([turns[link] for link in self._links])[:, :, :, None, None, None]
            turned = (turn @ split.flatten(-2)).view_as(split)
            pair = torch.cat([split, turned], 4)
        return pair.flatten(5, 7).flatten(3, 4)


def _shape(tree: ClusterTree, prefix: Sequence[list[Gate]], index: int) -> object:
    """Equal for clusters alike."""
    wires = tree.clusters[index]
    bonds = list(tree.edges()[index].values())
    events: list[object] = []
    for event in tree.events[index]:
        if event.gates:
            events.append(structure.shape(wires, structure.renumber(event.gates, wires)))
        else:
            place = next((b, bond.index(event.link)) for b, bond in enumerate(bonds) if event.link in bond)
            events.append((wires.index(event.wire), event.is_control, place))
    starts = tuple(structure.shape((0,), structure.renumber(prefix[wire], (wire,))) for wire in wires)
    return (len(wires), tuple(map(len, bonds)), tuple(events), starts)
