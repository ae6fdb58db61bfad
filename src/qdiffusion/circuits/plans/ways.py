"""How one component is best computed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.doubling import doubled, split_noise
from qdiffusion.circuits.plans.cost import cluster_cost, dense_cost
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.trees.shape.tree import ClusterTree, grow_tree


@dataclass(frozen=True)
class Way:
    """A tree of clusters after a product `prefix`, or a state vector where `tree` is None; `cost` in the
    nanoseconds of `cost.py`.
    """

    cost: float
    tree: ClusterTree | None = None
    prefix: Sequence[list[Gate]] = ()


USUAL_SAMPLES = 16
"""Ways are explained, and first chosen, for a batch of so many."""

MOST_SAMPLES = 256
"""For larger batches the choice is that for so many: what a call costs no longer matters."""


def rounded(samples: int) -> int:
    """The nearest of 1, 4, 16, … in ratio, up to `MOST_SAMPLES`."""
    clipped = min(max(samples, 1), MOST_SAMPLES)
    return int(4 ** round(math.log(clipped, 4)))


@lru_cache(maxsize=1024)
def cheapest(component: Component, states_only: bool, samples: int) -> Way:
    """For a batch of `samples`. Clusters need unitary gates that, after the product prefix, read no input."""
    n_wires = len(component.wires)
    if component.is_mixed:
        leading, noisy = split_noise(component)
        own = cheapest(leading, True, samples).cost if leading.wires else 0.0
        return Way(own + dense_cost(2 * n_wires, structure.fuse(doubled(noisy, n_wires)), samples))
    prefix, rest = structure.split_prefix(component)
    dense = Way(dense_cost(n_wires, structure.fuse(rest), samples))
    if states_only or component.prepared or not component.is_unitary or any(map(structure.reads_input, rest)):
        return dense
    tree = grow_tree(n_wires, rest)
    cost = cluster_cost(tree, samples) if len(tree.clusters) > 1 else None
    return dense if cost is None or cost >= dense.cost else Way(cost, tree, prefix)
