"""Which messages the terms of some words need, and which of them are computed together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from qdiffusion.circuits.trees.paths import Factors, Paths
from qdiffusion.circuits.trees.pullback import Conjugate, Dephase, Pauli, Pick

Edge = tuple[int, int | None]
"""From a cluster to a neighbour; to None in a tree of one cluster."""

Flips = tuple[tuple[int, str], ...]
"""Wires and the letters of Paulis on them."""


@dataclass(frozen=True)
class Part:
    """A summand of a message: operators within its source, and the messages from behind (None: from where it goes)."""

    within: Factors
    around: tuple[int | None, ...]

    @property
    def support(self) -> tuple[int, ...]:
        """Wires whose operators are mixed in afterwards: all that are more than a Pauli, or a lone one."""
        if len(self.within) == 1:
            return (self.within[0][0],)
        return tuple(wire for wire, operator in self.within if not isinstance(operator, Pauli))

    @property
    def flips(self) -> Flips:
        """The Paulis on other wires, which are applied to the ket."""
        support = self.support
        return tuple((w, o.letter) for w, o in self.within if isinstance(o, Pauli) and w not in support)


class Requests:
    """All messages that some words need, each once, those it needs before it."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.messages: list[tuple[Edge, tuple[Part, ...]]] = []
        self._numbers: dict[object, int] = {}

    def message(self, source: int, to: int, factors: Factors) -> int:
        """The message of the factors on `source` and behind it."""
        key = (source, to, factors)
        if key not in self._numbers:
            self._numbers[key] = self.sum((source, to), self._parts(source, to, factors))
        return self._numbers[key]

    def sum(self, edge: Edge, parts: Sequence[Part]) -> int:
        """A message that is a sum."""
        key = (edge, tuple(parts))
        if key not in self._numbers:
            self._numbers[key] = len(self.messages)
            self.messages.append(key)
        return self._numbers[key]

    def part(self, edge: Edge, factors: Factors) -> Part:
        source, to = edge
        around = self.paths.around(source, factors, to)
        behind = [
            None if there == to else self.message(there, source, each)
            for there, each in zip(self.paths.neighbours[source], around, strict=True)
        ]
        return Part(self.paths.within(source, factors), tuple(behind))

    def _parts(self, source: int, to: int, factors: Factors) -> list[Part]:
        """One; for a V that has links to pass yet, its elements see different messages from behind."""
        edge = (source, to)
        if len(factors) == 1 and isinstance(turn := factors[0][1], Conjugate) and turn.is_turn:
            wire = factors[0][0]
            later = self.paths.later(wire, turn.link)
            if later:
                return [self.part(edge, each) for each in self._passed(wire, turn, later)]
        return [self.part(edge, factors)]

    def _passed(self, wire: int, turn: Conjugate, later: Sequence[int]) -> list[Factors]:
        """A V in front of the links that its wire controls, as factors in front of none."""
        links = self.paths.tree.links
        found: list[Factors] = [((wire, Dephase(turn)),)]
        for row, column in ((0, 1), (1, 0)):
            behind = [(links[index].target, Conjugate(index, row, None, column)) for index in later]
            found.append(((wire, Pick(row, turn, column)), *behind))
        return found


@dataclass
class Node:
    """Messages along one edge that share reduced density matrices.

    Attributes:
        kets: the messages applied to each ket.
        members: messages, by number.
    """

    edge: Edge
    flips: Flips
    support: tuple[int, ...]
    kets: list[tuple[int | None, ...]] = field(default_factory=list)
    members: list[int] = field(default_factory=list)


def nodes_of(requests: Requests) -> list[Node]:
    """All messages in nodes, each after those it needs."""
    nodes: dict[tuple[Edge, Flips, tuple[int, ...]], Node] = {}
    plain = []
    for number, (edge, parts) in enumerate(requests.messages):
        if not parts[0].within:
            plain.append(number)
            continue
        key = (edge, parts[0].flips, parts[0].support)
        _join(nodes.setdefault(key, Node(*key)), number, parts)
    for number in plain:
        edge, parts = requests.messages[number]
        # The plain message is the trace of any density matrix of the same ket.
        hosts = [node for key, node in nodes.items() if key[:2] == (edge, ()) and parts[0].around in node.kets]
        host = hosts[0] if hosts else nodes.setdefault((edge, (), ()), Node(edge, (), ()))
        _join(host, number, parts)
    return sorted(nodes.values(), key=lambda node: requests.paths.reach(*node.edge))


def _join(node: Node, number: int, parts: Sequence[Part]) -> None:
    node.members.append(number)
    node.kets += [around for around in dict.fromkeys(part.around for part in parts) if around not in node.kets]
