"""Which blocks go together into a sweep, and in which order of the wires each block meets the state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qdiffusion.circuits.vectors.permutation import permutation
from qdiffusion.circuits.vectors.route import Route, Seat, Sweep

Wires = tuple[int, ...]

WHOLE_WIRES, SWEEP_WIRES = 18, 16
"""States of more than 18 wires go through sweeps of at most 16. Measured: at 18 wires, three sweeps take 30% longer
than one; at 20, one sweep 20% longer than two, for every block then reads memory. Sweeps of 18 take 7% less there,
but two buffers for two of their states are as large as the state.
"""

LEAST_TILE = 64
"""A block whose matrix has d rows is applied where it stands if at least max(d, LEAST_TILE / d) amplitudes follow each
of its values: products of smaller tiles took two to ten times as long for the same work. With d of them, the matrices,
one for each value of the wires before, are not larger than the state.
"""

TILE_COST = 100.0
"""A block in place takes this many nanoseconds an amplitude, divided by its tile of d × (what follows), longer than one
at the end. Measured as `permutation` is.
"""

BEAM = 16
"""So many orders of the wires are followed: 1 copies up to twice as much, 64 a third less but takes 0.2 s to find."""


def route(order: Wires, blocks: Sequence[Wires]) -> Route:
    """The way of a state, whose wires stand in `order`, through blocks on the wires given."""
    left = list(range(len(blocks)))
    registers: dict[int, Wires] = {}
    sweeps = []
    while left:
        wires, taken = _sweep(order, blocks, left)
        outer, inner = (tuple(wire for wire in order if (wire in wires) is last) for last in (False, True))
        walk = _walk(inner, [blocks[index] for index in taken])
        registers.update(zip(taken, walk.registers, strict=True))
        steps = tuple(zip(taken, walk.seats, strict=True))
        sweeps.append(Sweep(permutation(order, outer + inner), 1 << len(inner), steps))
        order = outer + walk.order
        left = [index for index in left if index not in taken]
    return Route(tuple(sweeps), tuple(registers[index] for index in range(len(blocks))), order)


def _sweep(order: Wires, blocks: Sequence[Wires], left: Sequence[int]) -> tuple[set[int], list[int]]:
    """The wires of the next sweep and its blocks: those that need not wait for a block that is left behind."""
    if len(order) <= WHOLE_WIRES:
        return set(order), [*left]
    wires: set[int] = set()
    behind: set[int] = set()
    taken = []
    for index in left:
        own = set(blocks[index])
        if behind.isdisjoint(own) and (not wires or len(wires | own) <= SWEEP_WIRES):
            wires |= own
            taken.append(index)
        else:
            behind |= own
    return wires, taken


@dataclass(frozen=True)
class _Walk:
    """Blocks seated one after another, the order of the wires behind them, and what that costs."""

    order: Wires
    seats: tuple[Seat, ...] = ()
    registers: tuple[Wires, ...] = ()
    cost: float = 0.0


def _walk(order: Wires, blocks: Sequence[Wires]) -> _Walk:
    """Seats for the blocks, by a beam search over the orders of the wires."""
    walks = [_Walk(order)]
    for wires in blocks:
        best: dict[Wires, _Walk] = {}
        for walk in walks:
            for following in _steps(walk, wires):
                if following.order not in best or following.cost < best[following.order].cost:
                    best[following.order] = following
        walks = sorted(best.values(), key=lambda walk: walk.cost)[:BEAM]
    return walks[0]


def _steps(walk: _Walk, wires: Wires) -> Iterator[_Walk]:
    """A block's wires, side by side, between any of the others, which stand as they are or ascending."""
    dim = 1 << len(wires)
    for base in dict.fromkeys((walk.order, tuple(sorted(walk.order)))):
        own, rest = (tuple(wire for wire in base if (wire in wires) is mine) for mine in (True, False))
        for at in range(len(rest) + 1):
            post = 1 << (len(rest) - at)
            if 1 < post < max(dim, LEAST_TILE // dim):
                continue
            target = (*rest[:at], *own, *rest[at:])
            arrange = permutation(walk.order, target)
            cost = walk.cost + arrange.cost + (TILE_COST / (dim * post) if post > 1 else 0.0)
            seat = Seat(arrange, 1 << at, dim, post)
            yield _Walk(target, (*walk.seats, seat), (*walk.registers, own), cost)
