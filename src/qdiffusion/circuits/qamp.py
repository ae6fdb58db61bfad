r"""The ansätze of QAMP 2025: convolution units on pairs of wires, then a mixer on all of them.

A convolution unit is the circuit of Vatan and Williams (2004, arXiv quant-ph/0308006) for the entangling part of a
general two-wire gate,

.. math:: \mathrm{conv}(a, b, d) = e^{-i\pi/4} \exp i (b\,XX + d\,YY + a\,ZZ)
"""

from collections.abc import Iterator
from math import pi

from qdiffusion.circuits.circuit import Angle, Circuit, Gate, circuit_of, constant, weight
from qdiffusion.circuits.layered import check, layered
from qdiffusion.errors import UsageError

MOST_GROVER_WIRES = 10
"""The Grover mixer's phase is one gate on all wires, and its matrix has 4^n entries."""


def conv_unit() -> Circuit:
    """The unit on wires 0 (c) and 1 (t), weights a, b, d: RZ(-π/2) t; CNOT t→c; RZ(π/2 - 2a) c; RY(2b - π/2) t;
    CNOT c→t; RY(π/2 - 2d) t; CNOT t→c; RZ(π/2) c.
    """
    return circuit_of(2, _unit(0, 1, map(weight, range(3))), "conv_unit")


def phase_mixing(n_wires: int) -> Circuit:
    """H on every wire, CZ on (0, 1), (1, 2), …, RX(weight) on every wire."""
    check(1, n_wires)
    return circuit_of(n_wires, _phase_mixing(n_wires, map(weight, range(n_wires))), "phase_mixing")


def grover_mixer(n_wires: int) -> Circuit:
    """H⊗ⁿ · diag(e^{iβ}, 1, …, 1) · H⊗ⁿ = 1 + (e^{iβ} - 1)|+…+⟩⟨+…+|, one weight β.

    Raises:
        UsageError: more than 10 wires, or none.
    """
    _check_grover(1, n_wires, 1)
    return circuit_of(n_wires, _grover(n_wires, weight(0)), "grover_mixer")


def conv_phase(n_wires: int = 4, n_layers: int = 10) -> Circuit:
    """Convolution units on the pairs (0, 1), (2, 3), …, then (1, 2), (3, 4), …, then (n-1, 0); phase mixing.

    Two wires have the pair (0, 1) alone.
    Weights of a layer: a, b, d of each pair in that order, then one of each wire: 4 · n_wires (16 on the 4 wires of
    QAMP), on two wires 5. On an odd number of wires every wire is still in two pairs.

    QAMP 2025, the ansatz of its released program.
    """
    check(n_layers, n_wires, at_least=2)
    pairs = _pairs(n_wires)

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from _units(pairs, angles)
        yield from _phase_mixing(n_wires, angles)

    return layered(layer, n_layers, 3 * len(pairs) + n_wires, "conv_phase", n_wires)


def conv_grover(n_wires: int = 4, n_layers: int = 10) -> Circuit:
    """The pairs of `conv_phase`, then the Grover mixer: 3 · n_wires + 1 weights a layer, on two wires 4.

    Every unit and the mixer commute with X⊗ⁿ: from |0…0⟩, half of which is in either of its eigenspaces, most states
    cannot be reached at any depth.

    QAMP 2025, the ansatz that `conv_phase` was compared with.

    Raises:
        UsageError: more than 10 wires, fewer than 2, or no layer.
    """
    _check_grover(n_layers, n_wires, 2)
    pairs = _pairs(n_wires)

    def layer(angles: Iterator[Angle]) -> Iterator[Gate]:
        yield from _units(pairs, angles)
        yield from _grover(n_wires, next(angles))

    return layered(layer, n_layers, 3 * len(pairs) + 1, "conv_grover", n_wires)


def _pairs(n_wires: int) -> list[tuple[int, int]]:
    starts = (*range(0, n_wires - 1, 2), *range(1, n_wires - 1, 2))
    ring = [(n_wires - 1, 0)] if n_wires > 2 else []
    return [*((wire, wire + 1) for wire in starts), *ring]


def _units(pairs: list[tuple[int, int]], angles: Iterator[Angle]) -> Iterator[Gate]:
    for c, t in pairs:
        yield from _unit(c, t, angles)


def _unit(c: int, t: int, angles: Iterator[Angle]) -> Iterator[Gate]:
    a, b, d = next(angles), next(angles), next(angles)
    quarter = pi / 2
    yield Gate("rz", (t,), constant(-quarter))
    yield Gate("x", (c,), controls=(t,))
    yield Gate("rz", (c,), quarter - 2 * a)
    yield Gate("ry", (t,), 2 * b - quarter)
    yield Gate("x", (t,), controls=(c,))
    yield Gate("ry", (t,), quarter - 2 * d)
    yield Gate("x", (c,), controls=(t,))
    yield Gate("rz", (c,), constant(quarter))


def _phase_mixing(n_wires: int, angles: Iterator[Angle]) -> Iterator[Gate]:
    yield from (Gate("h", (wire,)) for wire in range(n_wires))
    yield from (Gate("z", (wire + 1,), controls=(wire,)) for wire in range(n_wires - 1))
    yield from (Gate("rx", (wire,), next(angles)) for wire in range(n_wires))


def _grover(n_wires: int, beta: Angle) -> Iterator[Gate]:
    wires = tuple(range(n_wires))
    yield from (Gate(name, (wire,)) for wire in wires for name in "hx")
    yield Gate("p", wires[-1:], beta, wires[:-1])
    yield from (Gate(name, (wire,)) for wire in wires for name in "xh")


def _check_grover(n_layers: int, n_wires: int, at_least: int) -> None:
    check(n_layers, n_wires, at_least)
    if n_wires > MOST_GROVER_WIRES:
        raise UsageError(f"The Grover mixer takes at most {MOST_GROVER_WIRES} wires, not {n_wires}; use phase mixing.")
