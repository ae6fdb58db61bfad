"""Random trees of clusters for hypothesis, staircases, and their words read in both ways."""

from hypothesis import reject
from hypothesis import strategies as st

from qdiffusion.circuits import Gate, angle_encoding, circuit_of, structure, weight
from qdiffusion.circuits.trees.algebra.pullback import TooManyTermsError
from qdiffusion.circuits.trees.clusterwords import ClusterWords
from qdiffusion.circuits.trees.shape.tree import grow_tree
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
