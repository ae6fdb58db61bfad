"""Expectation values on a tree of clusters, as a program of messages.

For an operator O = ∏ o_c, one factor a cluster, with Φ as in `clusters`:

    m_{a→b}[s, s'] = Σ conj(Φ_a^{… s}) o_a (∏_{c ≠ b} m_{c→a} Φ_a)^{… s'}        ⟨O⟩ = Σ m_{a→b}[s, s'] m_{b→a}[s, s']

on any bond (a, b). All operators on the same wires of a share the reduced density matrix of these wires and the bond,
see `contractions.Density`; words of Zs of one cluster share its probabilities. What is to be computed, and what of it
is shared, is found once, when a plan is made.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.trees.contractions import Density, Dress, Flip, Overlap, Pair, Read, Row, Slice, Step
from qdiffusion.circuits.trees.operators import Element
from qdiffusion.circuits.trees.paths import Paths
from qdiffusion.circuits.trees.program import Program
from qdiffusion.circuits.trees.pullback import Pauli, Pick, Term, TooManyTermsError, is_zero, pull_back
from qdiffusion.circuits.trees.requests import Edge, Flips, Node, Part, Requests, nodes_of
from qdiffusion.circuits.trees.rows import Rows

Summands = tuple[tuple[Element, ...], ...]
"""A sum of products of matrix elements."""

Block = tuple[tuple[int, ...], tuple[int, ...]]
"""Row and column of a density matrix: a value of each wire."""

MOST_SLICES = 2
"""Up to this many blocks of a wire's density matrix are computed one by one; more, and all are computed at once."""


MOST_BLOCKS = 1 << 16
"""Numbers a cluster that mix density matrices into messages (HQConv: 27). Far more, and to compile and build them takes
longer than a state vector.
"""


@dataclass(frozen=True)
class Compiled:
    """A program for some words.

    Attributes:
        mixes: for each node the shape (messages, blocks) of its mix, and the summands of each entry in turn.
        values: (reads, words): the words as sums of what is read.
    """

    program: Program
    mixes: tuple[tuple[tuple[int, int], tuple[Summands, ...]], ...]
    values: np.ndarray


def compile_words(paths: Paths, words: Sequence[PauliWord]) -> Compiled:
    """The program that reads the words on a tree.

    Raises:
        TooManyTermsError: the words fall into more than `MOST_BLOCKS` blocks a cluster, or one into too many terms.
    """
    compiler = _Compiler(paths)
    for number, word in enumerate(words):
        for term in pull_back(word, paths):
            compiler.add(number, term)
    return compiler.compile(len(words))


class _Compiler:
    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._requests = Requests(paths)
        self._diagonal: dict[int, list[tuple[int, Term]]] = defaultdict(list)
        self._sums: dict[tuple[int, Edge, int | None, object], list[Part]] = defaultdict(list)
        self._steps: list[Step] = []
        self._columns: list[list[int]] = []
        self._rows: dict[int, Row] = {}
        self._kets: dict[object, int] = {index: index for index in range(len(paths.clusters))}
        self._mixes: list[tuple[tuple[int, int], tuple[Summands, ...]]] = []
        self._blocks = 0

    def add(self, number: int, term: Term) -> None:
        """A summand of word `number`: read from the probabilities of a cluster, or where two messages meet."""
        root = self._root(term)
        if set(self._paths.within(root, term.operators)) == set(term.operators) and all(
            operator == Pauli("Z") for _, operator in term.operators
        ):
            self._diagonal[root].append((number, term))
            return
        near = self._paths.neighbours[root]
        to = near[0] if near else None
        part = self._requests.part((root, to), term.operators)
        other = None
        if to is not None:
            factors = self._paths.around(root, term.operators)[0]
            other = self._requests.message(to, root, factors)
        self._sums[number, (root, to), other, (part.flips, part.support)].append(part)

    def _root(self, term: Term) -> int:
        """The cluster with most to read: a lone projector passes through a message for free."""
        work: dict[int, int] = defaultdict(int)
        for wire, operator in term.operators:
            if wire not in term.deferred:
                work[self._paths.home[wire]] += 1 if isinstance(operator, Pick) and operator.is_projector else 2
        return max(work, key=lambda cluster: work[cluster], default=0)

    def compile(self, n_words: int) -> Compiled:
        met = [
            (number, self._requests.sum(edge, parts), other) for (number, edge, other, _), parts in self._sums.items()
        ]
        plain = {
            root: [self._requests.message(there, root, ()) for there in self._paths.neighbours[root]]
            for root in self._diagonal
        }
        for node in nodes_of(self._requests):
            self._density(node)
        for root, terms in self._diagonal.items():
            self._read(root, plain[root], terms)
        self._pair(met)
        columns = [number for read in self._columns for number in read]
        values = np.zeros((len(columns), n_words))
        values[np.arange(len(columns)), columns] = 1
        return Compiled(Program(tuple(self._steps)), tuple(self._mixes), values)

    def _density(self, node: Node) -> None:
        number, (source, to) = len(self._mixes), node.edge
        members = [self._requests.messages[member][1] for member in node.members]
        overlaps: list[Overlap] = []
        columns: list[list[Summands]] = []
        self._blocks += 4 ** len(node.support) * len(node.kets) * len(members)
        if self._blocks > MOST_BLOCKS * len(self._paths.clusters):
            raise TooManyTermsError
        for around in node.kets:
            found = [_summands(node.support, around, parts) for parts in members]
            needed = [block for block in found[0] if not all(_is_zero(each[block]) for each in found)]
            if len(node.support) == 1 and len(needed) <= MOST_SLICES:
                overlaps += self._sliced(node, around, needed)
            else:
                needed = list(found[0])
                axes = [self._paths.axis(source, wire=wire) for wire in node.support]
                bond = [] if to is None else [self._paths.axis(source, bond=to)]
                rows = Rows(self._paths.sizes(source), (*axes, *bond))
                overlaps.append(Overlap(source, self._ket(source, around, node.flips), rows, 1 << len(axes)))
            columns += [[each[block] for each in found] for block in needed]
        bond_size = 1 if to is None else self._paths.bond(source, to)
        self._steps.append(Density(number, tuple(overlaps), bond_size))
        self._mixes.append(
            ((len(members), len(columns)), tuple(entry for row in zip(*columns, strict=True) for entry in row))
        )
        self._rows.update({member: (number, row) for row, member in enumerate(node.members)})

    def _sliced(self, node: Node, around: Sequence[int | None], needed: Sequence[Block]) -> list[Overlap]:
        """An overlap for each block of one wire: halves of the bra and of the ket."""
        source, to = node.edge
        axis = self._paths.axis(source, wire=node.support[0])
        sizes = self._paths.sizes(source)
        rest = (*sizes[:axis], *sizes[axis + 1 :])
        bond = [] if to is None else [self._paths.axis(source, bond=to)]
        kept = tuple(place - (place > axis) for place in bond)
        bits = {column for _, (column,) in needed}
        early = len(bits) == 1 and not node.flips
        found = []
        for (row,), (column,) in needed:
            if early:
                ket = self._ket(source, around, half=(axis, column))
            else:
                ket = self._slice(self._ket(source, around, node.flips), sizes, axis, column)
            found.append(Overlap(self._slice(source, sizes, axis, row), ket, Rows(rest, kept), 1))
        return found

    def _slice(self, ket: int, sizes: tuple[int, ...], axis: int, bit: int) -> int:
        key = ("slice", ket, axis, bit)
        if key not in self._kets:
            self._kets[key] = len(self._kets)
            self._steps.append(Slice(self._kets[key], ket, sizes, axis, bit))
        return self._kets[key]

    def _ket(
        self,
        cluster: int,
        around: Sequence[int | None],
        flips: Flips = (),
        half: tuple[int, int] | None = None,
    ) -> int:
        """Φ, or half of it, with messages, then Paulis applied."""
        sizes, found = self._paths.sizes(cluster), cluster
        if half is not None:
            axis, bit = half
            found = self._slice(cluster, sizes, axis, bit)
            sizes = (*sizes[:axis], *sizes[axis + 1 :])
        for there, message in zip(self._paths.neighbours[cluster], around, strict=True):
            if message is None:
                continue
            key = (found, there, message)
            if key not in self._kets:
                place = self._paths.axis(cluster, bond=there)
                bond = Rows(sizes, (place - (half is not None and place > half[0]),))
                self._kets[key] = len(self._kets)
                self._steps.append(Dress(self._kets[key], found, bond, self._rows[message]))
            found = self._kets[key]
        if flips and (found, flips) not in self._kets:
            order, phases = _flip(self._paths, cluster, flips)
            self._kets[found, flips] = len(self._kets)
            self._steps.append(Flip(self._kets[found, flips], found, Constant(order), Constant(phases)))
        return self._kets[found, flips] if flips else found

    def _read(self, root: int, plain: Sequence[int], terms: Sequence[tuple[int, Term]]) -> None:
        """One message goes to the bra where there are several: each is then applied once."""
        last = len(plain) - 1
        ket = self._ket(root, [None if place == last > 0 else message for place, message in enumerate(plain)])
        bra = self._ket(root, [message if place == last > 0 else None for place, message in enumerate(plain)])
        signs = [_signs(self._paths, root, [wire for wire, _ in term.operators]) for _, term in terms]
        self._steps.append(Read(len(self._columns), bra, ket, Constant(np.repeat(signs, 2, axis=1))))
        self._columns.append([number for number, _ in terms])

    def _pair(self, met: Sequence[tuple[int, int, int | None]]) -> None:
        """Word, message and opposite message, those of two nodes together."""
        found: dict[tuple[int, int | None], list[tuple[int, int, int]]] = defaultdict(list)
        for word, first, second in met:
            node, row = self._rows[first]
            other, place = (None, 0) if second is None else self._rows[second]
            found[node, other].append((word, row, place))
        for (node, other), rows in found.items():
            words, firsts, seconds = zip(*rows, strict=True)
            places = Constant(np.array(firsts)), Constant(np.array(seconds))
            self._steps.append(Pair(len(self._columns), node, places[0], other, places[1]))
            self._columns.append([*words])


def _summands(support: Sequence[int], around: Sequence[int | None], parts: Sequence[Part]) -> dict[Block, Summands]:
    """What each block of the density matrix of one ket is multiplied with, in a message."""
    values = list(product((0, 1), repeat=len(support)))
    operators = [dict(part.within) for part in parts if part.around == around]
    return {
        (row, column): tuple(
            tuple((own.get(wire, Pauli("I")), i, j) for wire, i, j in zip(support, row, column, strict=True))
            for own in operators
        )
        for row, column in product(values, values)
    }


def _is_zero(summands: Summands) -> bool:
    return all(any(is_zero(*element) for element in elements) for elements in summands)


def _signs(paths: Paths, cluster: int, wires: Sequence[int]) -> np.ndarray:
    """The diagonal of a word of Zs, for each amplitude of the flat ket."""
    sizes = paths.sizes(cluster)
    values = np.indices(sizes).reshape(len(sizes), -1)
    places = [paths.axis(cluster, wire=wire) for wire in wires]
    return (-1.0) ** values[places].sum(0)


def _flip(paths: Paths, cluster: int, flips: Flips) -> tuple[np.ndarray, np.ndarray]:
    """A Pauli string on a flat ket, (P ψ)[i] = phases[i] ψ[order[i]]."""
    sizes = paths.sizes(cluster)
    values = np.indices(sizes).reshape(len(sizes), -1)
    sources = values.copy()
    phases = np.ones(values.shape[1], dtype=complex)
    for wire, letter in flips:
        axis = paths.axis(cluster, wire=wire)
        if letter in "XY":
            sources[axis] = 1 - values[axis]
        phases *= PAULI[letter][values[axis], sources[axis]]
    return np.array(np.ravel_multi_index(tuple(sources), sizes)), phases
