"""Rows that go each through one circuit of a bank, laid out so that a circuit's rows run together."""

from dataclasses import dataclass

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Picked:
    """Where each of N rows lies in an array of M turns of K circuits.

    Attributes:
        used: int64 (K,), the circuits that some row goes through.
        counts: int64 (K,), the rows of each of them.
        rows: int64 (M, K), the row of each turn and circuit; the circuit's last again where it has fewer than M.
        turn, place: int64 (N,), where in `rows` a row lies.
    """

    used: Int64[Tensor, " k"]
    counts: Int64[Tensor, " k"]
    rows: Int64[Tensor, "m k"]
    turn: Int64[Tensor, " n"]
    place: Int64[Tensor, " n"]

    @classmethod
    def of(cls, which: Int64[Tensor, " n"]) -> "Picked":
        """The layout of rows whose circuits are `which` (N,), N at least 1; waits for the device."""
        used, place, counts = which.unique(return_inverse=True, return_counts=True)
        order, begin = place.argsort(stable=True), counts.cumsum(0) - counts
        turns = torch.arange(int(counts.max()), device=which.device)[:, None]
        rows = order[begin + torch.minimum(turns, counts - 1)]
        turn = torch.empty_like(order)
        turn[order] = torch.arange(len(which), device=which.device) - begin[place[order]]
        return cls(used, counts, rows, turn, place)

    def back(self, values: Shaped[Tensor, "m k ..."]) -> Shaped[Tensor, "n ..."]:
        """(M, K, …) → (N, …)."""
        return values[self.turn, self.place]
