r"""Gates made of several: what other languages call one gate and is a product of this package's own.

Every product is exact, phase included, so that it stays right under control:

.. math:: SX = H S H, \quad iSWAP = SWAP \cdot CZ \cdot (S \otimes S), \quad U_3(\theta, \phi, \lambda) =
    P(\phi) R_y(\theta) P(\lambda), \quad Rot(\phi, \theta, \omega) = R_z(\omega) R_y(\theta) R_z(\phi)

A phase of the whole state, `Phase`, is no gate: it shows only where a control makes it relative. `controlled` then
turns it into a phase gate on the control, `without_phases` drops it where no control sees it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import pi

from qdiffusion.circuits.circuit import Angle, Gate, constant
from qdiffusion.errors import UsageError


@dataclass(frozen=True)
class Phase:
    """exp(iθ) on the whole state."""

    angle: Angle


Piece = Gate | Phase
Pieces = tuple[Piece, ...]

QUARTER = constant(pi / 2)
"""A quarter turn."""

_INVERSE_PHASES = {"s": -pi / 2, "t": -pi / 4}


def sdg(wire: int) -> tuple[Gate, ...]:
    """S†."""
    return (Gate("p", (wire,), constant(_INVERSE_PHASES["s"])),)


def tdg(wire: int) -> tuple[Gate, ...]:
    """T†."""
    return (Gate("p", (wire,), constant(_INVERSE_PHASES["t"])),)


def sx(wire: int) -> tuple[Gate, ...]:
    """√X = H S H."""
    return (Gate("h", (wire,)), Gate("s", (wire,)), Gate("h", (wire,)))


def iswap(first: int, second: int) -> tuple[Gate, ...]:
    """|01⟩ → i|10⟩, |10⟩ → i|01⟩."""
    return (
        Gate("s", (first,)),
        Gate("s", (second,)),
        Gate("z", (second,), controls=(first,)),
        Gate("swap", (first, second)),
    )


def rot(phi: Angle, theta: Angle, omega: Angle, wire: int) -> tuple[Gate, ...]:
    """PennyLane's Rot(φ, θ, ω) = RZ(ω) RY(θ) RZ(φ): φ acts first."""
    return _three("rz", phi, theta, omega, wire)


def u2(phi: Angle, lam: Angle, wire: int) -> tuple[Gate, ...]:
    """U2(φ, λ) = U3(π/2, φ, λ)."""
    return u3(QUARTER, phi, lam, wire)


def u3(theta: Angle, phi: Angle, lam: Angle, wire: int) -> tuple[Gate, ...]:
    """U3(θ, φ, λ) = P(φ) RY(θ) P(λ), PennyLane's and Qiskit's: the upper left entry cos(θ/2) is real."""
    return _three("p", lam, theta, phi, wire)


def _three(outer: str, first: Angle, middle: Angle, last: Angle, wire: int) -> tuple[Gate, ...]:
    return (Gate(outer, (wire,), first), Gate("ry", (wire,), middle), Gate(outer, (wire,), last))


def inverse(pieces: Iterable[Piece]) -> Pieces:
    """The pieces' inverses, in reverse order."""
    return tuple(_inverse(piece) for piece in reversed(tuple(pieces)))


def controlled(pieces: Iterable[Piece], controls: Sequence[int], values: Sequence[bool] | None = None) -> Pieces:
    """The pieces where every wire of `controls` reads its value, all 1 by default.

    A control on 0 is an X before and after: X on the control, once around all pieces.

    Raises:
        UsageError: a control is also a wire of a gate (`Gate`), or there are not as many values as controls.
    """
    values = (True,) * len(controls) if values is None else values
    if len(values) != len(controls):
        raise UsageError(f"{len(controls)} controls got {len(values)} control values; give one for each.")
    if not controls:
        return tuple(pieces)
    flips = tuple(Gate("x", (wire,)) for wire, value in zip(controls, values, strict=True) if not value)
    return (*flips, *(_under(piece, tuple(controls)) for piece in pieces), *flips)


def without_phases(pieces: Iterable[Piece]) -> tuple[Gate, ...]:
    """The gates alone: no observable depends on a phase of the whole state."""
    return tuple(piece for piece in pieces if isinstance(piece, Gate))


def _under(piece: Piece, controls: tuple[int, ...]) -> Gate:
    if isinstance(piece, Phase):
        return Gate("p", controls[-1:], piece.angle, controls[:-1])
    return replace(piece, controls=controls + piece.controls)


def _inverse(piece: Piece) -> Piece:
    if isinstance(piece, Gate) and not piece.is_unitary:
        raise UsageError(f"'{piece}' has no inverse: it is not unitary; leave it out of what is inverted.")
    if piece.angle is not None:
        return replace(piece, angle=-piece.angle)
    if isinstance(piece, Gate) and piece.matrix is not None:
        return replace(
            piece, matrix=tuple(tuple(e.conjugate() for e in column) for column in zip(*piece.matrix, strict=True))
        )
    if isinstance(piece, Gate) and piece.name in _INVERSE_PHASES:
        return Gate("p", piece.targets, constant(_INVERSE_PHASES[piece.name]), piece.controls)
    return piece
