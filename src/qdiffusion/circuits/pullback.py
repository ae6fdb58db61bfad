"""Pauli words pulled back through the trailing links of a cluster tree, as sums of products of one-wire operators.

O → U†OU for U = Σ_s P_s ⊗ V^s gives Σ_{s,s'} (P_s a P_s') ⊗ (V^s)† b V^s' for O = a ⊗ b. Of each pair of terms that
are each other's adjoint one is kept with twice its weight, since only real parts are read.

Along a staircase of links the V^s of one meet the control of the next, and the terms would double at every step. A V
alone on the far side of the tree is therefore left where it landed: the messages from there take it through the rest.
"""

from collections import Counter
from dataclasses import dataclass, replace

from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.paths import Paths
from qdiffusion.circuits.tree import Link


@dataclass(frozen=True)
class Pauli:
    """X, Y or Z."""

    letter: str

    @property
    def is_diagonal(self) -> bool:
        return self.letter == "Z"


@dataclass(frozen=True)
class Pick:
    """P_row · inner · P_column, |row⟩⟨row| inner |column⟩⟨column|; inner None is the identity."""

    row: int
    inner: "Operator | None"
    column: int

    @property
    def is_diagonal(self) -> bool:
        return self.row == self.column

    @property
    def is_projector(self) -> bool:
        return self.row == self.column and self.inner is None


@dataclass(frozen=True)
class Dephase:
    """The diagonal part of inner."""

    inner: "Operator"
    is_diagonal = True


@dataclass(frozen=True)
class Conjugate:
    """(V^row)† · inner · V^column for the V of a link; inner None is the identity."""

    link: int
    row: int
    inner: "Operator | None"
    column: int
    is_diagonal = False

    @property
    def is_turn(self) -> bool:
        """V itself."""
        return self.inner is None and (self.row, self.column) == (0, 1)


Operator = Pauli | Pick | Dephase | Conjugate


@dataclass(frozen=True)
class Term:
    """scale · Re⟨∏ operators⟩, operators on distinct wires; one on the `deferred` side has later links to pass yet."""

    scale: float
    operators: tuple[tuple[int, Operator], ...]
    is_hermitian: bool = True
    deferred: frozenset[int] = frozenset()

    def put(self, scale: float, changes: dict[int, Operator | None], is_hermitian: bool) -> "Term":
        kept = {**dict(self.operators), **changes}
        operators = tuple(sorted(((w, o) for w, o in kept.items() if o is not None), key=lambda pair: pair[0]))
        return Term(self.scale * scale, operators, is_hermitian, self.deferred)


def pull_back(word: PauliWord, paths: Paths) -> list[Term]:
    """The word as terms before all trailing links (last first)."""
    tree = paths.tree
    turned = Counter(tree.links[index].target for index in tree.trailing)
    terms = [Term(1.0, tuple((wire, Pauli(letter)) for wire, letter in word))]
    for index in tree.trailing:
        link = tree.links[index]
        may_wait = turned[link.control] == 1
        terms = [pulled for term in terms for pulled in _through(term, index, link, paths, may_wait)]
    return terms


def _through(term: Term, index: int, link: Link, paths: Paths, may_wait: bool) -> list[Term]:
    operators = dict(term.operators)
    control, target = operators.get(link.control), operators.get(link.target)
    diagonal = control is None or control.is_diagonal
    if target is None and diagonal:
        return [term]
    if may_wait and isinstance(control, Conjugate) and control.is_turn:
        side = paths.behind(paths.tree.links[control.link])
        if side.intersection(operators) == {link.control} and paths.behind(link) <= side:
            return [replace(term, deferred=term.deferred | side)]

    def pair(row: int, column: int) -> dict[int, Operator | None]:
        turned = target if row == column == 0 else Conjugate(index, row, target, column)
        if target is None and row == column:
            turned = None
        return {link.control: Pick(row, control, column), link.target: turned}

    if target is None and control is not None:
        same = [term.put(1.0, {link.control: Dephase(control)}, term.is_hermitian)]
    else:
        same = [term.put(1.0, pair(s, s), term.is_hermitian) for s in (0, 1)]
    if diagonal:
        return same
    if term.is_hermitian:
        return [*same, term.put(2.0, pair(0, 1), False)]
    return [*same, term.put(1.0, pair(0, 1), False), term.put(1.0, pair(1, 0), False)]
