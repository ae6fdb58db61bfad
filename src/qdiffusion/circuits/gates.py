r"""The gates, each as a short trigonometric sum of constant matrices.

Every gate here, with or without an angle, has the form

.. math:: U(\theta) = K_0 + \cos(f\theta) K_1 + \sin(f\theta) K_2

with constant matrices K and a frequency f (1/2 for rotations, 1 for the phase gate; K₁ = K₂ = 0 without).
Controlling a gate keeps the form: K₀ gains the identity on the other control values. So the matrices of any number of
gates are one small product of (1, cos, sin) with constants, however many circuits and samples there are. A gate given
by its matrix is K₀ alone.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Matrices = NDArray[np.complex128]
Entries = tuple[tuple[complex, ...], ...]
"""A matrix row by row, hashable."""

_I = np.eye(2, dtype=complex)
PAULI: dict[str, Matrices] = {
    "I": _I,
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "Z": np.array([[1, 0], [0, -1]], dtype=complex),
}


@dataclass(frozen=True)
class GateKind:
    """A gate's constants: `terms` (3, d, d) complex128 are K₀, K₁, K₂; `frequency` is None for a gate without an
    angle.
    """

    terms: Matrices
    frequency: float | None = None

    @property
    def n_wires(self) -> int:
        return int(self.terms.shape[-1]).bit_length() - 1

    def at(self, angle: float) -> Matrices:
        """The matrix (d, d) at an angle in radians."""
        phase = (self.frequency or 0.0) * angle
        return np.asarray(np.tensordot([1.0, np.cos(phase), np.sin(phase)], self.terms, 1), dtype=complex)


def _fixed(matrix: Matrices) -> GateKind:
    return GateKind(np.stack([matrix, 0 * matrix, 0 * matrix]))


def _rotation(generator: Matrices) -> GateKind:
    """exp(-iθG/2) = cos(θ/2) - i sin(θ/2) G, for G² = 1."""
    identity = np.eye(len(generator), dtype=complex)
    return GateKind(np.stack([0 * identity, identity, -1j * generator]), frequency=0.5)


def _pauli_pair(letter: str) -> Matrices:
    return np.kron(PAULI[letter], PAULI[letter]).astype(complex)


_PHASE = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 0], [0, 1j]]])

GATES: dict[str, GateKind] = {
    "x": _fixed(PAULI["X"]),
    "y": _fixed(PAULI["Y"]),
    "z": _fixed(PAULI["Z"]),
    "h": _fixed((PAULI["X"] + PAULI["Z"]) / np.sqrt(2)),
    "s": _fixed(np.diag([1, 1j])),
    "t": _fixed(np.diag([1, np.exp(0.25j * np.pi)])),
    "swap": _fixed((np.eye(4) + _pauli_pair("X") + _pauli_pair("Y") + _pauli_pair("Z")) / 2),
    "rx": _rotation(PAULI["X"]),
    "ry": _rotation(PAULI["Y"]),
    "rz": _rotation(PAULI["Z"]),
    "p": GateKind(_PHASE, frequency=1.0),
    "rxx": _rotation(_pauli_pair("X")),
    "ryy": _rotation(_pauli_pair("Y")),
    "rzz": _rotation(_pauli_pair("Z")),
}


@cache
def controlled(name: str, n_controls: int, matrix: Entries | None = None) -> GateKind:
    """The gate `name`, or the one given by its matrix, under `n_controls` controls, which are its first, most
    significant wires.
    """
    kind = GATES[name] if matrix is None else _fixed(np.array(matrix))
    size = kind.terms.shape[-1]
    terms = np.zeros((3, size << n_controls, size << n_controls), dtype=complex)
    terms[0] = np.eye(size << n_controls)
    terms[0, -size:, -size:] = 0
    terms[:, -size:, -size:] += kind.terms
    return GateKind(terms, kind.frequency)


def embed(matrices: Matrices, positions: tuple[int, ...], n_wires: int) -> Matrices:
    """Matrices (..., 2^k, 2^k) on wires `positions` of a register of `n_wires`, as (..., 2^n, 2^n); wire 0 is most
    significant.
    """
    rest = [wire for wire in range(n_wires) if wire not in positions]
    full = np.kron(matrices, np.eye(1 << len(rest)))
    lead = matrices.ndim - 2
    full = full.reshape(matrices.shape[:-2] + (2,) * (2 * n_wires))
    place = np.argsort([*positions, *rest])
    axes = [*range(lead), *(lead + place), *(lead + n_wires + place)]
    return full.transpose(axes).reshape((*matrices.shape[:-2], 1 << n_wires, 1 << n_wires))
