"""Pauli words pulled back through the trailing links of a cluster tree, as sums of products of one-wire operators.

O → U†OU for U = Σ_s P_s ⊗ V^s gives Σ_{s,s'} (P_s a P_s') ⊗ (V^s)† b V^s' for O = a ⊗ b.
"""

from dataclasses import dataclass, replace

from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.trees.algebra.operators import (
    IDENTITY,
    Conjugate,
    Dephase,
    Factors,
    Operator,
    Pauli,
    Pick,
    factors,
)
from qdiffusion.circuits.trees.shape.staircase import Waits
from qdiffusion.circuits.trees.shape.topology import Topology

MOST_TERMS = 512
"""A word of more terms is better read from a state vector: HQConv's have two, its 160-qubit form no more."""


class TooManyTermsError(Exception):
    """A word falls into too many terms for a tree of clusters to be worth while."""


@dataclass(frozen=True)
class Term:
    """⟨∏ operators⟩, operators on distinct wires; one on a `waiting` wire has links to pass yet, see `staircase`."""

    operators: Factors
    waiting: frozenset[int] = frozenset()

    def put(self, changes: dict[int, Operator]) -> "Term":
        """The term with other operators on some wires."""
        return replace(self, operators=factors({**dict(self.operators), **changes}))


def pull_back(word: PauliWord, topology: Topology, waits: Waits) -> list[Term]:
    """The word as terms before all trailing links (last first), those left out that operators wait for.

    Raises:
        TooManyTermsError: more than `MOST_TERMS`.
    """
    terms = [Term(tuple((wire, Pauli(letter)) for wire, letter in word))]
    for index in topology.tree.trailing:
        terms = [pulled for term in terms for pulled in _through(term, index, topology, waits)]
        if len(terms) > MOST_TERMS:
            raise TooManyTermsError
    return terms


def _through(term: Term, index: int, topology: Topology, waits: Waits) -> list[Term]:
    link, operators = topology.tree.links[index], dict(term.operators)
    control, target = operators.get(link.control, IDENTITY), operators.get(link.target, IDENTITY)
    if link.control in term.waiting or (target == IDENTITY and control.is_diagonal):
        return [term]

    def pair(row: int, column: int) -> Term:
        turned = target if row == column == 0 else Conjugate(index, row, target, column)
        return term.put({link.control: Pick(row, control, column), link.target: turned})

    elements = [(row, column) for row in (0, 1) for column in (0, 1) if not control.is_zero(row, column)]
    if target != IDENTITY:
        return [pair(*element) for element in elements]
    apart = [pair(row, column) for row, column in elements if row != column]
    if waits.get(index) and topology.beyond(link).isdisjoint(operators):
        apart = [replace(each, waiting=each.waiting | {link.target}) for each in apart]
    together = [] if len(apart) == len(elements) else [term.put({link.control: Dephase(control)})]
    return [*together, *apart]
