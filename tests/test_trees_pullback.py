"""Words pulled back through trailing links, and the messages asked for, as dense matrices."""

import numpy as np
import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from qdiffusion.circuits.trees.algebra.operators import Pauli
from qdiffusion.circuits.trees.algebra.pullback import TooManyTermsError, pull_back
from qdiffusion.circuits.trees.program.requests import Part, Requests, bundles_of
from qdiffusion.circuits.trees.shape.staircase import may_wait
from tree_strategies import linked, linked_by, on_wires, one_wire, topology_of, unitaries

SEEDS = st.integers(0, 2**31)

STAIRCASE = [(2, 3), (1, 2), (0, 1)]
WAITING, MET = (STAIRCASE, ((0, "X"),)), (STAIRCASE, ((0, "X"), (3, "Y")))
"""A word whose V may wait on wire 1, and one that has an operator behind it."""


def pulled_back(topology, word, turns):
    """U†OU for all trailing links."""
    n_wires = len(topology.home)
    links = [(topology.tree.links[index], turns[index]) for index in topology.tree.trailing]
    unitary = linked_by(links, n_wires)
    return unitary.conj().T @ on_wires({wire: one_wire(Pauli(x), turns) for wire, x in word}, n_wires) @ unitary


def terms_of(word, topology, waits):
    try:
        return pull_back(word, topology, waits)
    except TooManyTermsError:
        reject()


def product(operators, topology, turns):
    return on_wires({wire: one_wire(operator, turns) for wire, operator in operators}, len(topology.home))


@given(case=linked(), seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_terms_written_out_are_the_word_between_the_links(case, seed):
    edges, word = case
    topology, turns = topology_of(edges), unitaries(seed, len(edges))
    terms = terms_of(word, topology, {})
    total = sum(product(term.operators, topology, turns) for term in terms)
    assert np.allclose(total, pulled_back(topology, word, turns), rtol=0, atol=1e-12)
    assert not any(term.waiting for term in terms)


def left_to_pass(term, topology, waits):
    """All links that what waits has left, in the order in which they are pulled."""
    found, todo = set(), [operator.link for wire, operator in term.operators if wire in term.waiting]
    while todo:
        left = waits[todo.pop()]
        found.update(left)
        todo += left
    return [index for index in topology.tree.trailing if index in found]


@example(case=WAITING, seed=0)
@example(case=MET, seed=0)
@given(case=linked(), seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_what_waits_between_the_links_it_has_left_is_the_word(case, seed):
    """The derivation in `staircase`: nothing but the links left to a waiting V changes a term."""
    edges, word = case
    topology, turns = topology_of(edges), unitaries(seed, len(edges))
    waits, total = may_wait(topology), 0
    for term in terms_of(word, topology, waits):
        left = [(topology.tree.links[index], turns[index]) for index in left_to_pass(term, topology, waits)]
        unitary = linked_by(left, len(topology.home))
        total = total + unitary.conj().T @ product(term.operators, topology, turns) @ unitary
    assert np.allclose(total, pulled_back(topology, word, turns), rtol=0, atol=1e-12)


class DenseMessages:
    """What requests ask for, as operators: a message is the sum of its parts, a part the product of what it names."""

    def __init__(self, requests: Requests, turns: np.ndarray) -> None:
        self.requests, self.turns = requests, turns

    def message(self, number: int) -> np.ndarray:
        return sum(self.part(part) for part in list(self.requests.numbers)[number].parts)

    def part(self, part: Part) -> np.ndarray:
        matrix = product(part.within, self.requests.topology, self.turns)
        for number in part.around:
            matrix = matrix if number is None else matrix @ self.message(number)
        return matrix


@example(case=WAITING, seed=0)
@example(case=MET, seed=0)
@given(case=linked(max_wires=4), seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_the_messages_asked_for_make_the_word_wherever_it_is_read(case, seed):
    """Of each term, read at each cluster that nothing waits behind: what stands there, times what the others say."""
    edges, word = case
    topology, turns = topology_of(edges), unitaries(seed, len(edges))
    waits = may_wait(topology)
    requests = Requests(topology, waits)
    dense, total = DenseMessages(requests, turns), 0
    for term in terms_of(word, topology, waits):
        behind = set().union(
            *(topology.beyond(topology.tree.links[dict(term.operators)[w].link]) for w in term.waiting)
        )
        each = []
        for root in {topology.home[wire] for wire in topology.home if wire not in behind}:
            to = topology.neighbours[root][0]
            part = requests.part((root, to), term.operators)
            other = requests.message(to, root, requests.behind(root, to, term.operators))
            each.append(dense.part(part) @ dense.message(other))
        assert np.allclose(each, each[:1], rtol=0, atol=1e-12)
        total = total + each[0]
    assert np.allclose(total, pulled_back(topology, word, turns), rtol=0, atol=1e-12)


@given(case=linked())
@settings(max_examples=30, deadline=None)
def test_each_message_is_computed_once_and_after_those_it_needs(case):
    edges, word = case
    topology = topology_of(edges)
    waits = may_wait(topology)
    requests = Requests(topology, waits)
    for term in terms_of(word, topology, waits):
        root = topology.home[term.operators[0][0]]
        requests.part((root, None), term.operators)
    messages, done = list(requests.numbers), []
    for bundle in bundles_of(requests):
        for number in bundle.members:
            assert messages[number].arrow == bundle.arrow
            assert {part.around for part in messages[number].parts} <= set(bundle.kets)
        needed = {number for around in bundle.kets for number in around if number is not None}
        assert needed <= set(done)
        done += bundle.members
    assert sorted(done) == list(range(len(messages)))


@pytest.mark.parametrize("n_links", [1, 2, 3, 4, 5])
def test_a_staircase_doubles_the_terms_only_where_nothing_waits(n_links):
    topology = topology_of([(wire, wire + 1) for wire in reversed(range(n_links))])
    waits, word = may_wait(topology), ((0, "X"),)
    assert waits == {n_links - 1 - step: (n_links - 2 - step,) if step < n_links - 1 else () for step in range(n_links)}
    assert len(pull_back(word, topology, waits)) == 2
    assert len(pull_back(word, topology, {})) == 2 * (2**n_links - 1)


@pytest.mark.parametrize(
    ("edges", "waiting"),
    [
        ([(1, 2), (0, 1)], {0: (), 1: (0,)}),
        # Wire 1 is turned again by link 0, or leads back to wire 0 by it.
        ([(0, 1), (1, 2), (0, 1)], {0: (), 1: ()}),
        ([(1, 0), (1, 2), (0, 1)], {0: (), 1: ()}),
        # Wire 2, which link 2 would turn, leads on by link 1, but is turned again by link 0.
        ([(1, 2), (2, 3), (1, 2), (0, 1)], {0: (), 1: ()}),
        # Two ways on; what acts before, on the identity, is no matter.
        ([(1, 2), (1, 3), (0, 1), (0, 1)], {0: (), 1: (), 2: (1, 0)}),
    ],
)
def test_a_turn_may_wait_where_no_later_link_turns_it_again_or_leads_back(edges, waiting):
    assert may_wait(topology_of(edges)) == waiting
