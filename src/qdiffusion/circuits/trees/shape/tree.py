"""Circuits that fall into small clusters of wires joined by few controlled gates: what can be known before any angle
is.

Draw the wires as points and the gates as edges. A *bridge* is an edge whose removal splits the graph; cutting all
bridges that carry only controlled one-wire gates leaves clusters joined in a tree. A controlled gate is Σ_s P_s ⊗ V^s
over the control's two values, an operator of Schmidt rank 2; one such sum is a `Link`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from qdiffusion.circuits.circuit import Gate

Edge = tuple[int, int]

MERGED_WIRES = 4
"""Neighbouring clusters are merged up to this many wires: a bond costs more than the wires it saves."""


@dataclass(frozen=True)
class Link:
    """Σ_s P_s on wire `control` ⊗ V^s on wire `target`; V is the product of `gates`, written without their control."""

    control: int
    target: int
    gates: tuple[Gate, ...]


@dataclass(frozen=True)
class Event:
    """What happens next in a cluster: a run of its own gates, or its end of a link (the control's or the target's)."""

    gates: tuple[Gate, ...] = ()
    link: int = -1
    wire: int = -1
    is_control: bool = False


@dataclass(frozen=True)
class ClusterTree:
    """Clusters of wires, the events of each in order, and the links between them.

    `trailing` links come after everything that touches their wires: they belong to the observables, last first.
    """

    clusters: tuple[tuple[int, ...], ...]
    events: tuple[tuple[Event, ...], ...]
    links: tuple[Link, ...]
    trailing: tuple[int, ...]

    def home(self) -> dict[int, int]:
        """The cluster of each wire."""
        return {wire: index for index, cluster in enumerate(self.clusters) for wire in cluster}

    def edges(self) -> dict[int, dict[int, list[int]]]:
        """For each cluster its neighbours, and for each neighbour the links that make the bond between them."""
        home = self.home()
        bonds: dict[int, dict[int, list[int]]] = {index: {} for index in range(len(self.clusters))}
        for index, link in enumerate(self.links):
            ends = home[link.control], home[link.target]
            for here, there in (ends, ends[::-1]):
                bond = bonds[here].setdefault(there, [])
                if index not in self.trailing:
                    bond.append(index)
        return bonds


def grow_tree(n_wires: int, gates: Sequence[Gate], merged_wires: int = MERGED_WIRES) -> ClusterTree:
    """The cluster tree of `gates` on wires 0 … n_wires-1; neighbours are merged up to `merged_wires` wires."""
    clusters = _clusters(n_wires, gates, merged_wires)
    home = {wire: index for index, cluster in enumerate(clusters) for wire in cluster}
    events: list[list[Event]] = [[] for _ in clusters]
    links: list[Link] = []
    last: dict[int, int] = {}
    for gate in gates:
        if len({home[wire] for wire in gate.wires}) == 1:
            _append(events[home[gate.wires[0]]], gate)
            last.update(dict.fromkeys(gate.wires, -1))
            continue
        (control,), (target,) = gate.controls, gate.targets
        bare = replace(gate, controls=())
        open_link = last.get(control, -1)
        if open_link >= 0 and last.get(target) == open_link and links[open_link].control == control:
            links[open_link] = Link(control, target, (*links[open_link].gates, bare))
            continue
        events[home[control]].append(Event(link=len(links), wire=control, is_control=True))
        events[home[target]].append(Event(link=len(links), wire=target))
        last[control] = last[target] = len(links)
        links.append(Link(control, target, (bare,)))
    trailing = _pull(events, links)
    return ClusterTree(clusters, tuple(map(tuple, events)), tuple(links), tuple(trailing))


def _append(events: list[Event], gate: Gate) -> None:
    """Into the last run that the gate can reach without passing a link on one of its wires."""
    for index in reversed(range(len(events))):
        if events[index].gates:
            events[index] = Event((*events[index].gates, gate))
            return
        if events[index].wire in gate.wires:
            break
    events.append(Event((gate,)))


def _pull(events: list[list[Event]], links: Sequence[Link]) -> list[int]:
    """Takes trailing links out of `events`; returns them, last first."""
    pulled = []
    for index in reversed(range(len(links))):
        ends = [(own, at) for own in events for at, event in enumerate(own) if event.link == index]
        if all(_is_last(own, at) for own, at in ends):
            for own, at in ends:
                del own[at]
            pulled.append(index)
    return pulled


def _is_last(events: Sequence[Event], at: int) -> bool:
    wire = events[at].wire
    later = events[at + 1 :]
    return all(wire != event.wire and all(wire not in gate.wires for gate in event.gates) for event in later)


def _clusters(n_wires: int, gates: Sequence[Gate], merged_wires: int) -> tuple[tuple[int, ...], ...]:
    firm = {_edge(*pair) for gate in gates if not _is_cuttable(gate) for pair in combinations(gate.wires, 2)}
    soft = Counter(_edge(*gate.wires) for gate in gates if _is_cuttable(gate))
    cut = [pair for pair in _bridges(n_wires, {*firm, *soft}) if pair not in firm]
    groups = _Groups(n_wires)
    for pair in {*firm, *soft}.difference(cut):
        groups.join(*pair)
    for pair in sorted(cut, key=lambda pair: -soft[pair]):
        if groups.size(pair[0]) + groups.size(pair[1]) <= merged_wires:
            groups.join(*pair)
    return groups.members()


def _edge(first: int, second: int) -> Edge:
    return min(first, second), max(first, second)


def _is_cuttable(gate: Gate) -> bool:
    return len(gate.controls) == 1 and len(gate.targets) == 1


class _Groups:
    """Disjoint sets of wires."""

    def __init__(self, n_wires: int) -> None:
        self._of = {wire: [wire] for wire in range(n_wires)}

    def join(self, first: int, second: int) -> None:
        here, there = self._of[first], self._of[second]
        if here is not there:
            here.extend(there)
            self._of.update(dict.fromkeys(there, here))

    def size(self, wire: int) -> int:
        return len(self._of[wire])

    def members(self) -> tuple[tuple[int, ...], ...]:
        return tuple(dict.fromkeys(tuple(sorted(group)) for group in self._of.values()))


def _bridges(n_wires: int, pairs: Iterable[Edge]) -> list[Edge]:
    """Edges on no cycle, by depth-first search (Tarjan 1974), without recursion."""
    neighbours: dict[int, list[int]] = defaultdict(list)
    for first, second in pairs:
        neighbours[first].append(second)
        neighbours[second].append(first)
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    bridges = []
    for root in range(n_wires):
        stack = [(root, -1, iter(neighbours[root]))] if root not in order else []
        order.setdefault(root, len(order))
        low.setdefault(root, order[root])
        while stack:
            wire, parent, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                if parent >= 0:
                    low[parent] = min(low[parent], low[wire])
                    if low[wire] > order[parent]:
                        bridges.append(_edge(wire, parent))
            elif following not in order:
                order[following] = low[following] = len(order)
                stack.append((following, wire, iter(neighbours[following])))
            elif following != parent:
                low[wire] = min(low[wire], order[following])
    return bridges
