r"""Channels as gates: what noise, resets and loss do to ρ.

A strength is a number in [0, 1], or `weight(i)` or `input(j)`, which a layer reads as it reads angles, with scale and
offset. All channels are exact, and differentiable by strengths that are weights or inputs. At p = 1, where the slope of
√(1-p) is infinite, it counts as 0.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from qdiffusion.circuits.circuit import Angle, Gate, constant
from qdiffusion.circuits.superoperators import KRAUS
from qdiffusion.errors import UsageError

KRAUS_TOLERANCE = 1e-6
"""Operators typed with single precision add up to the identity to about 1e-7 an entry."""

Strength = float | Angle
"""A probability: a number, or a weight or an input."""


def depolarising(wires: int | Sequence[int], p: Strength) -> Gate:
    r"""With probability p, k ≤ 4 wires lose everything: ρ → (1-p) ρ + p Tr_{wires} ρ ⊗ 1/2^k.

    Nielsen and Chuang, equation 8.100. PennyLane's DepolarizingChannel(q), of the three Pauli errors, is p = 4q/3.
    """
    return _of_strength("depolarising", _tuple(wires), p)


def amplitude_damping(wire: int, gamma: Strength) -> Gate:
    """|1⟩ decays to |0⟩ with probability γ: K = diag(1, √(1-γ)) and √γ |0⟩⟨1|."""
    return _of_strength("amplitude_damping", (wire,), gamma)


def phase_damping(wire: int, lam: Strength) -> Gate:
    """Coherences shrink by √(1-λ): K = diag(1, √(1-λ)) and diag(0, √λ)."""
    return _of_strength("phase_damping", (wire,), lam)


def reset(wire: int, p: Strength = 1.0) -> Gate:
    """With probability p the wire begins anew in |0⟩: ρ → (1-p) ρ + p |0⟩⟨0| ⊗ Tr_wire ρ."""
    return _of_strength("reset", (wire,), p)


def bit_flip(wire: int, p: Strength) -> Gate:
    """X with probability p: ρ → (1-p) ρ + p X ρ X."""
    return _of_strength("bit_flip", (wire,), p)


def phase_flip(wire: int, p: Strength) -> Gate:
    """Z with probability p: ρ → (1-p) ρ + p Z ρ Z."""
    return _of_strength("phase_flip", (wire,), p)


def kraus(operators: Sequence[ArrayLike], wires: Sequence[int]) -> Gate:
    """ρ → Σ K ρ K† of constant operators K (2^k, 2^k) on k ≤ 4 wires, the first the most significant bit.

    Raises:
        UsageError: no operators, their size does not fit the wires, or Σ K†K differs from 1 by more than 1e-6.
    """
    size = 1 << len(wires)
    try:
        stack = np.asarray([np.asarray(each, dtype=complex) for each in operators])
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"The channel on wires {tuple(wires)} takes constant matrices ({size}, {size}): {error}."
        ) from None
    if stack.ndim != 3 or stack.shape[1:] != (size, size) or not wires:
        raise UsageError(
            f"A channel on {len(wires)} wires {tuple(wires)} takes one or more matrices ({size}, {size}), not numbers "
            f"of shape {stack.shape}."
        )
    column = stack.reshape(-1, size)
    if not np.allclose(column.conj().T @ column, np.eye(size), rtol=0, atol=KRAUS_TOLERANCE):
        raise UsageError(
            f"The operators on wires {tuple(wires)} are no channel: Σ K†K must be the identity to {KRAUS_TOLERANCE}."
        )
    return Gate(KRAUS, tuple(wires), matrix=tuple(map(tuple, column.tolist())))


def _of_strength(name: str, wires: tuple[int, ...], strength: Strength) -> Gate:
    return Gate(name, wires, strength if isinstance(strength, Angle) else constant(_number(name, strength)))


def _number(name: str, strength: float) -> float:
    try:
        return float(strength)
    except (TypeError, ValueError, RuntimeError):
        raise UsageError(
            f"The strength of {name} is a number, weight(…) or input(…), not {strength!r}; give one of these."
        ) from None


def _tuple(wires: int | Sequence[int]) -> tuple[int, ...]:
    return (wires,) if isinstance(wires, int) else tuple(wires)
