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
from qdiffusion.circuits.product import ProductState, angle_row
from qdiffusion.circuits.tree import ClusterTree, Event


class LinkTurns:
    """V of every link, all links of one shape at once."""

    def __init__(self, tree: ClusterTree, n_weights: int) -> None:
        groups: dict[object, list[int]] = defaultdict(list)
        gates = [structure.renumber(link.gates, (link.target,)) for link in tree.links]
        for index, found in enumerate(gates):
            groups[structure.shape((0,), found)].append(index)
        self._groups = [
            (members, GateMatrices([gates[index] for index in members], (0,), n_weights)) for members in groups.values()
        ]

    def __call__(self, angles: Tensor) -> dict[int, Tensor]:
        """Angles (W, C, n_angles) → for each link (W, C, 2, 2)."""
        turns: dict[int, Tensor] = {}
        for members, matrices in self._groups:
            turns.update(zip(members, chain(matrices(angles)).unbind(2), strict=True))
        return turns


class ClusterStates:
    """Φ of every cluster, those alike computed together."""

    def __init__(self, tree: ClusterTree, prefix: Sequence[list[Gate]], n_weights: int) -> None:
        groups: dict[object, list[int]] = defaultdict(list)
        for index in range(len(tree.clusters)):
            groups[_shape(tree, prefix, index)].append(index)
        self._alike = [AlikeClusters(tree, prefix, members, n_weights) for members in groups.values()]

    def __call__(self, weights: Tensor, inputs: Tensor, turns: dict[int, Tensor]) -> dict[int, Tensor]:
        """→ for each cluster (W, C, R, bonds …, 2^n)."""
        states: dict[int, Tensor] = {}
        angles, row = angle_row(weights), angle_row(weights, inputs)
        for alike in self._alike:
            states.update(zip(alike.members, alike(angles, row, turns).unbind(0), strict=True))
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
        events = zip(*(tree.events[index] for index in members), strict=True)
        self._steps = [self._step(alike, wires, n_weights) for alike in events]
        order = [event.link for event in tree.events[members[0]] if not event.gates]
        bonds = tree.edges()[members[0]].values()
        self._bond_axes = [order.index(link) for bond in bonds for link in bond]
        self._bond_sizes = [1 << len(bond) for bond in bonds]

    def _step(
        self, alike: Sequence[Event], wires: Sequence[tuple[int, ...]], n_weights: int
    ) -> "GateMatrices | LinkEnd":
        if alike[0].gates:
            rows = [structure.renumber(event.gates, own) for event, own in zip(alike, wires, strict=True)]
            return GateMatrices(rows, range(self._n_wires), n_weights)
        links = None if alike[0].is_control else [event.link for event in alike]
        return LinkEnd(wires[0].index(alike[0].wire), links)

    def __call__(self, angles: Tensor, row: Tensor, turns: dict[int, Tensor]) -> Tensor:
        phi = self._product(row).movedim(2, 0)
        table = self._table(angles, turns)
        if self._phases is None:
            parts = phi @ table.mT
        else:
            table = torch.view_as_real((table * self._phases.like(phi)).mT).flatten(-2)
            parts = torch.view_as_complex((phi @ table).unflatten(-1, (-1, 2)))
        return parts.unflatten(-1, (*self._bond_sizes, 1 << self._n_wires))

    def _table(self, angles: Tensor, turns: dict[int, Tensor]) -> Tensor:
        """K^B of all bond values as one matrix, (K, W, C, B · 2^n, 2^n)."""
        size = 1 << self._n_wires
        table = torch.eye(size, dtype=angles.dtype.to_complex(), device=angles.device)
        table = table.expand(len(self.members), *angles.shape[:2], 1, size, size)
        for number, step in enumerate(self._steps):
            if isinstance(step, LinkEnd):
                table = step(table, turns)
            else:
                run = chain(step(angles)).movedim(2, 0).unsqueeze(3)
                table = run @ table if number else run
        split = table.unflatten(3, (2,) * len(self._bond_axes)) if self._bond_axes else table.squeeze(3)
        ordered = split.permute(0, 1, 2, *(3 + axis for axis in self._bond_axes), -2, -1)
        return ordered.reshape(*table.shape[:3], -1, size)


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
