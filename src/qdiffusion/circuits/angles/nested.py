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
        self.shape, self.size = (len(alike), len(alike[0])), 1 << n_wires
        self._parts = gate_products(
            [[renumber(part.gates, pair) for part, pair in zip(parts, pairs, strict=True)] for parts in ordered],
            range(PART_WIRES),
            n_weights,
        )
        places = np.arange(1, 17, dtype=complex).reshape(1, 4, 4)
        table = np.stack([embed(places, pair, n_wires)[0].real.round().astype(int).ravel() for pair in pairs])
        # Each part's 16 entries stand behind a zero, entry 0: where each entry of its matrix on all wires comes from,
        # and where each of the 16 stands there.
        self._spread = Constant(table.reshape(self._depth, 1, -1, self.size**2))
        where = np.stack([[np.flatnonzero(row == entry) for entry in range(1, 17)] for row in table])
        self._gather = Constant(where.reshape(self._depth, 1, -1, 4 * self.size))

    def run(self, angles: Tensor) -> tuple[Tensor, tuple[ProductTree, tuple[ProductTree, Tensor]]]:
        """Angles (N, n_angles) → the products (N·K·P, 2^n, 2^n), and what `pull` needs."""
        parts, kept = self._parts.run(angles)
        by_part = parts.view(-1, self._depth, self.shape[1], 16).transpose(0, 1)
        matrices = _picked(torch.nn.functional.pad(by_part, (1, 0)), self._spread.like(angles))
        matrices = matrices.view(self._depth, -1, self.size, self.size)
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
        mu = tree.pull(gradient.conj().resolve_conj()).view(self._depth, -1, self.shape[1], self.size**2)
        gathered = _picked(mu, self._gather.like(mu.real)).unflatten(3, (16, -1)).sum(-1).transpose(0, 1)
        return self._parts.pull(tensors, value, of_parts, gathered.conj().resolve_conj().reshape(-1, 4, 4))


def _picked(entries: Tensor, places: Tensor) -> Tensor:
    """Entries (depth, N, P, k) at places (depth, 1, P, m), the same for all N → (depth, N, P, m)."""
    return entries.gather(3, places.expand(-1, entries.shape[1], -1, -1))


def _pair(wires: tuple[int, ...]) -> tuple[int, int]:
    """Two wires, those of a part and a further one where it has one alone."""
    if len(wires) == PART_WIRES:
        return wires[0], wires[1]
    return wires[0], 1 if wires[0] == 0 else 0
