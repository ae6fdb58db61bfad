"""What steps read and write, forward and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor


class Slot(NamedTuple):
    """Where a message stands: the number of a `Mix`, and its place among the messages that this gives."""

    mix: int
    place: int


@dataclass
class Tape:
    """What one run has computed so far.

    Attributes:
        n_groups: G = W·C circuits, as in `contractions`.
        mixes: for each `Mix` its coefficients (G, n, blocks).
        values: the clusters' states, then what each step gave, by number.
        conjugates: of kets that serve as bras.
    """

    n_groups: int
    mixes: Sequence[Tensor]
    states: Sequence[Tensor]
    values: list[Tensor] = field(init=False)
    conjugates: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = list(self.states)

    def message(self, slot: Slot) -> Tensor:
        """(B, D, D)."""
        return self.values[slot.mix][:, slot.place].flatten(0, 1)

    def conjugate(self, ket: int) -> Tensor:
        if ket not in self.conjugates:
            self.conjugates[ket] = self.values[ket].conj().resolve_conj()
        return self.conjugates[ket]


@dataclass
class Gradients:
    """Gradients of what is on a tape, by number: of values, of kets where they serve as bras, and of mixes."""

    tape: Tape
    values: dict[int, Tensor]
    bras: dict[int, Tensor] = field(default_factory=dict)
    mixes: dict[int, Tensor] = field(default_factory=dict)

    def add(self, number: int, gradient: Tensor, *, to_bra: bool = False) -> None:
        """To that of a value. Takes the gradient over: it must be nobody else's."""
        where = self.bras if to_bra else self.values
        if number in where:
            where[number].add_(gradient)
        else:
            where[number] = gradient

    def part(self, number: int) -> Tensor:
        """That of a value, to add to some of its elements."""
        if number not in self.values:
            self.values[number] = torch.zeros_like(self.tape.values[number])
        return self.values[number]
