"""Operators on one wire, as the links of a tree make them of Pauli letters.

Each is a frozen value that answers, before any angle is known, what its matrix looks like, and builds that matrix from
V of its link when asked:

    letter         of a Pauli, else None
    inner, link    what it is made of, else None
    is_diagonal    whether all elements off the diagonal are 0 at all angles
    is_projector   whether it is |0⟩⟨0| or |1⟩⟨1|
    is_turn        whether it is V of a link, or its adjoint
    is_zero        whether one element is 0 at all angles
    shape          equal for operators that differ only in their links
    element        one element, as a number times an element of the operator it comes from
    matrix         (…, 2, 2), from that of `inner` and from V of `link`, for many operators of one shape at once
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.gates import PAULI

Element = tuple["Operator", int, int]
"""A matrix element of an operator: its row and its column."""

_LETTERS = {letter: Constant(matrix) for letter, matrix in PAULI.items()}
_UNITS = {(row, column): Constant(np.eye(4)[2 * row + column].reshape(2, 2)) for row in (0, 1) for column in (0, 1)}
_DIAGONAL = Constant(np.eye(2))


@dataclass(frozen=True)
class Pauli:
    """I, X, Y or Z."""

    letter: str
    inner: ClassVar[None] = None
    link: ClassVar[None] = None
    is_projector: ClassVar[bool] = False
    is_turn: ClassVar[bool] = False

    @property
    def is_diagonal(self) -> bool:
        return self.letter in "IZ"

    @property
    def shape(self) -> object:
        return self

    def is_zero(self, row: int, column: int) -> bool:
        return (row == column) is not self.is_diagonal

    def element(self, row: int, column: int) -> tuple[complex, Element | None]:
        return PAULI[self.letter][row, column], None

    def matrix(self, inner: Tensor, turn: Tensor) -> Tensor:
        """(2, 2); reads neither."""
        return _LETTERS[self.letter].like(turn.real)


IDENTITY = Pauli("I")


@dataclass(frozen=True)
class Pick:
    """P_row · inner · P_column, one element of inner where it stands."""

    row: int
    inner: "Operator"
    column: int
    letter: ClassVar[None] = None
    link: ClassVar[None] = None
    is_turn: ClassVar[bool] = False

    @property
    def is_diagonal(self) -> bool:
        return self.row == self.column

    @property
    def is_projector(self) -> bool:
        return self.is_diagonal and self.inner == IDENTITY

    @property
    def shape(self) -> object:
        return Pick, self.row, self.column, self.inner.shape

    def is_zero(self, row: int, column: int) -> bool:
        return (row, column) != (self.row, self.column) or self.inner.is_zero(row, column)

    def element(self, row: int, column: int) -> tuple[complex, Element | None]:
        return (0.0, None) if (row, column) != (self.row, self.column) else self.inner.element(row, column)

    def matrix(self, inner: Tensor, turn: Tensor) -> Tensor:
        return inner * _UNITS[self.row, self.column].like(turn.real)


@dataclass(frozen=True)
class Dephase:
    """The diagonal part of inner."""

    inner: "Operator"
    letter: ClassVar[None] = None
    link: ClassVar[None] = None
    is_diagonal: ClassVar[bool] = True
    is_projector: ClassVar[bool] = False
    is_turn: ClassVar[bool] = False

    @property
    def shape(self) -> object:
        return Dephase, self.inner.shape

    def is_zero(self, row: int, column: int) -> bool:
        return row != column or self.inner.is_zero(row, column)

    def element(self, row: int, column: int) -> tuple[complex, Element | None]:
        return (0.0, None) if row != column else self.inner.element(row, column)

    def matrix(self, inner: Tensor, turn: Tensor) -> Tensor:
        return inner * _DIAGONAL.like(turn.real)


@dataclass(frozen=True)
class Conjugate:
    """(V^row)† · inner · V^column for the V of a link; row and column are not both 0."""

    link: int
    row: int
    inner: "Operator"
    column: int
    letter: ClassVar[None] = None
    is_diagonal: ClassVar[bool] = False
    is_projector: ClassVar[bool] = False

    @property
    def is_turn(self) -> bool:
        return self.inner == IDENTITY and self.row != self.column

    @property
    def shape(self) -> object:
        return Conjugate, self.row, self.column, self.inner.shape

    def is_zero(self, row: int, column: int) -> bool:
        return False

    def element(self, row: int, column: int) -> tuple[complex, Element | None]:
        return 1.0, (self, row, column)

    def matrix(self, inner: Tensor, turn: Tensor) -> Tensor:
        """(G, operators, 2, 2)."""
        if self.is_turn:
            return turn.mH if self.row else turn
        left = turn.mH @ inner if self.row else inner
        return left @ turn if self.column else left


Operator = Pauli | Pick | Dephase | Conjugate

Factors = tuple[tuple[int, Operator], ...]
"""Operators on distinct wires, sorted by wire."""


def factors(operators: Mapping[int, Operator]) -> Factors:
    """Those on each wire, identities left out."""
    kept = [(wire, operator) for wire, operator in operators.items() if operator != IDENTITY]
    return tuple(sorted(kept, key=lambda factor: factor[0]))
