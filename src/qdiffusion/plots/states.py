"""States as numbers that can be drawn: Bloch vectors of one qubit, populations of several, maps of phase space."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qdiffusion.states.checks import matrix_qubits
from qdiffusion.states.distances import projector
from qdiffusion.states.reduced import partial_trace, qubit_states
from qdiffusion.states.wigner import VERTICES

AZIMUTH, ELEVATION = np.radians(30), np.radians(15)
"""Where the eye looks from: x points left and to the front, y right, z up."""
MOST_QUBITS = 6

Numbers = NDArray[np.float64]


def bloch_vectors(states: Tensor) -> Numbers:
    """⟨X⟩, ⟨Y⟩, ⟨Z⟩ of one qubit: 2 Re ρ₁₀, 2 Im ρ₁₀, ρ₀₀ - ρ₁₁.

    states: complex (N, 2), ρ = |ψ⟩⟨ψ|, or density matrices (N, 2, 2). Returns (N, 3).
    """
    given = states.to(torch.complex128)
    density = (projector(given) if given.ndim == 2 else given).numpy()
    coherence = 2 * density[:, 1, 0]
    return np.stack([coherence.real, coherence.imag, (density[:, 0, 0] - density[:, 1, 1]).real], axis=1)


def qubit_bloch_vectors(states: Tensor) -> Numbers:
    """`bloch_vectors` of every qubit, the others traced out: complex (N, 2^n), or density matrices (N, 2^n, 2^n).

    |r|² = 2 tr ρ² - 1. Returns (N, n, 3).
    """
    given = states.to(torch.complex128)
    if given.ndim == 2:
        qubits = qubit_states(given)
    else:
        qubits = torch.stack([partial_trace(given, [qubit]) for qubit in range(matrix_qubits(given))], 1)
    return bloch_vectors(qubits.flatten(0, 1)).reshape(*qubits.shape[:2], 3)


def projected(vectors: Numbers) -> Numbers:
    """Seen in parallel from far away: right, up and towards the eye, for (N, 3); lengths are kept."""
    across, tilt = (np.cos(AZIMUTH), np.sin(AZIMUTH)), (np.cos(ELEVATION), np.sin(ELEVATION))
    right = (-across[1], across[0], 0)
    up = (-across[0] * tilt[1], -across[1] * tilt[1], tilt[0])
    near = (across[0] * tilt[0], across[1] * tilt[0], tilt[1])
    return vectors @ np.array([right, up, near]).T


def populations(states: Tensor) -> Numbers:
    """|⟨x|ψ⟩|² of complex (N, 2^n), or ⟨x|ρ|x⟩ of (N, 2^n, 2^n), as (N, 2^min(n, 6)): of more than `MOST_QUBITS` the
    first, the others summed over."""
    given = states.numpy().astype(np.complex128)
    found = np.abs(given) ** 2 if given.ndim == 2 else given.diagonal(axis1=1, axis2=2).real
    kept = min(found.shape[1], 2**MOST_QUBITS)
    return found.reshape(len(found), kept, -1).sum(axis=2)


def phase_space(values: Tensor) -> Numbers:
    """A Wigner function (4^n,) of `states.wigner` as a map (2^n, 2^n): a column for each state of the Z basis, a row
    for each of the X basis (|+…+⟩ first), qubit 0 the most significant.

    Its columns sum to the populations of the one basis, its rows to those of the other.
    """
    n_qubits = round(np.log2(len(values)) / 2)
    x, _, z = np.array(VERTICES).T < 0
    order = np.lexsort((z, x))  # of a qubit's four points: |+⟩ before |-⟩, then |0⟩ before |1⟩
    tensor = values.numpy().reshape((4,) * n_qubits)[np.ix_(*[order] * n_qubits)].reshape((2,) * 2 * n_qubits)
    rows, columns = range(0, 2 * n_qubits, 2), range(1, 2 * n_qubits, 2)
    return tensor.transpose(*rows, *columns).reshape(2**n_qubits, -1)
