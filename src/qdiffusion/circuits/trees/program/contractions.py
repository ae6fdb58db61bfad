"""The contractions that expectation values on a tree of clusters are made of, each with its derivative.

A *ket* is a cluster's part of the state with some messages applied, flat: (B, axes multiplied out), B = G·R with G =
W·C. *Messages* are stacks along one bond, (G, n, R, D, D). What a step reads it names by number: the clusters' states
come first, then what each step gave. Steps are frozen values of plain data; two that are equal are one.

`backward` methods take and give what torch calls gradients, ∂L/∂Re + i ∂L/∂Im. All values together being real, ⟨ψ|H|ψ⟩
with H = H†, the derivative along the bra equals that along the ket: only the latter is computed here. A bra's gradient
goes no further than the message that was absorbed into it.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.trees.program.tape import Gradients, Slot, Tape
from qdiffusion.circuits.trees.program.unfolding import Unfolding


class Step(Protocol):
    """One contraction."""

    def forward(self, tape: Tape) -> Tensor: ...

    def backward(self, number: int, gradients: Gradients) -> None:
        """Takes the gradient of what `forward` gave under this number, and adds to those of what it read."""


@dataclass(frozen=True)
class Absorb:
    """A ket: a message applied to one bond of the ket `source`, Σ_{s'} m[s, s'] ψ^{… s' …}."""

    source: int
    bond: Unfolding
    message: Slot

    def forward(self, tape: Tape) -> Tensor:
        return self.bond.apply(tape.message(self.message), tape.values[self.source])

    def backward(self, number: int, gradients: Gradients) -> None:
        tape = gradients.tape
        ket, bra = gradients.values.pop(number, None), gradients.bras.pop(number, None)
        total = ket if bra is None else bra if ket is None else bra.add_(ket)
        if total is None:
            return
        change = self.bond.overlap(total, tape.conjugate(self.source))
        gradients.part(self.message.mix)[:, self.message.place] += change.unflatten(0, (tape.n_groups, -1))
        if ket is not None:
            gradients.add(self.source, self.bond.apply(tape.message(self.message).mH, ket))


@dataclass(frozen=True)
class Flip:
    """A ket: a Pauli string on the ket `source`, (P ψ)[i] = phases[i] ψ[order[i]].

    Attributes:
        sizes: of the source's axes.
        letters: of the string, each with its axis.
    """

    source: int
    sizes: tuple[int, ...]
    letters: tuple[tuple[int, str], ...]

    @cached_property
    def _order_and_phases(self) -> tuple[Constant, Constant]:
        bits = np.indices(self.sizes).reshape(len(self.sizes), -1)
        sources = bits.copy()
        phases = np.ones(bits.shape[1], dtype=complex)
        for axis, letter in self.letters:
            if letter in "XY":
                sources[axis] = 1 - bits[axis]
            phases *= PAULI[letter][bits[axis], sources[axis]]
        return Constant(np.array(np.ravel_multi_index(tuple(sources), self.sizes))), Constant(phases)

    def _flip(self, psi: Tensor) -> Tensor:
        order, phases = self._order_and_phases
        return psi[:, order.like(psi.real)] * phases.like(psi.real)

    def forward(self, tape: Tape) -> Tensor:
        return self._flip(tape.values[self.source])

    def backward(self, number: int, gradients: Gradients) -> None:
        """A Pauli string is its own adjoint."""
        if (ket := gradients.values.pop(number, None)) is not None:
            gradients.add(self.source, self._flip(ket))


@dataclass(frozen=True)
class Slice:
    """A ket: those amplitudes of the ket `source` whose wire, at `axis`, has the value `bit`."""

    source: int
    sizes: tuple[int, ...]
    axis: int
    bit: int

    def _select(self, psi: Tensor) -> Tensor:
        return psi.view(psi.shape[0], prod(self.sizes[: self.axis]), 2, -1)[:, :, self.bit]

    def forward(self, tape: Tape) -> Tensor:
        return self._select(tape.values[self.source]).flatten(1)

    def backward(self, number: int, gradients: Gradients) -> None:
        if (ket := gradients.values.pop(number, None)) is not None:
            part = self._select(gradients.part(self.source))
            part += ket.view_as(part)


@dataclass(frozen=True)
class Overlap:
    """Σ conj(bra) ket over all axes but those of `kept`: wires, if any, then the bond.

    Attributes:
        values: of the wires kept; the result is values² blocks.
    """

    bra: int
    ket: int
    kept: Unfolding
    values: int


@dataclass(frozen=True)
class Density:
    """Blocks (G, blocks, R·D·D) of reduced density matrices Σ conj(Φ)^{a s} ψ^{a' s'} of some wires and a bond: one
    block for each a, a' of each overlap in turn, D = `bond`.
    """

    overlaps: tuple[Overlap, ...]
    bond: int

    def forward(self, tape: Tape) -> Tensor:
        blocks = []
        for part in self.overlaps:
            density = part.kept.overlap(tape.conjugate(part.bra), tape.values[part.ket])
            split = density.view(tape.n_groups, -1, part.values, self.bond, part.values, self.bond)
            blocks.append(split.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2))
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, 1)

    def backward(self, number: int, gradients: Gradients) -> None:
        if (own := gradients.values.pop(number, None)) is None:
            return
        tape, blocks = gradients.tape, own.split([part.values**2 for part in self.overlaps], 1)
        for part, block in zip(self.overlaps, blocks, strict=True):
            split = block.reshape(tape.n_groups, part.values, part.values, -1, self.bond, self.bond)
            matrix = split.permute(0, 3, 2, 5, 1, 4).reshape(-1, part.kept.count, part.kept.count)
            gradients.add(part.ket, part.kept.apply(matrix, tape.values[part.bra]))


@dataclass(frozen=True)
class Mix:
    """Messages (G, n, R, D, D) of n operators on the same wires: sums of the blocks of a `Density`, with the
    coefficients of mix number `mix`.
    """

    density: int
    mix: int
    bond: int

    def forward(self, tape: Tape) -> Tensor:
        mixed = torch.bmm(tape.mixes[self.mix], tape.values[self.density])
        return mixed.unflatten(-1, (-1, self.bond, self.bond))

    def backward(self, number: int, gradients: Gradients) -> None:
        if (own := gradients.values.pop(number, None)) is not None:
            tape, cotangent = gradients.tape, own.flatten(2)
            gradients.mixes[self.mix] = torch.bmm(cotangent, tape.values[self.density].mH)
            gradients.add(self.density, torch.bmm(tape.mixes[self.mix].mH, cotangent))


@dataclass(frozen=True)
class Diagonal:
    """Values (B, words) of words of Zs: Σ signs · Re conj(bra) ket.

    Attributes:
        sizes: of the axes of both.
        words: for each the axes of its Zs.
    """

    bra: int
    ket: int
    sizes: tuple[int, ...]
    words: tuple[tuple[int, ...], ...]

    @cached_property
    def _signs(self) -> Constant:
        """(words, amplitudes as pairs of real numbers)."""
        bits = np.indices(self.sizes).reshape(len(self.sizes), -1)
        return Constant(np.repeat([(-1.0) ** bits[list(axes)].sum(0) for axes in self.words], 2, axis=1))

    def forward(self, tape: Tape) -> Tensor:
        bra, ket = torch.view_as_real(tape.values[self.bra]), torch.view_as_real(tape.values[self.ket])
        return (bra * ket).flatten(1) @ self._signs.like(bra).mT

    def backward(self, number: int, gradients: Gradients) -> None:
        tape, cotangent = gradients.tape, gradients.values.pop(number)
        bra, ket = torch.view_as_real(tape.values[self.bra]), torch.view_as_real(tape.values[self.ket])
        weights = (cotangent @ self._signs.like(bra)).view_as(bra)
        gradients.add(self.ket, torch.view_as_complex(weights * bra))
        if self.bra >= len(tape.states):
            gradients.add(self.bra, torch.view_as_complex(weights * ket), to_bra=True)


@dataclass(frozen=True)
class Meet:
    """Values (B, pairs) of messages m, m' that meet on a bond, Re Σ m[s, s'] m'[s, s']; of m alone where there is none.

    Attributes:
        first, second: the `Mix` of the ms, and of the m's.
        first_places, second_places: of each pair.
    """

    first: int
    first_places: tuple[int, ...]
    second: int | None
    second_places: tuple[int, ...]

    @cached_property
    def _places(self) -> tuple[Constant, Constant]:
        return Constant(np.array(self.first_places)), Constant(np.array(self.second_places))

    def _messages(self, tape: Tape) -> tuple[Tensor, Tensor]:
        first = tape.values[self.first]
        first = first[:, self._places[0].like(first.real)]
        if self.second is None:
            return first, torch.ones_like(first)
        second = tape.values[self.second]
        return first, second[:, self._places[1].like(second.real)]

    def forward(self, tape: Tape) -> Tensor:
        first, second = self._messages(tape)
        values = (torch.view_as_real(first) * torch.view_as_real(second.conj().resolve_conj())).flatten(3).sum(3)
        return values.mT.flatten(0, 1)

    def backward(self, number: int, gradients: Gradients) -> None:
        tape = gradients.tape
        cotangent = gradients.values.pop(number).unflatten(0, (tape.n_groups, -1)).mT[..., None, None]
        first, second = self._messages(tape)
        places, others = (place.like(cotangent) for place in self._places)
        gradients.part(self.first).index_add_(1, places, cotangent * second.conj())
        if self.second is not None:
            gradients.part(self.second).index_add_(1, others, cotangent * first.conj())
