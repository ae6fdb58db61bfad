"""Encodings: how real inputs enter a circuit."""

from collections.abc import Sequence
from typing import Literal

from qdiffusion.circuits.circuit import Circuit, Gate, circuit_of, input
from qdiffusion.errors import UsageError


def angle_encoding(n_wires: int, axis: Literal["x", "y", "z"] = "x", first: int = 0) -> Circuit:
    """A rotation R_axis(x_j) = exp(-i x_j σ_axis / 2) on every wire j; inputs are angles in radians, from input `first`
    on.

    Raises:
        UsageError: `axis` is none of x, y, z.

    De Falco et al. 2024, section 3 (axis x). Around z the encoding acts on |0⟩ by a phase only; put a Hadamard before
    it.
    """
    if axis not in ("x", "y", "z"):
        raise UsageError(f"Unknown axis {axis!r} for angle_encoding; there are x, y and z.")
    gates = (Gate(f"r{axis}", (wire,), input(first + wire)) for wire in range(n_wires))
    return circuit_of(n_wires, gates, f"angle_encoding({n_wires}, {axis})")


def state_preparation(n_wires: int, wires: Sequence[int] | None = None) -> Circuit:
    """Any state of `wires`, all of them by default, given by its amplitudes; the other wires start in |0⟩.

    Inputs 0 … 2^k - 1 are the amplitudes ⟨i|ψ⟩ of the k wires, the first the most significant bit, with Σ|ψ_i|² = 1:
    complex, or real. Angles that later gates read from inputs begin at `input(2**k)`, `angle_encoding(…, first=2**k)`;
    of complex x they are the real parts.

    Raises:
        UsageError: a wire is named twice or is not in the register.
    """
    prepared = tuple(range(n_wires)) if wires is None else tuple(wires)
    return Circuit(n_wires, (), 0, 1 << len(prepared), f"state_preparation({n_wires})", prepared)
