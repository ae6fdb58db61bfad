"""Gates beyond the named ones: given by their matrix, post-selection, measurement."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from qdiffusion.circuits.circuit import Circuit, Gate
from qdiffusion.circuits.gates import Matrices
from qdiffusion.errors import UsageError

UNITARY_TOLERANCE = 1e-6
"""A matrix typed with single precision is unitary to about 1e-7 an entry."""


def unitary(matrix: ArrayLike, wires: Sequence[int], controls: Sequence[int] = ()) -> Gate:
    """The constant unitary `matrix` (2^k, 2^k) on k wires, the first the most significant bit.

    Raises:
        UsageError: the matrix is not unitary (|M†M - 1| > 1e-6), or its size does not fit the wires.
    """
    entries = _complex(matrix, (1 << len(wires),) * 2, wires)
    if not np.allclose(entries.conj().T @ entries, np.eye(len(entries)), rtol=0, atol=UNITARY_TOLERANCE):
        raise UsageError(f"The matrix on wires {tuple(wires)} is not unitary; M†M must be the identity to 1e-6.")
    return _gate("unitary", entries, wires, controls)


def diagonal(entries: ArrayLike, wires: Sequence[int], controls: Sequence[int] = ()) -> Gate:
    """The constant diagonal unitary with these 2^k `entries` of absolute value 1 on k wires, the first the most
    significant bit.

    Raises:
        UsageError: an entry's absolute value differs from 1 by more than 1e-6, or there are not 2^k of them.
    """
    phases = _complex(entries, (1 << len(wires),), wires)
    if not np.allclose(np.abs(phases), 1, rtol=0, atol=UNITARY_TOLERANCE):
        raise UsageError(f"Entries of the diagonal on wires {tuple(wires)} must have absolute value 1.")
    return _gate("unitary", np.diag(phases), wires, controls)


def postselect(wire: int, bit: int) -> Gate:
    """Keeps |bit⟩ of a wire: ψ → Pψ / ‖Pψ‖, P = |bit⟩⟨bit|.

    What is read out is conditional on the post-selections of every component that is read; where they have
    probability 0 it is NaN, as far as rounding leaves an exact 0.

    Raises:
        UsageError: `bit` is neither 0 nor 1.
    """
    if bit not in (0, 1):
        raise UsageError(f"Post-selection on wire {wire} keeps 0 or 1, not {bit!r}.")
    return _gate("postselect", np.diag([1.0 + 0j - bit, bit]), (wire,), ())


def measure(wire: int) -> Gate:
    """Measures a wire in the computational basis; later gates find it in the state of the outcome.

    `branches()` returns the outcomes with their states. Every other observable is averaged over them, exactly.
    """
    return Gate("measure", (wire,))


def measured(circuit: Circuit, wires: Sequence[int]) -> Circuit:
    """The circuit, then a measurement of each of these wires."""
    if not wires:
        return circuit
    return replace(circuit, gates=(*circuit.gates, *map(measure, wires)), name=f"{circuit.name}, measured")


def _complex(values: ArrayLike, shape: tuple[int, ...], wires: Sequence[int]) -> Matrices:
    try:
        array = np.asarray(values, dtype=complex)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"A gate on wires {tuple(wires)} takes constant numbers of shape {shape}: {error}.") from None
    if array.shape != shape or not wires:
        raise UsageError(f"A gate on {len(wires)} wires {tuple(wires)} takes numbers {shape}, not {array.shape}.")
    return array


def _gate(name: str, matrix: Matrices, wires: Sequence[int], controls: Sequence[int]) -> Gate:
    return Gate(name, tuple(wires), controls=tuple(controls), matrix=tuple(map(tuple, matrix.tolist())))
