"""The contractions that expectation values on a tree of clusters are made of, each with its derivative.

A *ket* is a cluster's part of the state with some messages applied, flat: (B, axes multiplied out), B = G·R with G =
W·C. A *node* is a stack of messages along one bond, (G, n, R, D, D); a message is read at (node, row).

`backward` methods take and give what torch calls gradients, ∂L/∂Re + i ∂L/∂Im. All values together being real, ⟨ψ|H|ψ⟩
with H = H†, the derivative along the bra equals that along the ket: only the latter is computed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Protocol

import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.trees.rows import Rows

Row = tuple[int, int]
"""A message: its node, and its place there."""


@dataclass
class Tape:
    """What one run has computed: kets by number, the clusters' states first, and nodes by number.

    Attributes:
        mixes: for each node (G, n, blocks), see `Density`.
    """

    n_groups: int
    mixes: Sequence[Tensor]
    states: Sequence[Tensor]
    kets: dict[int, Tensor] = field(default_factory=dict)
    nodes: dict[int, Tensor] = field(default_factory=dict)
    blocks: dict[int, Tensor] = field(default_factory=dict)
    conjugates: dict[int, Tensor] = field(default_factory=dict)
    reads: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kets.update(enumerate(self.states))

    def message(self, row: Row) -> Tensor:
        """(B, D, D)."""
        return self.nodes[row[0]][:, row[1]].flatten(0, 1)

    def conjugate(self, ket: int) -> Tensor:
        if ket not in self.conjugates:
            self.conjugates[ket] = self.kets[ket].conj().resolve_conj()
        return self.conjugates[ket]


@dataclass
class Gradients:
    """Gradients of what is on a tape: of kets, of kets where they serve as bras, of nodes, mixes and reads."""

    tape: Tape
    reads: Sequence[Tensor]
    kets: dict[int, Tensor] = field(default_factory=dict)
    bras: dict[int, Tensor] = field(default_factory=dict)
    nodes: dict[int, Tensor] = field(default_factory=dict)
    mixes: dict[int, Tensor] = field(default_factory=dict)

    def add(self, where: dict[int, Tensor], number: int, gradient: Tensor) -> None:
        """Takes the gradient over: it must be nobody else's."""
        if number in where:
            where[number].add_(gradient)
        else:
            where[number] = gradient

    def node(self, number: int) -> Tensor:
        if number not in self.nodes:
            self.nodes[number] = torch.zeros_like(self.tape.nodes[number])
        return self.nodes[number]


class Step(Protocol):
    """One contraction."""

    def forward(self, tape: Tape) -> None: ...

    def backward(self, gradients: Gradients) -> None:
        """From the gradients of what `forward` computed to those of what it read."""


@dataclass(frozen=True)
class Dress:
    """The ket `out`: a message applied to one bond of the ket `source`, Σ_{s'} m[s, s'] ψ^{… s' …}."""

    out: int
    source: int
    bond: Rows
    row: Row

    def forward(self, tape: Tape) -> None:
        tape.kets[self.out] = self.bond.apply(tape.message(self.row), tape.kets[self.source])

    def backward(self, gradients: Gradients) -> None:
        tape = gradients.tape
        ket, bra = gradients.kets.pop(self.out, None), gradients.bras.pop(self.out, None)
        total = ket if bra is None else bra if ket is None else bra.add_(ket)
        if total is None:
            return
        node, row = self.row
        change = self.bond.overlap(total, tape.conjugate(self.source))
        gradients.node(node)[:, row] += change.unflatten(0, (tape.n_groups, -1))
        if ket is not None:
            gradients.add(gradients.kets, self.source, self.bond.apply(tape.message(self.row).mH, ket))


@dataclass(frozen=True)
class Flip:
    """The ket `out`: a Pauli string on the ket `source`, amplitudes in another order times phases."""

    out: int
    source: int
    order: Constant
    phases: Constant

    def _flip(self, psi: Tensor) -> Tensor:
        return psi[:, self.order.like(psi.real)] * self.phases.like(psi.real)

    def forward(self, tape: Tape) -> None:
        tape.kets[self.out] = self._flip(tape.kets[self.source])

    def backward(self, gradients: Gradients) -> None:
        """A Pauli string is its own adjoint."""
        if (ket := gradients.kets.pop(self.out, None)) is not None:
            gradients.add(gradients.kets, self.source, self._flip(ket))


@dataclass(frozen=True)
class Slice:
    """The ket `out`: those amplitudes of the ket `source` whose wire has the value `bit`."""

    out: int
    source: int
    sizes: tuple[int, ...]
    axis: int
    bit: int

    def _select(self, psi: Tensor) -> Tensor:
        return psi.view(psi.shape[0], prod(self.sizes[: self.axis]), 2, -1)[:, :, self.bit]

    def forward(self, tape: Tape) -> None:
        tape.kets[self.out] = self._select(tape.kets[self.source]).flatten(1)

    def backward(self, gradients: Gradients) -> None:
        if (ket := gradients.kets.pop(self.out, None)) is not None:
            if self.source not in gradients.kets:
                gradients.kets[self.source] = torch.zeros_like(gradients.tape.kets[self.source])
            part = self._select(gradients.kets[self.source])
            part += ket.view_as(part)


@dataclass(frozen=True)
class Overlap:
    """Σ conj(bra) ket over all axes that `rows` does not keep: those of a bond, preceded or not by wires' axes.

    Attributes:
        values: of the wires kept; the result is values² blocks.
    """

    bra: int
    ket: int
    rows: Rows
    values: int


@dataclass(frozen=True)
class Density:
    """A node: blocks of reduced density matrices Σ conj(Φ)^{a s} ψ^{a' s'} of some wires and a bond, mixed into the
    messages of as many operators on those wires.
    """

    node: int
    overlaps: tuple[Overlap, ...]
    bond: int

    def forward(self, tape: Tape) -> None:
        blocks = []
        for part in self.overlaps:
            density = part.rows.overlap(tape.conjugate(part.bra), tape.kets[part.ket])
            split = density.view(tape.n_groups, -1, part.values, self.bond, part.values, self.bond)
            blocks.append(split.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2))
        tape.blocks[self.node] = blocks[0] if len(blocks) == 1 else torch.cat(blocks, 1)
        mixed = torch.bmm(tape.mixes[self.node], tape.blocks[self.node])
        tape.nodes[self.node] = mixed.unflatten(-1, (-1, self.bond, self.bond))

    def backward(self, gradients: Gradients) -> None:
        if self.node not in gradients.nodes:
            return
        tape, cotangent = gradients.tape, gradients.nodes.pop(self.node).flatten(2)
        gradients.mixes[self.node] = torch.bmm(cotangent, tape.blocks[self.node].mH)
        blocks = torch.bmm(tape.mixes[self.node].mH, cotangent).split([part.values**2 for part in self.overlaps], 1)
        for part, block in zip(self.overlaps, blocks, strict=True):
            split = block.reshape(tape.n_groups, part.values, part.values, -1, self.bond, self.bond)
            matrix = split.permute(0, 3, 2, 5, 1, 4).reshape(-1, part.rows.count, part.rows.count)
            gradients.add(gradients.kets, part.ket, part.rows.apply(matrix, tape.kets[part.bra]))


@dataclass(frozen=True)
class Read:
    """Σ signs · Re conj(bra) ket: the values of diagonal words, (B, words)."""

    out: int
    bra: int
    ket: int
    signs: Constant

    def forward(self, tape: Tape) -> None:
        bra, ket = torch.view_as_real(tape.kets[self.bra]), torch.view_as_real(tape.kets[self.ket])
        tape.reads.append((bra * ket).flatten(1) @ self.signs.like(bra).mT)

    def backward(self, gradients: Gradients) -> None:
        tape, cotangent = gradients.tape, gradients.reads[self.out]
        bra, ket = torch.view_as_real(tape.kets[self.bra]), torch.view_as_real(tape.kets[self.ket])
        weights = (cotangent @ self.signs.like(bra)).view_as(bra)
        gradients.add(gradients.kets, self.ket, torch.view_as_complex(weights * bra))
        if self.bra >= len(tape.states):
            gradients.add(gradients.bras, self.bra, torch.view_as_complex(weights * ket))


@dataclass(frozen=True)
class Pair:
    """Re Σ m[s, s'] m'[s, s'] for messages m, m' that meet on a bond, (B, pairs); without m' where there is no bond."""

    out: int
    first: int
    first_rows: Constant
    second: int | None
    second_rows: Constant

    def _messages(self, tape: Tape) -> tuple[Tensor, Tensor]:
        first = tape.nodes[self.first]
        first = first[:, self.first_rows.like(first.real)]
        if self.second is None:
            return first, torch.ones_like(first)
        second = tape.nodes[self.second]
        return first, second[:, self.second_rows.like(second.real)]

    def forward(self, tape: Tape) -> None:
        first, second = self._messages(tape)
        values = (torch.view_as_real(first) * torch.view_as_real(second.conj().resolve_conj())).flatten(3).sum(3)
        tape.reads.append(values.mT.flatten(0, 1))

    def backward(self, gradients: Gradients) -> None:
        tape = gradients.tape
        cotangent = gradients.reads[self.out].unflatten(0, (tape.n_groups, -1)).mT[..., None, None]
        first, second = self._messages(tape)
        node, rows = gradients.node(self.first), self.first_rows.like(cotangent)
        node.index_add_(1, rows, cotangent * second.conj())
        if self.second is not None:
            node, rows = gradients.node(self.second), self.second_rows.like(cotangent)
            node.index_add_(1, rows, cotangent * first.conj())
