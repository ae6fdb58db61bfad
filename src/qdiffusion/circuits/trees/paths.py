"""Ways through a cluster tree."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qdiffusion.circuits.trees.tree import ClusterTree, Link

if TYPE_CHECKING:
    from qdiffusion.circuits.trees.pullback import Operator

Factors = tuple[tuple[int, "Operator"], ...]
"""Operators on distinct wires, sorted by wire."""


@dataclass(frozen=True)
class Axis:
    """A wire, or the bond to a neighbour."""

    wire: int | None = None
    bond: int | None = None


class Paths:
    """Who is whose neighbour in a cluster tree, what lies behind each neighbour, and how amplitudes are laid out.

    Attributes:
        neighbours: of each cluster, those first whose links turn its wires.
        bonds: for each pair of neighbours the links between them, trailing ones left out.
        axes: of each cluster, how its part of the state is laid out. Wires with trailing links, between which and the
            bonds density matrices are taken, come first, or stand beside the bond where there is only one: what is read
            most then needs no copy.
    """

    def __init__(self, tree: ClusterTree) -> None:
        self.tree = tree
        self.clusters = tree.clusters
        self.home = tree.home()
        edges = tree.edges()
        turners = {(self.home[link.target], self.home[link.control]) for link in tree.links}
        self.neighbours = {
            here: [there for is_first in (True, False) for there in near if ((here, there) in turners) is is_first]
            for here, near in edges.items()
        }
        self.bonds = {(here, there): tuple(bond) for here, near in edges.items() for there, bond in near.items()}
        trailing = [tree.links[index] for index in tree.trailing]
        front = {wire for link in trailing for wire in (link.target, link.control)}
        self.axes = [self._axes(cluster, front) for cluster in range(len(tree.clusters))]
        self._behind = {pair: self._wires(*pair) for pair in self.bonds}
        self._waits: dict[int, bool] = {}
        for index in reversed(tree.trailing):
            target = tree.links[index].target
            turned_once = sum(link.target == target for link in trailing) == 1
            self._waits[index] = turned_once and all(self._waits[other] for other in self.later(target, index))

    def _wires(self, here: int, there: int) -> frozenset[int]:
        seen, todo = {here, there}, [there]
        while todo:
            new = [other for other in self.neighbours[todo.pop()] if other not in seen]
            seen.update(new)
            todo.extend(new)
        return frozenset(wire for cluster in seen - {here} for wire in self.clusters[cluster])

    def bond(self, here: int, there: int) -> int:
        """The number of values of the bond between two neighbours."""
        return 1 << len(self.bonds[here, there])

    def _axes(self, cluster: int, front: set[int]) -> tuple[Axis, ...]:
        wires = [(Axis(wire=wire), wire in front) for wire in self.clusters[cluster]]
        active, idle = ([axis for axis, is_front in wires if is_front is wanted] for wanted in (True, False))
        bonds = [Axis(bond=there) for there in self.neighbours[cluster]]
        if len(bonds) == 1:
            return (*idle, *active, *bonds)
        return (*active, *bonds[:1], *idle, *bonds[1:])

    def sizes(self, cluster: int) -> tuple[int, ...]:
        """The number of values of each of a cluster's axes."""
        return tuple(2 if axis.bond is None else self.bond(cluster, axis.bond) for axis in self.axes[cluster])

    def axis(self, cluster: int, *, wire: int | None = None, bond: int | None = None) -> int:
        """Where the axis of a wire, or of the bond to a neighbour, stands."""
        return self.axes[cluster].index(Axis(wire, bond))

    def behind(self, link: Link) -> frozenset[int]:
        """The wires on the target's side of a link."""
        return self._behind[self.home[link.control], self.home[link.target]]

    def reach(self, source: int, to: int | None) -> int:
        """How many wires a message along an edge can speak of: more than any message it is made of."""
        return len(self.home) if to is None else len(self._behind[to, source])

    def later(self, wire: int, link: int) -> list[int]:
        """The trailing links that `wire` controls, among those to be pulled through after `link`."""
        following = self.tree.trailing[self.tree.trailing.index(link) + 1 :]
        return [other for other in following if self.tree.links[other].control == wire]

    def may_wait(self, link: int) -> bool:
        """Whether the target of a trailing link, and all that its V would spread to, is turned by one of them only."""
        return self._waits[link]

    def around(self, cluster: int, factors: Factors, skip: int | None = None) -> tuple[Factors, ...]:
        """The factors behind each neighbour; none behind `skip`."""
        return tuple(
            () if there == skip else tuple(f for f in factors if f[0] in self._behind[cluster, there])
            for there in self.neighbours[cluster]
        )

    def within(self, cluster: int, factors: Factors) -> Factors:
        """The factors on the cluster's own wires."""
        return tuple(factor for factor in factors if factor[0] in self.clusters[cluster])
