"""The matrices of the operators that pulled-back words are made of, many links at once."""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from operator import mul

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.trees.pullback import Conjugate, Dephase, Operator, Pauli, Pick

Element = tuple[Operator, int, int]
"""A matrix element of an operator: its row and its column."""

_PAULI = {letter: Constant(matrix) for letter, matrix in PAULI.items()}


class Coefficients:
    """Numbers that are sums of products of matrix elements of operators, for all circuits of a bank.

    Args:
        sums: for each number its summands, each the elements that are multiplied.
    """

    def __init__(self, sums: Sequence[Sequence[Sequence[Element]]]) -> None:
        rows, scales, factors = [], [], []
        for row, summands in enumerate(sums):
            for elements in summands:
                scale, free = _reduced(elements)
                if scale:
                    rows.append(row)
                    scales.append(scale)
                    factors.append(free)
        self._count = len(sums)
        self._rows, self._scales = Constant(np.array(rows, dtype=int)), Constant(np.array(scales, dtype=complex))
        groups: dict[object, list[Operator]] = defaultdict(list)
        for operator in dict.fromkeys(element[0] for free in factors for element in free):
            groups[_shape(operator)].append(operator)
        self._stacks = [_Stack(group) for group in groups.values()]
        order = [operator for group in groups.values() for operator in group]
        width = max(map(len, factors), default=0)
        # Element 0 is the number 1: it fills the shorter products up.
        places = [[1 + 4 * order.index(o) + 2 * i + j for o, i, j in free] for free in factors]
        self._places = [
            Constant(np.array([row[k] if k < len(row) else 0 for row in places], dtype=int)) for k in range(width)
        ]

    def __call__(self, turns: Tensor) -> Tensor:
        """V of all links, (G, links, 2, 2) → (G, sums)."""
        real = turns.real
        found = [turns.new_ones(len(turns), 1), *(stack(turns).flatten(1) for stack in self._stacks)]
        elements = torch.cat(found, 1)
        products = reduce(mul, (elements[:, place.like(real)] for place in self._places), self._scales.like(real))
        sums = turns.new_zeros(len(turns), self._count)
        return sums.index_add(1, self._rows.like(real), products.expand(len(turns), -1))


def _reduced(elements: Sequence[Element]) -> tuple[complex, list[Element]]:
    """A product of elements as a number times elements of conjugated operators."""
    scale: complex = 1.0
    free: list[Element] = []
    for operator, row, column in elements:
        while isinstance(operator, Pick | Dephase):
            is_zero = (
                row != column if isinstance(operator, Dephase) else (row, column) != (operator.row, operator.column)
            )
            scale *= not is_zero
            operator = operator.inner or Pauli("I")
        if isinstance(operator, Pauli):
            scale *= PAULI[operator.letter][row, column]
        else:
            free.append((operator, row, column))
    return scale, free


def _shape(operator: Operator | None) -> object:
    """Equal for operators that differ only in their links."""
    if operator is None or isinstance(operator, Pauli):
        return operator
    picked = (operator.row, operator.column) if isinstance(operator, Pick | Conjugate) else ()
    return type(operator), picked, _shape(operator.inner)


class _Stack:
    """Operators of one shape, their matrices built together."""

    def __init__(self, operators: Sequence[Operator | None]) -> None:
        self._first = operators[0]
        if self._first is None or isinstance(self._first, Pauli):
            return
        nested = [operator for operator in operators if operator is not None and not isinstance(operator, Pauli)]
        self._inner = _Stack([operator.inner for operator in nested])
        self._links = Constant(np.array([o.link for o in nested if isinstance(o, Conjugate)], dtype=int))

    def __call__(self, turns: Tensor) -> Tensor:
        """V of all links, (G, links, 2, 2) → (G, operators, 2, 2), or (2, 2) where all are the same constant."""
        first, real = self._first, turns.real
        if first is None or isinstance(first, Pauli):
            return _PAULI[first.letter if first else "I"].like(real)
        if isinstance(first, Conjugate):
            turn = turns[:, self._links.like(real)]
            if first.inner is None and first.row != first.column:
                return turn.mH if first.row else turn
            inner = turn.mH @ self._inner(turns) if first.row else self._inner(turns)
            return inner @ turn if first.column else inner
        mask = np.eye(2) if isinstance(first, Dephase) else np.outer(np.eye(2)[first.row], np.eye(2)[first.column])
        return self._inner(turns) * torch.as_tensor(mask, dtype=real.dtype, device=real.device)
