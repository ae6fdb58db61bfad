"""Which way of computing a component the cost model chooses."""

import pytest

from qdiffusion.circuits import Circuit, Gate, angle_encoding, circuit_of, hqconv, structure, weight
from qdiffusion.circuits.plans.cost import MOST_CLUSTER_WIRES, cluster_cost, dense_cost
from qdiffusion.circuits.plans.ways import cheapest
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.trees.shape.tree import ClusterTree, grow_tree


def line(n_wires: int, n_layers: int) -> Circuit:
    """RX on every wire and bricks of CNOT."""
    gates = []
    for layer in range(n_layers):
        gates += [Gate("rx", (wire,), weight(layer * n_wires + wire)) for wire in range(n_wires)]
        gates += [Gate("x", (wire + 1,), controls=(wire,)) for wire in range(layer % 2, n_wires - 1, 2)]
    return angle_encoding(n_wires) >> circuit_of(n_wires, gates, "line")


def component(circuit: Circuit) -> Component:
    return Component(tuple(range(circuit.n_wires)), circuit.gates)


@pytest.mark.parametrize("circuit", [line(20, 2), line(20, 10), angle_encoding(12) >> hqconv(3)])
def test_many_wires_joined_by_few_links_are_a_tree_of_clusters(circuit):
    assert cheapest(component(circuit), states_only=False, samples=16).tree is not None


@pytest.mark.parametrize("circuit", [line(5, 2), line(8, 12), line(12, 16)])
def test_few_wires_or_many_links_are_a_state_vector(circuit):
    assert cheapest(component(circuit), states_only=False, samples=16).tree is None


def test_a_cluster_of_many_wires_is_refused_whatever_it_saves():
    """Its gates' matrices would fill the memory."""

    def two_rings(size: int) -> ClusterTree:
        rings = [
            Gate("rxx", (start + wire, start + (wire + 1) % size), weight(wire))
            for start in (0, size)
            for wire in range(size)
        ]
        return grow_tree(2 * size, [*rings, Gate("x", (size,), controls=(0,)), *rings])

    assert cluster_cost(two_rings(MOST_CLUSTER_WIRES), 1) is not None
    assert cluster_cost(two_rings(MOST_CLUSTER_WIRES + 1), 1) is None


def test_the_batch_decides_where_calls_outweigh_products():
    """A tree of clusters has more calls, a state vector more work a sample."""
    whole = component(angle_encoding(12) >> hqconv(2))
    assert cheapest(whole, states_only=False, samples=1).tree is None
    assert cheapest(whole, states_only=False, samples=128).tree is not None


def test_a_block_costs_its_products_and_its_call():
    blocks = structure.fuse(line(8, 4).gates)
    costs = [dense_cost(8, blocks, 4), dense_cost(8, blocks[1:], 4), dense_cost(7, blocks[1:], 4)]
    assert sorted(costs, reverse=True) == costs
    assert min(costs) > 0


@pytest.mark.parametrize(
    "cost",
    [
        lambda samples: dense_cost(8, structure.fuse(line(8, 4).gates), samples),
        lambda samples: cluster_cost(grow_tree(8, line(8, 4).gates), samples),
    ],
)
def test_every_sample_costs_alike_beyond_what_the_call_costs(cost):
    call = cost(0)
    assert 0 < call < cost(1)
    assert cost(100) - call == pytest.approx(100 * (cost(1) - call))
