"""Ansätze: the trainable circuits of the papers, gate for gate in the order of their weights.

HQConv and FQConv (De Falco et al. 2024, figures 5 and 6) act on 12 wires: 3 channels × 4 pixels of a 2×2 patch, wire =
4·channel + pixel. All their gates are controlled rotations. The order of gates and the direction from control to target
follow the released programs; the paper's printed formulas point the other way (`direction="formula"`: control q_p →
target q_{p+s}).
"""

from collections.abc import Iterable, Iterator
from itertools import count, cycle, pairwise
from typing import Literal

from qdiffusion.circuits.circuit import Angle, Circuit, Gate
from qdiffusion.circuits.layered import check, layered
from qdiffusion.errors import UsageError

Direction = Literal["program", "formula"]
Pair = tuple[int, int]

_N_CHANNELS, _N_PIXELS = 3, 4
_N_WIRES = _N_CHANNELS * _N_PIXELS


def hqconv(
    n_layers: int = 3, direction: Direction = "program", block_a: bool = True, n_channels: int = _N_CHANNELS
) -> Circuit:
    """Hierarchical quantum convolution on 4 · n_channels wires, 10 · n_channels - 2 weights a layer (28 for 3).

    Block A, on the four wires of each channel: for i = 3, 2, 1, 0 a CRZ, then a CRX, control (i+1) mod 4, target i
    (8 weights a channel, channel 0 first). Block B, between neighbouring channels c = n_channels - 2, …, 0: CRZ, CRX
    with control 4c, target 4(c+1) (2 weights a pair, after those of block A).

    Args:
        n_layers: repetitions; each uses the next 10 · n_channels - 2 weights.
        direction: "program" as above; "formula" swaps control and target in block A, as the paper prints it, and leaves
            block B, where both agree.
        block_a: False leaves block A out and lets block B read the first weights of each layer, as the released program
            does; the others then act on nothing.
        n_channels: 3 in the paper; more join the channels of a whole vertex in one circuit.

    De Falco et al. 2024, section 3.1 and figure 5.
    """
    _check(n_layers, direction)
    if n_channels < 1:
        raise UsageError(f"HQConv needs at least 1 channel, not {n_channels}.")
    ring = [(_wire(channel, (i + 1) % 4), _wire(channel, i)) for channel in range(n_channels) for i in (3, 2, 1, 0)]
    between = [(_wire(channel, 0), _wire(channel + 1, 0)) for channel in reversed(range(n_channels - 1))]
    inside = _directed(ring, direction) if block_a else []
    n_weights, n_wires = 10 * n_channels - 2, _N_PIXELS * n_channels
    return layered(lambda angles: _rotated_pairs([*inside, *between], angles), n_layers, n_weights, "hqconv", n_wires)


def fqconv(n_layers: int = 3, direction: Direction = "program", alternating: bool = False) -> Circuit:
    """Flat quantum convolution, 24 weights a layer on 12 wires.

    Three rounds of control channel → target channel, 0→2, 2→1 and 1→0; each round a CRZ on pixels 3, 2, 1, 0, then a
    CRX on pixels 3, 2, 1, 0, control and target being the same pixel of the two channels. At any depth these are four
    independent circuits of three wires {p, p+4, p+8}.

    Args:
        n_layers: repetitions; layer l uses weights 24·l … 24·l + 23.
        direction: "program" as above; "formula" swaps control and target.
        alternating: each round's first four gates are CRZ, CRX, CRZ, CRX and its last four CRX, CRZ, CRX, CRZ, as in
            the program of Capece 2025.

    De Falco et al. 2024, section 3.1 and figure 6.
    """
    _check(n_layers, direction)
    rounds = [
        _directed([(_wire(control, pixel), _wire(target, pixel)) for pixel in (3, 2, 1, 0)], direction)
        for control, target in ((0, 2), (2, 1), (1, 0))
    ]

    passes = (("rz", "rx") * 2, ("rx", "rz") * 2) if alternating else (("rz",) * 4, ("rx",) * 4)

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        for pairs in rounds:
            for names in passes:
                yield from (_controlled(name, pair, next(angles)) for name, pair in zip(names, pairs, strict=True))

    return layered(layer, n_layers, 24, "fqconv", _N_WIRES)


def basic_entangling(n_wires: int = 4, n_layers: int = 4) -> Circuit:
    """PennyLane's BasicEntanglerLayers: RX on every wire, then a CNOT ring 0→1→…→0; n_wires weights a layer.

    Two wires share one CNOT, one wire none. De Falco et al. 2024 use 4 wires for the fortieth channel (the released
    program: 4 layers).
    """
    check(n_layers, n_wires)
    ends = {1: [], 2: [(0, 1)]}.get(n_wires, [(wire, (wire + 1) % n_wires) for wire in range(n_wires)])

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from (Gate("rx", (wire,), next(angles)) for wire in range(n_wires))
        yield from _cnots(ends)

    return layered(layer, n_layers, n_wires, "basic_entangling", n_wires)


def ladder_entangling(n_wires: int, n_layers: int) -> Circuit:
    """A general rotation RZ, RY, RZ on each wire, then the CNOT ladder 0→1, 1→2, …; 3 · n_wires weights a layer.

    The three weights of wire 0 come first, in the order in which they act, then those of wire 1, ….
    """
    check(n_layers, n_wires)

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from _rotations(n_wires, angles)
        yield from _cnots(pairwise(range(n_wires)))

    return layered(layer, n_layers, 3 * n_wires, "ladder_entangling", n_wires)


def mirrored_ladder(n_wires: int, n_layers: int) -> Circuit:
    """The CNOT ladder backwards, …, 1→2, 0→1, then a general rotation RZ, RY, RZ on each wire; 3 · n_wires weights a
    layer, in the order of `ladder_entangling`.

    Its layers of weights (-c, -b, -a) undo those of `ladder_entangling` of weights (a, b, c), the last first.
    """
    check(n_layers, n_wires)

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from _cnots(reversed([*pairwise(range(n_wires))]))
        yield from _rotations(n_wires, angles)

    return layered(layer, n_layers, 3 * n_wires, "mirrored_ladder", n_wires)


def brickwork(n_wires: int, n_layers: int, first: int = 0) -> Circuit:
    """A general rotation RZ, RY, RZ on each wire, then CNOTs 0→1, 2→3, … in layers 0, 2, … and 1→2, 3→4, … in the
    others; 3 · n_wires weights a layer, in the order of `ladder_entangling`.

    Args:
        n_wires, n_layers: of the circuit.
        first: the number of its first layer.
    """
    check(n_layers, n_wires)
    numbers = count(first)

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from _rotations(n_wires, angles)
        yield from _cnots((wire, wire + 1) for wire in range(next(numbers) % 2, n_wires - 1, 2))

    return layered(layer, n_layers, 3 * n_wires, "brickwork", n_wires)


def cz_brickwork(n_wires: int, n_layers: int) -> Circuit:
    """RX on every wire, RY on every wire, then CZ on (0, 1), (2, 3), … and on (1, 2), (3, 4), …; 2 · n_wires weights a
    layer, those of the RX first.

    Zhang et al. 2024 (arXiv 2310.05866), figure 2: a step of QuDDPM's reverse process.
    """
    check(n_layers, n_wires)
    evens, odds = range(0, n_wires - 1, 2), range(1, n_wires - 1, 2)

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from (Gate(name, (wire,), next(angles)) for name in ("rx", "ry") for wire in range(n_wires))
        yield from (Gate("z", (wire + 1,), controls=(wire,)) for wire in (*evens, *odds))

    return layered(layer, n_layers, 2 * n_wires, "cz_brickwork", n_wires)


def alternating_ladder(n_wires: int, n_layers: int) -> Circuit:
    """A general rotation RZ, RY, RZ on each wire, then a CNOT chain, in turn n-2→n-1, …, 0→1 and its inverse.

    3 · n_wires weights a layer, the three of wire 0 first, in the order in which they act.

    With all weights 0 an even number of layers is the identity.

    Cacioppo et al. 2023 (arXiv 2311.15444), as in the authors' program: PennyLane's Rot(φ, θ, ω).
    """
    check(n_layers, n_wires)
    down = [(wire, wire + 1) for wire in reversed(range(n_wires - 1))]
    chains = cycle((down, down[::-1]))

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from _rotations(n_wires, angles)
        yield from _cnots(next(chains))

    return layered(layer, n_layers, 3 * n_wires, "alternating_ladder", n_wires)


def strongly_entangling(n_wires: int, n_layers: int) -> Circuit:
    """PennyLane's StronglyEntanglingLayers: a general rotation RZ, RY, RZ on each wire, then CNOTs w → w + r (mod n).

    r = 1, 2, …, n-1, 1, … from layer to layer; 3 · n_wires weights a layer, the three of wire 0 first.

    Schuld et al. 2020 (arXiv 1804.00633).
    """
    check(n_layers, n_wires)
    ranges = cycle(range(1, n_wires) or (0,))

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from _rotations(n_wires, angles)
        reach = next(ranges)
        yield from _cnots((wire, (wire + reach) % n_wires) for wire in range(n_wires) if reach)

    return layered(layer, n_layers, 3 * n_wires, "strongly_entangling", n_wires)


def _rotations(n_wires: int, angles: Iterator[Angle]) -> Iterator[Gate]:
    """A general rotation RZ, RY, RZ on each wire."""
    return (Gate(name, (wire,), next(angles)) for wire in range(n_wires) for name in ("rz", "ry", "rz"))


def _cnots(pairs: Iterable[Pair]) -> Iterator[Gate]:
    """From control to target."""
    return (Gate("x", (target,), controls=(control,)) for control, target in pairs)


def _rotated_pairs(pairs: Iterable[Pair], angles: Iterator[Angle]) -> Iterator[Gate]:
    for pair in pairs:
        yield _controlled("rz", pair, next(angles))
        yield _controlled("rx", pair, next(angles))


def _controlled(name: str, pair: Pair, angle: Angle) -> Gate:
    control, target = pair
    return Gate(name, (target,), angle, (control,))


def _directed(pairs: list[Pair], direction: Direction) -> list[Pair]:
    return pairs if direction == "program" else [(target, control) for control, target in pairs]


def _wire(channel: int, pixel: int) -> int:
    return _N_PIXELS * channel + pixel


def _check(n_layers: int, direction: str) -> None:
    check(n_layers)
    if direction not in ("program", "formula"):
        raise UsageError(f"Unknown direction {direction!r}; there are 'program' and 'formula'.")
