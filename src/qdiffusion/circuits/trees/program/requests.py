"""Which messages the terms of some words need, and which of them are computed together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from qdiffusion.circuits.trees.algebra.operators import (
    IDENTITY,
    Conjugate,
    Dephase,
    Factors,
    Pick,
    factors,
)
from qdiffusion.circuits.trees.shape.staircase import Waits
from qdiffusion.circuits.trees.shape.topology import Topology

Arrow = tuple[int, int | None]
"""From a cluster to a neighbour; to None in a tree of one cluster."""

Around = tuple[int | None, ...]
"""For each neighbour of a cluster the message from there, by number; None from where the message goes."""

Letters = tuple[tuple[int, str], ...]
"""Wires and the letters of Paulis on them."""


@dataclass(frozen=True)
class Part:
    """A summand of a message: operators within its source, and the messages from behind."""

    within: Factors
    around: Around

    @property
    def support(self) -> tuple[int, ...]:
        """Wires whose operators are mixed in afterwards: all that are more than a Pauli, or a lone one."""
        if len(self.within) == 1:
            return (self.within[0][0],)
        return tuple(wire for wire, operator in self.within if operator.letter is None)

    @property
    def flips(self) -> Letters:
        """The Paulis on other wires, which are applied to the ket."""
        support = self.support
        return tuple((wire, o.letter) for wire, o in self.within if o.letter is not None and wire not in support)


@dataclass(frozen=True)
class Message:
    """What a cluster and all behind it tell a neighbour about some operators: the sum of `parts`."""

    arrow: Arrow
    parts: tuple[Part, ...]


class Requests:
    """All messages that some words need, each once, those it needs before it.

    Attributes:
        numbers: of each message; in order.
    """

    def __init__(self, topology: Topology, waits: Waits) -> None:
        self.topology, self._waits = topology, waits
        self.numbers: dict[Message, int] = {}
        self._asked: dict[tuple[int, int, Factors], int] = {}

    def message(self, source: int, to: int, operators: Factors) -> int:
        """The number of the message of the operators on `source` and behind it."""
        asked = (source, to, operators)
        if asked not in self._asked:
            parts = [self.part((source, to), passed) for passed in self._passed(operators)]
            self._asked[asked] = self.sum((source, to), parts)
        return self._asked[asked]

    def sum(self, arrow: Arrow, parts: Sequence[Part]) -> int:
        """The number of a message that is a sum."""
        return self.numbers.setdefault(Message(arrow, tuple(parts)), len(self.numbers))

    def part(self, arrow: Arrow, operators: Factors) -> Part:
        """The operators on the arrow's source and behind it, as those within and messages."""
        source, to = arrow
        behind = [
            None if there == to else self.message(there, source, self.behind(source, there, operators))
            for there in self.topology.neighbours[source]
        ]
        return Part(self.within(source, operators), tuple(behind))

    def within(self, cluster: int, operators: Factors) -> Factors:
        """The operators on a cluster's own wires."""
        return tuple(factor for factor in operators if factor[0] in self.topology.clusters[cluster])

    def behind(self, here: int, there: int, operators: Factors) -> Factors:
        """The operators on the side of `there`, a neighbour of `here`."""
        return tuple(factor for factor in operators if factor[0] in self.topology.behind(here, there))

    def _passed(self, operators: Factors) -> list[Factors]:
        """The operators as a sum of such that wait for no link, see `staircase`: a lone V in front of the links that
        its wire controls sees other messages from behind in each of its elements.
        """
        wire, turn = operators[0] if len(operators) == 1 else (-1, IDENTITY)
        left = self._waits.get(turn.link, ()) if turn.is_turn and turn.link is not None else ()
        if not left:
            return [operators]
        links = self.topology.tree.links
        summands = [factors({wire: Dephase(turn)})]
        for row, column in ((0, 1), (1, 0)):
            behind = {links[index].target: Conjugate(index, row, IDENTITY, column) for index in left}
            summands.append(factors({wire: Pick(row, turn, column), **behind}))
        return summands


@dataclass
class Bundle:
    """Messages along one arrow that share reduced density matrices.

    Attributes:
        flips, support: as in `Part`.
        kets: the messages applied to each ket.
        members: messages, by number.
    """

    arrow: Arrow
    flips: Letters
    support: tuple[int, ...]
    kets: list[Around] = field(default_factory=list)
    members: list[int] = field(default_factory=list)

    def join(self, number: int, parts: Sequence[Part]) -> None:
        self.members.append(number)
        self.kets += [around for around in dict.fromkeys(part.around for part in parts) if around not in self.kets]


def bundles_of(requests: Requests) -> list[Bundle]:
    """All messages in bundles, each after those it needs."""
    bundles: dict[tuple[Arrow, Letters, tuple[int, ...]], Bundle] = {}
    plain = []
    for message, number in requests.numbers.items():
        first = message.parts[0]
        if not first.within:
            plain.append((message, number))
            continue
        key = (message.arrow, first.flips, first.support)
        bundles.setdefault(key, Bundle(*key)).join(number, message.parts)
    for message, number in plain:
        # The plain message is the trace of any density matrix of the same ket.
        key = (message.arrow, (), ())
        hosts = [
            bundle
            for (arrow, flips, _), bundle in bundles.items()
            if (arrow, flips) == key[:2] and message.parts[0].around in bundle.kets
        ]
        host = hosts[0] if hosts else bundles.setdefault(key, Bundle(*key))
        host.join(number, message.parts)
    return sorted(bundles.values(), key=lambda bundle: requests.topology.reach(*bundle.arrow))
