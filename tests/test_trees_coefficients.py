"""One-wire operators and the coefficients made of them, against dense matrices at random V."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_strategies import assert_equal_with_gradients, draws
from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.trees.algebra.coefficients import Coefficients
from qdiffusion.circuits.trees.algebra.operators import IDENTITY, Conjugate, Dephase, Pauli, Pick, factors
from tree_strategies import one_wire, unitaries

N_LINKS = 3
LINKS, POWERS = st.integers(0, N_LINKS - 1), st.sampled_from([(0, 1), (1, 0), (1, 1)])
BITS, SEEDS = st.integers(0, 1), st.integers(0, 2**31)
OPERATORS = st.recursive(
    st.builds(Pauli, st.sampled_from("IXYZ")),
    lambda inner: st.one_of(
        st.builds(Pick, BITS, inner, BITS),
        st.builds(Dephase, inner),
        st.builds(lambda link, powers, inner: Conjugate(link, powers[0], inner, powers[1]), LINKS, POWERS, inner),
    ),
    max_leaves=6,
)


@given(operator=OPERATORS, seed=SEEDS)
@settings(max_examples=100, deadline=None)
def test_what_an_operator_says_of_its_matrix_holds_at_random_angles(operator, seed):
    turns = unitaries(seed, N_LINKS)
    matrix = one_wire(operator, turns)
    for row, column in np.ndindex(2, 2):
        assert matrix[row, column] == 0 or not operator.is_zero(row, column)
        scale, element = operator.element(row, column)
        value = 1.0 if element is None else one_wire(element[0], turns)[element[1:]]
        assert np.isclose(scale * value, matrix[row, column], rtol=0, atol=1e-12)
    assert not operator.is_diagonal or matrix[0, 1] == matrix[1, 0] == 0
    assert not operator.is_projector or np.allclose(matrix, matrix @ matrix)
    if operator.is_turn:
        assert any(np.allclose(matrix, turn) or np.allclose(matrix, turn.conj().T) for turn in turns)


def test_letters_know_their_zeros_and_diagonals():
    for letter, matrix in PAULI.items():
        operator = Pauli(letter)
        assert operator.is_diagonal == (matrix[0, 1] == 0)
        assert [operator.is_zero(*place) for place in np.ndindex(2, 2)] == list((matrix == 0).ravel())


def test_only_bare_projectors_and_turns_are_called_so():
    assert Pick(0, IDENTITY, 0).is_projector
    assert not Pick(0, IDENTITY, 1).is_projector
    assert not Pick(0, Conjugate(0, 0, IDENTITY, 1), 0).is_projector
    assert Conjugate(0, 0, IDENTITY, 1).is_turn
    assert Conjugate(0, 1, IDENTITY, 0).is_turn
    assert not Conjugate(0, 0, Pauli("X"), 1).is_turn


def moved(operator, link):
    """The operator with all its links called `link`."""
    match operator:
        case Pick(row, inner, column):
            return Pick(row, moved(inner, link), column)
        case Dephase(inner):
            return Dephase(moved(inner, link))
        case Conjugate(_, row, inner, column):
            return Conjugate(link, row, moved(inner, link), column)
    return operator


@given(first=OPERATORS, second=OPERATORS)
@settings(max_examples=100, deadline=None)
def test_shapes_are_equal_where_operators_differ_only_in_links(first, second):
    assert moved(first, 0).shape == moved(first, 1).shape
    assert (first.shape == second.shape) == (moved(first, 0) == moved(second, 0))


ELEMENTS = st.tuples(OPERATORS, BITS, BITS)


@given(sums=st.lists(st.lists(st.lists(ELEMENTS, max_size=3), max_size=3), min_size=1, max_size=5), seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_coefficients_are_sums_of_products_of_dense_elements(sums, seed):
    turns = np.stack([unitaries(seed, N_LINKS), unitaries(seed + 1, N_LINKS)])
    coefficients = Coefficients(sums)(torch.tensor(turns))
    expected = [
        [
            sum(np.prod([one_wire(operator, own)[i, j] for operator, i, j in product]) for product in each)
            for each in sums
        ]
        for own in turns
    ]
    assert np.allclose(coefficients.numpy(), np.array(expected, dtype=complex), rtol=0, atol=1e-12)


def test_gradients_reach_the_turns():
    """|(V† Z V)_{01}|² and V_{00} of another link, whose gradients are known in the elements."""
    (parts,) = draws(1, (2, 2, 2, 2, 2))
    turned, other = Conjugate(0, 1, Pauli("Z"), 1), Conjugate(1, 0, IDENTITY, 1)
    coefficients = Coefficients([[[(turned, 0, 1), (turned, 1, 0)]], [[(other, 0, 0)]]])(torch.view_as_complex(parts))
    turns = torch.view_as_complex(parts)
    first = turns[:, 0]
    element = first[:, 0, 0].conj() * first[:, 0, 1] - first[:, 1, 0].conj() * first[:, 1, 1]
    expected = torch.stack([element * element.conj(), turns[:, 1, 0, 0]], 1)
    assert_equal_with_gradients(torch.view_as_real(coefficients), torch.view_as_real(expected), [parts], 2)


def test_factors_are_sorted_by_wire_and_without_identities():
    assert factors({3: Pauli("X"), 1: IDENTITY, 0: Pauli("Z")}) == ((0, Pauli("Z")), (3, Pauli("X")))
