"""Ways through a cluster tree."""

from typing import TYPE_CHECKING

from qdiffusion.circuits.tree import ClusterTree, Link

if TYPE_CHECKING:
    from qdiffusion.circuits.pullback import Operator

Factors = tuple[tuple[int, "Operator"], ...]
"""Operators on distinct wires, sorted by wire."""


class Paths:
    """Who is whose neighbour in a cluster tree, and what lies behind each neighbour."""

    def __init__(self, tree: ClusterTree) -> None:
        self.tree = tree
        self.clusters = tree.clusters
        self.home = tree.home()
        self.neighbours = {index: list(edges) for index, edges in tree.edges().items()}
        self._behind = {
            (here, there): self._wires(here, there) for here, near in self.neighbours.items() for there in near
        }

    def _wires(self, here: int, there: int) -> frozenset[int]:
        seen, todo = {here, there}, [there]
        while todo:
            new = [other for other in self.neighbours[todo.pop()] if other not in seen]
            seen.update(new)
            todo.extend(new)
        return frozenset(wire for cluster in seen - {here} for wire in self.clusters[cluster])

    def behind(self, link: Link) -> frozenset[int]:
        """The wires on the target's side of a link."""
        return self._behind[self.home[link.control], self.home[link.target]]

    def later(self, wire: int, link: int) -> list[int]:
        """The trailing links that `wire` controls, among those to be pulled through after `link`."""
        following = self.tree.trailing[self.tree.trailing.index(link) + 1 :]
        return [other for other in following if self.tree.links[other].control == wire]

    def around(self, cluster: int, factors: Factors, skip: int | None = None) -> tuple[Factors, ...]:
        """The factors behind each neighbour; none behind `skip`."""
        return tuple(
            () if there == skip else tuple(f for f in factors if f[0] in self._behind[cluster, there])
            for there in self.neighbours[cluster]
        )

    def within(self, cluster: int, factors: Factors) -> Factors:
        """The factors on the cluster's own wires, renumbered to it."""
        wires = self.clusters[cluster]
        return tuple((wires.index(wire), operator) for wire, operator in factors if wire in wires)
