"""Random trees of clusters for hypothesis, their words read in both ways, and their operators as dense matrices."""

from collections.abc import Iterable, Mapping
from functools import reduce

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from qdiffusion.circuits import Gate, angle_encoding, circuit_of, structure, weight
from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.trees.algebra.operators import Conjugate, Dephase, Operator, Pauli, Pick
from qdiffusion.circuits.trees.algebra.pullback import TooManyTermsError
from qdiffusion.circuits.trees.clusterwords import ClusterWords
from qdiffusion.circuits.trees.shape.topology import Topology
from qdiffusion.circuits.trees.shape.tree import Link, grow_tree
from qdiffusion.circuits.vectors.dense import DenseWords


@st.composite
def trees(draw):
    """A component whose wires hang together in a tree of edges, each with many gates both ways, and words on it."""
    n_wires = draw(st.integers(2, 7))
    parents = [draw(st.integers(0, wire - 1)) for wire in range(1, n_wires)]
    edges = [(parent, wire) for wire, parent in enumerate(parents, start=1)]
    extra = draw(st.lists(st.sampled_from(edges), max_size=6))
    gates = []
    for edge in draw(st.permutations([*edges, *extra])):
        control, target = draw(st.permutations(edge))
        if draw(st.booleans()):
            gates.append(Gate("ry", (draw(st.sampled_from(edge)),), weight(len(gates))))
        gates.append(Gate(draw(st.sampled_from(["rx", "rz", "p"])), (target,), weight(len(gates)), (control,)))
    circuit = angle_encoding(n_wires, draw(st.sampled_from("xyz"))) >> circuit_of(n_wires, gates, "tree", 32)
    word = st.dictionaries(st.integers(0, n_wires - 1), st.sampled_from("XYZ"), min_size=1).map(
        lambda letters: tuple(sorted(letters.items()))
    )
    return circuit, draw(st.lists(word, min_size=1, max_size=4, unique=True))


def two_ways(circuit, words, merged=4):
    """The words of a circuit of one component by clusters, and by its state vector."""
    (component,) = structure.split_components(circuit.n_wires, circuit.gates)
    prefix, rest = structure.split_prefix(component)
    tree = grow_tree(circuit.n_wires, rest, merged_wires=merged)
    try:
        clusters = ClusterWords(tree, prefix, words, circuit.n_weights)
    except TooManyTermsError:
        reject()
    return clusters, DenseWords([component], words, circuit.n_weights)


def tied(edges, names=("rx", "rz", "ry")):
    """Links from wire to wire, in order, behind a rotation of every wire that no rotation commutes with."""
    gates = [
        Gate(names[index % len(names)], (target,), weight(index), (control,))
        for index, (control, target) in enumerate(edges)
    ]
    n_wires = 1 + max(max(edge) for edge in edges)
    return angle_encoding(n_wires, "y") >> circuit_of(n_wires, gates, "tied")


def all_letters(n_wires):
    return [((wire, letter),) for wire in range(n_wires) for letter in "XYZ"]


@st.composite
def linked(draw, max_wires=5):
    """Edges (control, target) of a tree of links, and a word on it: a staircase, or some edges with many links both
    ways.
    """
    n_wires = draw(st.integers(2, max_wires))
    edges = [(draw(st.integers(0, wire - 1)), wire) for wire in range(1, n_wires)]
    letters = draw(st.dictionaries(st.integers(0, n_wires - 1), st.sampled_from("XYZ"), min_size=1))
    word = tuple(sorted(letters.items()))
    if draw(st.booleans()):
        return edges[::-1], word
    pairs = draw(st.permutations([*edges, *draw(st.lists(st.sampled_from(edges), max_size=4))]))
    return [tuple(draw(st.permutations(pair))) for pair in pairs], word


def topology_of(edges):
    """The tree of the links of `tied`, each wire a cluster and all links trailing."""
    gates = [Gate("x", (target,), controls=(control,)) for control, target in edges]
    return Topology(grow_tree(1 + max(max(edge) for edge in edges), gates, merged_wires=1))


def unitaries(seed: int, count: int) -> np.ndarray:
    """(count, 2, 2), random: V of as many links."""
    random = np.random.default_rng(seed).normal(size=(2, count, 2, 2))
    return np.linalg.qr(random[0] + 1j * random[1])[0]


def one_wire(operator: Operator, turns: np.ndarray) -> np.ndarray:
    """The (2, 2) matrix of an operator, written down once more from what its docstring says."""
    match operator:
        case Pauli(letter):
            return PAULI[letter]
        case Pick(row, inner, column):
            picked = np.zeros((2, 2), dtype=complex)
            picked[row, column] = one_wire(inner, turns)[row, column]
            return picked
        case Dephase(inner):
            return np.diag(np.diag(one_wire(inner, turns)))
        case Conjugate(link, row, inner, column):
            powers = np.eye(2), turns[link]
            return powers[row].conj().T @ one_wire(inner, turns) @ powers[column]


def on_wires(matrices: Mapping[int, np.ndarray], n_wires: int) -> np.ndarray:
    """The product of one-wire matrices, (2^n, 2^n)."""
    return reduce(np.kron, (matrices.get(wire, np.eye(2)) for wire in range(n_wires)))


def linked_by(links: Iterable[tuple[Link, np.ndarray]], n_wires: int) -> np.ndarray:
    """The product of controlled V, (2^n, 2^n): the last to act comes first."""
    matrix = np.eye(1 << n_wires)
    for link, turn in links:
        off, on = (on_wires({link.control: np.diag(bits)}, n_wires) for bits in ([1, 0], [0, 1]))
        matrix = matrix @ (off + on @ on_wires({link.target: turn}, n_wires))
    return matrix
