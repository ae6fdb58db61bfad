"""Neighbours in a cluster tree, and what lies behind them."""

from qdiffusion.circuits.trees.shape.tree import ClusterTree, Link


class Topology:
    """Who is whose neighbour in a cluster tree, by which links, and which wires lie behind each.

    Attributes:
        home: the cluster of each wire.
        neighbours: of each cluster, those first whose links turn its wires.
        bonds: for each pair of neighbours the links between them, trailing ones left out.
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
        self._behind = {pair: self._wires(*pair) for pair in self.bonds}

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

    def behind(self, here: int, there: int) -> frozenset[int]:
        """All wires on the side of `there`, a neighbour of `here`."""
        return self._behind[here, there]

    def beyond(self, link: Link) -> frozenset[int]:
        """All wires on the target's side of a link."""
        return self._behind[self.home[link.control], self.home[link.target]]

    def reach(self, source: int, to: int | None) -> int:
        """How many wires a message along an edge can speak of: more than any message it is made of."""
        return len(self.home) if to is None else len(self._behind[to, source])
