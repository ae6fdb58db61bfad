"""Expectation values on a tree of clusters, as a program of messages.

For an operator O = ∏ o_c, one factor a cluster, with Φ as in `states.clusters`:

    m_{a→b}[s, s'] = Σ conj(Φ_a^{… s}) o_a (∏_{c ≠ b} m_{c→a} Φ_a)^{… s'}        ⟨O⟩ = Σ m_{a→b}[s, s'] m_{b→a}[s, s']

on any bond (a, b). All operators on the same wires of a share the reduced density matrix of these wires and the bond,
see `contractions.Density`; words of Zs of one cluster share its probabilities. What is to be computed, and what of it
is shared, is known once a plan is made.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.trees.algebra.coefficients import Summands
from qdiffusion.circuits.trees.algebra.operators import IDENTITY, Pauli
from qdiffusion.circuits.trees.algebra.pullback import Term, TooManyTermsError, pull_back
from qdiffusion.circuits.trees.program.assembly import Assembly
from qdiffusion.circuits.trees.program.contractions import Density, Diagonal, Meet, Mix, Overlap
from qdiffusion.circuits.trees.program.program import Program
from qdiffusion.circuits.trees.program.requests import Around, Arrow, Bundle, Message, Part, Requests, bundles_of
from qdiffusion.circuits.trees.program.tape import Slot
from qdiffusion.circuits.trees.shape.layout import Layout
from qdiffusion.circuits.trees.shape.staircase import may_wait

MatrixUnit = tuple[tuple[int, ...], tuple[int, ...]]
"""|row⟩⟨column|, a value of each wire in both: where a block of a density matrix stands."""

MOST_SLICES = 2
"""Up to this many blocks of a wire's density matrix are computed one by one; more, and all are computed at once."""

MOST_COEFFICIENTS = 1 << 16
"""Coefficients a cluster that mix density matrices into messages (HQConv: 27). Far more, and to compile and build them
takes longer than a state vector.
"""


@dataclass(frozen=True)
class Compiled:
    """A program for some words.

    Attributes:
        mixes: for each `Mix` the shape (messages, blocks) of its coefficients, and the summands of each in turn.
        values: (values, words): the words as sums of the program's values.
    """

    program: Program
    mixes: tuple[tuple[tuple[int, int], tuple[Summands, ...]], ...]
    values: np.ndarray


def compile_words(layout: Layout, words: Sequence[PauliWord]) -> Compiled:
    """The program that reads the words on a tree.

    Raises:
        TooManyTermsError: the words take more than `MOST_COEFFICIENTS` a cluster, or one falls into too many terms.
    """
    waits = may_wait(layout.topology)
    reading = _Reading(Requests(layout.topology, waits))
    for number, word in enumerate(words):
        for term in pull_back(word, layout.topology, waits):
            reading.add(number, term)
    return _Compiler(layout, reading).compile(len(words))


class _Reading:
    """Where each summand of each word is read, and the messages that takes.

    Attributes:
        diagonal: words of Zs of one cluster, read from its probabilities: for each cluster the word and the wires.
        met: word, message and opposite message of all that is read where two messages meet on a bond.
    """

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.diagonal: dict[int, list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
        self._sums: dict[tuple[int, Arrow, int | None, object], list[Part]] = defaultdict(list)

    def add(self, number: int, term: Term) -> None:
        """A summand of word `number`."""
        topology, root = self.requests.topology, self._root(term)
        if self.requests.within(root, term.operators) == term.operators and all(
            operator == Pauli("Z") for _, operator in term.operators
        ):
            self.diagonal[root].append((number, tuple(wire for wire, _ in term.operators)))
            return
        to = next(iter(topology.neighbours[root]), None)
        part = self.requests.part((root, to), term.operators)
        other = None
        if to is not None:
            other = self.requests.message(to, root, self.requests.behind(root, to, term.operators))
        self._sums[number, (root, to), other, (part.flips, part.support)].append(part)

    def _root(self, term: Term) -> int:
        """The cluster with most to read: a lone projector passes through a message for free."""
        work: dict[int, int] = defaultdict(int)
        for wire, operator in term.operators:
            if wire not in term.waiting:
                work[self.requests.topology.home[wire]] += 1 if operator.is_projector else 2
        return max(work, key=lambda cluster: work[cluster], default=0)

    def met(self) -> list[tuple[int, int, int | None]]:
        """Word, message and opposite message of all that is read where two messages meet."""
        return [
            (number, self.requests.sum(arrow, parts), other) for (number, arrow, other, _), parts in self._sums.items()
        ]


class _Compiler:
    def __init__(self, layout: Layout, reading: _Reading) -> None:
        self._layout, self._topology = layout, layout.topology
        self._reading, self._requests = reading, reading.requests
        self._assembly = Assembly(layout)
        self._mixes: list[tuple[tuple[int, int], tuple[Summands, ...]]] = []
        self._words: list[int] = []
        self._coefficients = 0

    def compile(self, n_words: int) -> Compiled:
        met = self._reading.met()
        plain = {
            root: [self._requests.message(there, root, ()) for there in self._topology.neighbours[root]]
            for root in self._reading.diagonal
        }
        messages = list(self._requests.numbers)
        for bundle in bundles_of(self._requests):
            self._mix(bundle, [messages[number] for number in bundle.members])
        for root, words in self._reading.diagonal.items():
            self._diagonal(root, plain[root], words)
        self._meet(met)
        values = np.zeros((len(self._words), n_words))
        values[np.arange(len(self._words)), self._words] = 1
        return Compiled(self._assembly.program(), tuple(self._mixes), values)

    def _mix(self, bundle: Bundle, messages: Sequence[Message]) -> None:
        """The messages of a bundle: a density matrix for each ket, and what each message takes of its blocks."""
        source, to = bundle.arrow
        overlaps: list[Overlap] = []
        columns: list[list[Summands]] = []
        self._coefficients += 4 ** len(bundle.support) * len(bundle.kets) * len(messages)
        if self._coefficients > MOST_COEFFICIENTS * len(self._topology.clusters):
            raise TooManyTermsError
        for around in bundle.kets:
            summands = [_summands(bundle.support, around, message.parts) for message in messages]
            needed = [unit for unit in summands[0] if not all(_is_zero(each[unit]) for each in summands)]
            if len(bundle.support) == 1 and len(needed) <= MOST_SLICES:
                overlaps += self._sliced(bundle, around, needed)
            else:
                needed = list(summands[0])
                overlaps.append(self._whole(bundle, around))
            columns += [[each[unit] for each in summands] for unit in needed]
        bond = 1 if to is None else self._topology.bond(source, to)
        density = self._assembly.add(Density(tuple(overlaps), bond))
        mix = self._assembly.add(Mix(density, len(self._mixes), bond))
        coefficients = tuple(entry for message in zip(*columns, strict=True) for entry in message)
        self._mixes.append(((len(messages), len(columns)), coefficients))
        self._assembly.slots.update({member: Slot(mix, place) for place, member in enumerate(bundle.members)})

    def _whole(self, bundle: Bundle, around: Around) -> Overlap:
        """All blocks at once."""
        source = bundle.arrow[0]
        axes = [self._layout.axis(source, wire=wire) for wire in bundle.support]
        kept = self._assembly.unfolding(source, [*axes, *self._bond_axes(bundle)])
        return Overlap(source, self._assembly.ket(source, around, bundle.flips), kept, 1 << len(axes))

    def _sliced(self, bundle: Bundle, around: Around, needed: Sequence[MatrixUnit]) -> list[Overlap]:
        """Single blocks of one wire: from slices of the bra and of the ket."""
        source, assembly = bundle.arrow[0], self._assembly
        axis = self._layout.axis(source, wire=bundle.support[0])
        kept = assembly.unfolding(source, self._bond_axes(bundle), axis)
        bits = {column for _, (column,) in needed}
        early = len(bits) == 1 and not bundle.flips
        overlaps = []
        for (row,), (column,) in needed:
            if early:
                ket = assembly.slice_ket(source, around, axis, column)
            else:
                ket = assembly.slice(source, assembly.ket(source, around, bundle.flips), axis, column)
            overlaps.append(Overlap(assembly.slice(source, source, axis, row), ket, kept, 1))
        return overlaps

    def _bond_axes(self, bundle: Bundle) -> list[int]:
        source, to = bundle.arrow
        return [] if to is None else [self._layout.axis(source, bond=to)]

    def _diagonal(self, root: int, plain: Sequence[int], words: Sequence[tuple[int, tuple[int, ...]]]) -> None:
        """One message goes to the bra where there are several: each is then absorbed once."""
        last = len(plain) - 1
        ket = self._assembly.ket(root, tuple(None if place == last > 0 else m for place, m in enumerate(plain)))
        bra = self._assembly.ket(root, tuple(m if place == last > 0 else None for place, m in enumerate(plain)))
        axes = tuple(tuple(self._layout.axis(root, wire=wire) for wire in wires) for _, wires in words)
        self._assembly.add_result(Diagonal(bra, ket, self._layout.sizes(root), axes))
        self._words += [number for number, _ in words]

    def _meet(self, met: Sequence[tuple[int, int, int | None]]) -> None:
        """Word, message and opposite message, those of the same two mixes together."""
        slots = self._assembly.slots
        groups: dict[tuple[int, int | None], list[tuple[int, int, int]]] = defaultdict(list)
        for word, first, second in met:
            mix, place = slots[first]
            other, opposite = (None, 0) if second is None else slots[second]
            groups[mix, other].append((word, place, opposite))
        for (mix, other), pairs in groups.items():
            words, firsts, seconds = zip(*pairs, strict=True)
            self._assembly.add_result(Meet(mix, firsts, other, seconds))
            self._words += words


def _summands(support: Sequence[int], around: Around, parts: Sequence[Part]) -> dict[MatrixUnit, Summands]:
    """What each block of the density matrix of one ket is multiplied with, in a message."""
    values = list(product((0, 1), repeat=len(support)))
    operators = [dict(part.within) for part in parts if part.around == around]
    return {
        (row, column): tuple(
            tuple((own.get(wire, IDENTITY), i, j) for wire, i, j in zip(support, row, column, strict=True))
            for own in operators
        )
        for row, column in product(values, values)
    }


def _is_zero(summands: Summands) -> bool:
    return all(any(operator.is_zero(row, column) for operator, row, column in elements) for elements in summands)
