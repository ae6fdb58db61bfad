"""Pauli words pulled back through the trailing links of a cluster tree, as sums of products of one-wire operators.

O → U†OU for U = Σ_s P_s ⊗ V^s gives Σ_{s,s'} (P_s a P_s') ⊗ (V^s)† b V^s' for O = a ⊗ b.

Along a staircase of links the V^s of one meet the control of the next, and the terms would double at every step. A V
alone on the far side of the tree is therefore left where it landed: the messages from there take it through the rest.
That needs every wire on its way to be the target of one trailing link only.
"""

from dataclasses import dataclass, replace

from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.trees.paths import Paths
from qdiffusion.circuits.trees.tree import Link


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
        """V itself, or its adjoint."""
        return self.inner is None and self.row != self.column


Operator = Pauli | Pick | Dephase | Conjugate


def is_zero(operator: Operator | None, row: int, column: int) -> bool:
    """Whether a matrix element is 0 at all angles; None is the identity."""
    if operator is None or isinstance(operator, Pauli):
        return (row == column) is (operator is not None and operator.letter in "XY")
    if isinstance(operator, Conjugate):
        return False
    is_kept = row == column if isinstance(operator, Dephase) else (row, column) == (operator.row, operator.column)
    return not is_kept or is_zero(operator.inner, row, column)


@dataclass(frozen=True)
class Term:
    """⟨∏ operators⟩, operators on distinct wires; one on the `deferred` side has later links to pass yet."""

    operators: tuple[tuple[int, Operator], ...]
    deferred: frozenset[int] = frozenset()

    def put(self, changes: dict[int, Operator | None]) -> "Term":
        kept = {**dict(self.operators), **changes}
        operators = tuple(sorted(((w, o) for w, o in kept.items() if o is not None), key=lambda pair: pair[0]))
        return replace(self, operators=operators)


MOST_TERMS = 512
"""A word of more terms is better read from a state vector: HQConv's have two, its 160-qubit form no more."""


class TooManyTermsError(Exception):
    """A word falls into too many terms for a tree of clusters to be worth while."""


def pull_back(word: PauliWord, paths: Paths) -> list[Term]:
    """The word as terms before all trailing links (last first).

    Raises:
        TooManyTermsError: more than `MOST_TERMS`.
    """
    tree = paths.tree
    terms = [Term(tuple((wire, Pauli(letter)) for wire, letter in word))]
    for index in tree.trailing:
        terms = [pulled for term in terms for pulled in _through(term, index, tree.links[index], paths)]
        if len(terms) > MOST_TERMS:
            raise TooManyTermsError
    return terms


def _through(term: Term, index: int, link: Link, paths: Paths) -> list[Term]:
    operators = dict(term.operators)
    control, target = operators.get(link.control), operators.get(link.target)
    diagonal = control is None or control.is_diagonal
    if target is None and diagonal:
        return [term]
    if isinstance(control, Conjugate) and control.is_turn and paths.may_wait(control.link):
        side = paths.behind(paths.tree.links[control.link])
        if side.intersection(operators) == {link.control} and paths.behind(link) <= side:
            return [replace(term, deferred=term.deferred | side)]

    def pair(row: int, column: int) -> Term:
        turned = target if row == column == 0 else Conjugate(index, row, target, column)
        return term.put({link.control: Pick(row, control, column), link.target: turned})

    rows = [(row, column) for row in (0, 1) for column in (0, 1) if not is_zero(control, row, column)]
    if target is not None:
        return [pair(*each) for each in rows]
    apart = [pair(row, column) for row, column in rows if row != column]
    together = [] if control is None or len(apart) == len(rows) else [term.put({link.control: Dephase(control)})]
    return [*together, *apart]
