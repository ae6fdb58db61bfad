"""How the clusters' amplitudes lie in memory."""

from dataclasses import dataclass

from qdiffusion.circuits.trees.shape.topology import Topology


@dataclass(frozen=True)
class Axis:
    """A wire, or the bond to a neighbour."""

    wire: int | None = None
    bond: int | None = None


class Layout:
    """The axes of each cluster's part of the state.

    Attributes:
        axes: of each cluster. Wires with trailing links, between which and the bonds density matrices are taken, come
            first, or stand beside the bond where there is only one: what is read most then needs no copy.
    """

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        trailing = [topology.tree.links[index] for index in topology.tree.trailing]
        active = {wire for link in trailing for wire in (link.target, link.control)}
        self.axes = [self._axes(cluster, active) for cluster in range(len(topology.clusters))]

    def _axes(self, cluster: int, active_wires: set[int]) -> tuple[Axis, ...]:
        wires = self.topology.clusters[cluster]
        active, idle = (
            [Axis(wire=wire) for wire in wires if (wire in active_wires) is wanted] for wanted in (True, False)
        )
        bonds = [Axis(bond=there) for there in self.topology.neighbours[cluster]]
        if len(bonds) == 1:
            return (*idle, *active, *bonds)
        return (*active, *bonds[:1], *idle, *bonds[1:])

    def sizes(self, cluster: int) -> tuple[int, ...]:
        """The number of values of each of a cluster's axes."""
        return tuple(2 if axis.bond is None else self.topology.bond(cluster, axis.bond) for axis in self.axes[cluster])

    def axis(self, cluster: int, *, wire: int | None = None, bond: int | None = None) -> int:
        """Where the axis of a wire, or of the bond to a neighbour, stands."""
        return self.axes[cluster].index(Axis(wire, bond))
