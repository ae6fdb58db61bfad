"""Which way of computing a component is cheapest.

The unit is one complex multiply-add of a state vector for one sample, forward and gradients: 0.75 ns on one core of an
AMD EPYC, where all constants were measured with `benchmarks/cost_model.py`. What a call costs however many samples it
serves, most of it the overhead of hundreds of small torch operations, is spread over `SAMPLES`.
"""

from collections.abc import Sequence
from math import prod

from qdiffusion.circuits.structure import Block
from qdiffusion.circuits.trees.shape.tree import ClusterTree

SAMPLES = 16
"""A plan is made before its batch is known. With 16, neither one sample nor a batch of 128 takes much longer
than twice as long as the other way would.
"""

STATE_CALL, BLOCK_CALL = 1.5e6, 1.7e5
"""1.1 ms a call, and 0.13 ms more for each block."""

TREE_CALL, CLUSTER_CALL, LINK_CALL = 1.3e6, 2.0e5, 2.5e5
"""1 ms a call, 0.15 ms for each cluster and 0.2 ms for each link."""

MESSAGE, TABLE = 0.25, 3.0
"""A multiply-add of Φ^B = K^B φ and of the messages, for each sample, and of building K^B, once a call."""

MOST_CLUSTER_NUMBERS = 1 << 14
"""More numbers than this in one cluster's part of the state, and its tables no longer fit the processor's caches."""

MOST_CLUSTER_WIRES = 8
"""A gate's matrix on eight wires has 65,536 entries; those of a cluster's gates are in memory all at once."""


def dense_cost(n_wires: int, blocks: Sequence[Block]) -> float:
    """Each block multiplies the 2^n amplitudes by a matrix on its wires."""
    products = sum(2 ** (n_wires + len(block.wires)) for block in blocks)
    return products + (STATE_CALL + BLOCK_CALL * len(blocks)) / SAMPLES


def cluster_cost(tree: ClusterTree) -> float | None:
    """The clusters' matrices, K^B, Φ^B = K^B φ, then every neighbour's message; None where a cluster's part is too
    large.
    """
    calls = TREE_CALL + CLUSTER_CALL * len(tree.clusters) + LINK_CALL * len(tree.links)
    total = 0.0
    for wires, events, bonds in zip(tree.clusters, tree.events, map(dict.values, tree.edges().values()), strict=True):
        sizes = [2 ** len(bond) for bond in bonds]
        numbers = 2 ** len(wires) * prod(sizes)
        if numbers > MOST_CLUSTER_NUMBERS or len(wires) > MOST_CLUSTER_WIRES:
            return None
        work = numbers * (2 ** len(wires) + 4 * sum(sizes))
        matrices = 8 ** len(wires) * sum(len(event.gates) for event in events)
        total += MESSAGE * work + (TABLE * work + matrices) / SAMPLES
    return total + calls / SAMPLES
