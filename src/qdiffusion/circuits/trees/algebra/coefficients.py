"""The coefficients with which density matrices are mixed into messages: sums of products of matrix elements."""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from operator import mul

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.trees.algebra.operators import Element, Operator

Summands = tuple[tuple[Element, ...], ...]
"""A sum of products of matrix elements."""


class Coefficients:
    """Numbers that are sums of products of matrix elements of operators, for all circuits of a bank.

    Args:
        sums: for each number its summands, each the elements that are multiplied.
    """

    def __init__(self, sums: Sequence[Summands]) -> None:
        places, scales, factors = [], [], []
        for place, summands in enumerate(sums):
            for elements in summands:
                scale, variable = _reduced(elements)
                if scale:
                    places.append(place)
                    scales.append(scale)
                    factors.append(variable)
        self._count = len(sums)
        self._places, self._scales = Constant(np.array(places, dtype=int)), Constant(np.array(scales, dtype=complex))
        groups: dict[object, list[Operator]] = defaultdict(list)
        for operator in dict.fromkeys(element[0] for variable in factors for element in variable):
            groups[operator.shape].append(operator)
        self._stacks = [_Stack(group) for group in groups.values()]
        stacked = [operator for group in groups.values() for operator in group]
        # Element 0 is the number 1: it fills the shorter products up.
        first = {operator: 1 + 4 * index for index, operator in enumerate(stacked)}
        width = max(map(len, factors), default=0)
        indices = [[first[operator] + 2 * row + column for operator, row, column in variable] for variable in factors]
        self._indices = [
            Constant(np.array([each[k] if k < len(each) else 0 for each in indices], dtype=int)) for k in range(width)
        ]

    def __call__(self, turns: Tensor) -> Tensor:
        """V of all links, (G, links, 2, 2) → (G, sums)."""
        real = turns.real
        elements = torch.cat([turns.new_ones(len(turns), 1), *(stack(turns).flatten(1) for stack in self._stacks)], 1)
        products = reduce(mul, (elements[:, index.like(real)] for index in self._indices), self._scales.like(real))
        sums = turns.new_zeros(len(turns), self._count)
        return sums.index_add(1, self._places.like(real), products.expand(len(turns), -1))


def _reduced(elements: Sequence[Element]) -> tuple[complex, list[Element]]:
    """A product of elements as a number times those elements that depend on angles."""
    scale: complex = 1.0
    variable: list[Element] = []
    for operator, row, column in elements:
        factor, element = operator.element(row, column)
        scale *= factor
        variable += [] if element is None else [element]
    return scale, variable


class _Stack:
    """Operators of one shape, their matrices built together."""

    def __init__(self, operators: Sequence[Operator]) -> None:
        self._first = operators[0]
        inner = [operator.inner for operator in operators if operator.inner is not None]
        links = [operator.link for operator in operators if operator.link is not None]
        self._inner = _Stack(inner) if inner else None
        self._links = Constant(np.array(links, dtype=int)) if links else None

    def __call__(self, turns: Tensor) -> Tensor:
        """V of all links, (G, links, 2, 2) → (G, operators, 2, 2), or (2, 2) where all are the same constant."""
        own = turns if self._links is None else turns[:, self._links.like(turns.real)]
        inner = own if self._inner is None else self._inner(turns)
        return self._first.matrix(inner, own)
