"""Products of long runs of gates on many wires, by way of those of their parts on two."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.channels import gate_products
from qdiffusion.circuits.angles.composition import Products, ProductTree, memory_order, multiply
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.gates import embed
from qdiffusion.circuits.structure import Block, fuse, renumber

PART_WIRES = 2
WORTH = 2
"""So many gates a part, and the parts' own matrices cost less than they save."""


def products(alike: Sequence[Sequence[Sequence[Gate]]], n_wires: int, n_weights: int) -> Products:
    """The cheaper way to the products of P runs on wires 0 … n_wires - 1, for K lists of runs alike."""
    if n_wires > PART_WIRES and all(len(gate.wires) <= PART_WIRES for run in alike[0] for gate in run):
        gates, parts = (sum(map(len, runs)) for runs in (alike[0], [fuse(run, PART_WIRES) for run in alike[0]]))
        if gates >= WORTH * parts:
            return NestedProducts(alike, n_wires, n_weights)
    return gate_products(alike, range(n_wires), n_weights)


class NestedProducts(Products):
    """As `GateProducts`; a gate's matrix has 16 entries, and that of a part, not of a gate, 4^n_wires.

    Args:
        alike: K lists of P runs on wires 0 … n_wires - 1.
        n_wires: more than two.
        n_weights: where inputs begin in the row of angles.
    """

    def __init__(self, alike: Sequence[Sequence[Sequence[Gate]]], n_wires: int, n_weights: int) -> None:
        fused = [[fuse(run, PART_WIRES) for run in runs] for runs in alike]
        self._depth = max(map(len, fused[0]))
        nothing = Block((0, 1), ())
        filled = [[[*run, *[nothing] * (self._depth - len(run))] for run in runs] for runs in fused]
        # (parts, P) in the order in which a tree of products has them.
        ordered = [[run[place] for place in memory_order(self._depth) for run in runs] for runs in filled]
        pairs = [_pair(part.wires) for part in ordered[0]]
        self._count = 16 * len(pairs)
        self.shape, self.size = (len(alike), len(alike[0])), 1 << n_wires
        self._parts = gate_products(
            [[renumber(part.gates, pair) for part, pair in zip(parts, pairs, strict=True)] for parts in ordered],
            range(PART_WIRES),
            n_weights,
        )
        places = np.arange(1, 17, dtype=complex).reshape(1, 4, 4)
        table = np.stack([embed(places, pair, n_wires)[0].real.round().astype(int).ravel() for pair in pairs])
        # Entry 0 is a zero, behind which stand the parts' 16 entries each.
        self._spread = Constant(np.where(table > 0, table + 16 * np.arange(len(pairs))[:, None], 0).ravel())
        where = [np.flatnonzero(row == entry) for row in table for entry in range(1, 17)]
        offsets = np.repeat(np.arange(len(pairs)), 16)[:, None] * self.size**2
        self._gather = Constant((np.stack(where) + offsets).ravel())

    def run(self, angles: Tensor) -> tuple[Tensor, tuple[ProductTree, tuple[ProductTree, Tensor]]]:
        """Angles (N, n_angles) → the products (N·K·P, 2^n, 2^n), and what `pull` needs."""
        parts, kept = self._parts.run(angles)
        flat = torch.nn.functional.pad(parts.reshape(len(angles), self.shape[0], self._count), (1, 0))
        spread = flat.index_select(2, self._spread.like(flat)).view(
            *flat.shape[:2], self._depth, self.shape[1], self.size**2
        )
        n_products = len(angles) * self.shape[0] * self.shape[1]
        matrices = spread.permute(2, 0, 1, 3, 4).reshape(self._depth, n_products, self.size, self.size)
        product, tree = multiply(matrices)
        return product, (tree, kept)

    def pull(
        self,
        tensors: Sequence[Tensor],
        value: Tensor,
        kept: tuple[ProductTree, tuple[ProductTree, Tensor]],
        gradient: Tensor,
    ) -> tuple[Tensor]:
        """∂L/∂angles (N, n_angles)."""
        tree, of_parts = kept
        mu = tree.pull(gradient.conj().resolve_conj()).view(self._depth, len(tensors[0]), *self.shape, self.size**2)
        flat = mu.permute(1, 2, 0, 3, 4).flatten(2)
        gathered = flat.index_select(2, self._gather.like(flat)).unflatten(2, (-1, self.size // 4)).sum(-1)
        return self._parts.pull(tensors, value, of_parts, gathered.conj().resolve_conj().view(-1, 4, 4))


def _pair(wires: tuple[int, ...]) -> tuple[int, int]:
    """Two wires, those of a part and a further one where it has one alone."""
    if len(wires) == PART_WIRES:
        return wires[0], wires[1]
    return wires[0], 1 if wires[0] == 0 else 0
