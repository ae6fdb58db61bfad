r"""Channels, each as a short sum of constant matrices on the rows and columns of ρ.

With vec(ρ)_{ij} = ρ_ij, K ρ K† is (K ⊗ K*) vec(ρ), and every channel here, with or without a strength, has the form

.. math:: S(p) = Σ_m K_m(p) \otimes K_m(p)^* = K_0 + p K_1 + \sqrt{1 - p}\, K_2

(K₁ = K₂ = 0 without). Populations are affine in a strength, and where coherences are not, they decay as √(1-p).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from qdiffusion.circuits.gates import PAULI, Entries, GateKind, Matrices

MOST_CHANNEL_WIRES = 4
"""The matrix of a channel on four wires has 65,536 entries."""

KRAUS = "kraus"
"""The channel that brings its operators along, one below the other: (m · 2^k, 2^k)."""


@dataclass(frozen=True)
class ChannelKind(GateKind):
    """A channel's constants: `terms` (3, 4^k, 4^k) complex128 are K₀, K₁, K₂; `frequency` is 1 for a channel with a
    strength, and None for one without.
    """

    def at(self, angle: float) -> Matrices:
        """The matrix (4^k, 4^k) of vec(ρ) at a strength."""
        return np.asarray(np.tensordot([1.0, angle, np.sqrt(1 - angle)], self.terms, 1), dtype=complex)


def _sum(operators: Sequence[Matrices] | Matrices) -> Matrices:
    """Σ K ⊗ K*."""
    return np.asarray(sum(np.kron(k, k.conj()) for k in operators), dtype=complex)


def _towards(other: Matrices) -> Matrices:
    """(1-p) + p T: T with probability p."""
    one = np.eye(len(other), dtype=complex)
    return np.stack([one, other - one, 0 * one])


def _depolarising(n_wires: int) -> Matrices:
    size = 1 << n_wires
    one = np.eye(size).ravel()
    return _towards(np.outer(one / size, one).astype(complex))


def _damping(jump: Matrices) -> Matrices:
    """Coherences shrink by √(1-p); populations move as `jump` says, times p."""
    return np.stack([np.diag([1, 0, 0, 1]), jump, np.diag([0, 1, 1, 0])]).astype(complex)


_ZERO = np.array([[[1, 0], [0, 0]], [[0, 1], [0, 0]]], dtype=complex)
"""|0⟩⟨0| and |0⟩⟨1|."""

CHANNELS: dict[str, Callable[[int], Matrices]] = {
    "depolarising": _depolarising,
    "amplitude_damping": lambda _: _damping(np.outer([1, 0, 0, -1], [0j, 0, 0, 1])),
    "phase_damping": lambda _: _damping(np.zeros((4, 4), dtype=complex)),
    "reset": lambda _: _towards(_sum(_ZERO)),
    "bit_flip": lambda _: _towards(_sum([PAULI["X"]])),
    "phase_flip": lambda _: _towards(_sum([PAULI["Z"]])),
}
"""The terms of each channel with a strength, on as many wires as it is given."""


@cache
def superoperator(name: str, n_wires: int, operators: Entries | None = None) -> ChannelKind:
    """The channel `name` on `n_wires`, or the one given by its operators; the rows' wires first, then the columns'."""
    if operators is None:
        return ChannelKind(CHANNELS[name](n_wires), frequency=1.0)
    whole = _sum(np.array(operators).reshape(-1, 1 << n_wires, 1 << n_wires))
    return ChannelKind(np.stack([whole, 0 * whole, 0 * whole]))
