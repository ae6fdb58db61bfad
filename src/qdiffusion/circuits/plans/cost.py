"""Which way of computing a component is cheapest.

A cost is nanoseconds for one call, forward and gradients, on one core of an AMD EPYC: counts of work times what each
takes. `benchmarks/cost_fit.py` fitted the prices to the times that `benchmarks/cost_model.py` had measured.
"""

from collections.abc import Sequence
from math import prod

from qdiffusion.circuits.structure import Block
from qdiffusion.circuits.trees.shape.tree import ClusterTree

STATE_NS = (8.0e5, 1.2e5, 0.70)
"""The prices of a `state_work`."""

TREE_NS = (4.4e5, 4.2e5, 0.25, 2.1, 3.4)
"""The prices of a `tree_work`."""

MOST_CLUSTER_NUMBERS = 1 << 14
"""More numbers than this in one cluster's part of the state, and its tables no longer fit the processor's caches."""

MOST_CLUSTER_WIRES = 8
"""A gate's matrix on eight wires has 65,536 entries; those of a cluster's gates are in memory all at once."""


def dense_cost(n_wires: int, blocks: Sequence[Block], samples: int) -> float:
    """A state vector of `n_wires` for a batch of `samples`."""
    return _priced(state_work(n_wires, blocks, samples), STATE_NS)


def cluster_cost(tree: ClusterTree, samples: int) -> float | None:
    """A tree of clusters for a batch of `samples`; None where a cluster's part of the state is too large."""
    work = tree_work(tree, samples)
    return None if work is None else _priced(work, TREE_NS)


def state_work(n_wires: int, blocks: Sequence[Block], samples: int) -> tuple[float, ...]:
    """The call; blocks; complex multiply-adds, since each block multiplies every sample's 2^n amplitudes by a matrix on
    its wires.
    """
    return 1, len(blocks), samples * sum(2 ** (n_wires + len(block.wires)) for block in blocks)


def tree_work(tree: ClusterTree, samples: int) -> tuple[float, ...] | None:
    """The call; clusters; multiply-adds of Φ^B = K^B φ and of the messages, for every sample; those of building K^B,
    once for weights that all samples share; entries of the gates' matrices on the clusters' wires, likewise. None where
    a cluster's part is too large.
    """
    products = matrices = 0
    for wires, events, bonds in zip(tree.clusters, tree.events, map(dict.values, tree.edges().values()), strict=True):
        sizes = [2 ** len(bond) for bond in bonds]
        numbers = 2 ** len(wires) * prod(sizes)
        if numbers > MOST_CLUSTER_NUMBERS or len(wires) > MOST_CLUSTER_WIRES:
            return None
        products += numbers * (2 ** len(wires) + 4 * sum(sizes))
        matrices += 8 ** len(wires) * sum(len(event.gates) for event in events)
    return 1, len(tree.clusters), samples * products, products, matrices


def _priced(work: Sequence[float], prices: Sequence[float]) -> float:
    return sum(count * price for count, price in zip(work, prices, strict=True))
