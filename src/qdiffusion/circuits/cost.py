"""Which way of computing a component is cheapest.

The unit is one complex multiply-add of one sample. Work that is done once per circuit and call, such as building K^B,
is left out: it is shared by all samples. The model only has to rank the ways, and they differ by orders of magnitude.
"""

from collections.abc import Sequence

from qdiffusion.circuits.structure import Block
from qdiffusion.circuits.tree import ClusterTree

MOST_CLUSTER_NUMBERS = 1 << 14
"""More numbers than this in one cluster's part of the state, and its tables no longer fit the processor's caches."""


def dense_cost(n_wires: int, blocks: Sequence[Block]) -> int:
    """Each block multiplies the 2^n amplitudes by a matrix on its wires."""
    return sum(2 ** (n_wires + len(block.wires)) for block in blocks)


def cluster_cost(tree: ClusterTree) -> int | None:
    """Φ^B = K^B φ of each cluster, then every neighbour's message; None where a cluster's part is too large."""
    total = 0
    for wires, bonds in zip(tree.clusters, map(dict.values, tree.edges().values()), strict=True):
        sizes = [2 ** len(bond) for bond in bonds]
        numbers = 2 ** len(wires)
        for size in sizes:
            numbers *= size
        if numbers > MOST_CLUSTER_NUMBERS:
            return None
        total += numbers * (2 ** len(wires) + 4 * sum(sizes))
    return total
