r"""Ground states of open chains of spins.

.. math:: H_\text{TFIM} = -\sum_j Z_j Z_{j+1} - g \sum_j X_j, \quad
    H_\text{XXZ} = \sum_j X_j X_{j+1} + Y_j Y_{j+1} + Δ Z_j Z_{j+1}

The first has no positive element off its diagonal, nor has the second after Z on qubits 0, 2, …: among states even
under the flip of all spins, and for XXZ without magnetisation, the ground state is then unique and has no negative
amplitude (Perron and Frobenius). It is looked for there alone, since an ordered chain has an odd state of nearly the
same energy, and Lanczos steps in the whole space would find some mixture of the two.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Complex128, Float
from torch import Tensor

from qdiffusion.errors import UsageError

MOST_SPINS = 12
DENSE = 64
"""Rows up to which all eigenvectors are as quick as Lanczos steps, which a single row does not allow."""


def tfim_ground_states(fields: Float[Tensor, " n"], n_qubits: int) -> Complex128[Tensor, "n d"]:
    """Ground states of the transverse-field Ising chain for fields g (N,), one state each, (N, 2^n_qubits) complex128.

    No amplitude is negative. At g = 0 it is (|0…0⟩ + |1…1⟩)/√2, the limit of small fields.

    Raises:
        UsageError: a negative field, or not 1 to 12 qubits.
    """
    _check_spins(n_qubits)
    if not bool(((fields >= 0) & fields.isfinite()).all()):
        raise UsageError(f"The transverse fields begin at {fields.min():g}; give finite numbers of at least 0.")
    everything = np.arange(1 << n_qubits)
    flips = _moves(n_qubits, [(everything, 1 << qubit) for qubit in range(n_qubits)])
    return _ground_states(_alignment(n_qubits) * -1, flips * -1, fields, everything)


def xxz_ground_states(anisotropies: Float[Tensor, " n"], n_qubits: int) -> Complex128[Tensor, "n d"]:
    """Ground states of the XXZ chain for anisotropies Δ (N,), one state each, (N, 2^n_qubits) complex128.

    Amplitudes are real: those of basis states with an odd number of ones on qubits 0, 2, … are at most 0, all others,
    |0101…⟩ among them, at least 0 (Marshall's signs).

    Raises:
        UsageError: Δ ≤ -1, where a ferromagnet has many ground states, or not an even number of 2 to 12 qubits: an odd
            chain has two.
    """
    _check_spins(n_qubits)
    if n_qubits % 2:
        raise UsageError(f"An XXZ chain of {n_qubits} qubits has two ground states; give an even number of qubits.")
    if not bool(((anisotropies > -1) & anisotropies.isfinite()).all()):
        raise UsageError(f"The anisotropies begin at {anisotropies.min():g}; give finite numbers above -1.")
    spins = _spins(n_qubits)
    # XX + YY is twice the exchange of neighbours that differ.
    bonds = [(np.flatnonzero(spins[:, j] != spins[:, j + 1]), 3 << n_qubits - 2 - j) for j in range(n_qubits - 1)]
    balanced = np.flatnonzero(spins.sum(1) == 0)
    positive = _ground_states(_moves(n_qubits, bonds) * -2, _alignment(n_qubits), anisotropies, balanced)
    return positive * torch.from_numpy(spins[:, ::2].prod(1))


def _ground_states(constant: Any, linear: Any, parameters: Tensor, sector: np.ndarray) -> Complex128[Tensor, "n d"]:
    """The even, positive ground states of constant + p · linear among the basis states of a sector, which flips keep.

    Flipping all spins, x → d-1-x, turns a sector's order round: an even state is its first half.
    """
    half, size = len(sector) // 2, constant.shape[0]
    kept, flipped = sector[:half], sector[::-1][:half]
    constant, linear = (matrix[kept][:, kept] + matrix[kept][:, flipped] for matrix in (constant, linear))
    found = np.zeros((len(parameters), size), dtype=complex)
    for row, parameter in zip(found, parameters.tolist(), strict=True):
        row[kept] = row[flipped] = _lowest(constant + parameter * linear) / np.sqrt(2)
    return torch.from_numpy(found).to(parameters.device)


def _lowest(matrix: Any) -> np.ndarray:
    """The normalised eigenvector of the lowest eigenvalue, known to have no negative entry."""
    from scipy.sparse.linalg import eigsh

    if matrix.shape[0] <= DENSE:
        return np.abs(np.linalg.eigh(matrix.toarray())[1][:, 0])
    # Starting from chance would make the last bits chance, too.
    return np.abs(eigsh(matrix, k=1, which="SA", v0=np.ones(matrix.shape[0]))[1][:, 0])


def _moves(n_qubits: int, moves: list[tuple[np.ndarray, int]]) -> Any:
    """Σ |x ⊕ mask⟩⟨x| over the basis states x of each move, sparse."""
    from scipy.sparse import csr_array

    columns = np.concatenate([states for states, _ in moves])
    rows = np.concatenate([states ^ mask for states, mask in moves])
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(1 << n_qubits,) * 2)


def _alignment(n_qubits: int) -> Any:
    """Σ_j Z_j Z_{j+1}, sparse."""
    from scipy.sparse import diags_array

    spins = _spins(n_qubits)
    return diags_array((spins[:, 1:] * spins[:, :-1]).sum(1), dtype=float, format="csr")


def _spins(n_qubits: int) -> np.ndarray:
    """The eigenvalues of Z on every qubit of every basis state: (2^n, n), 1 or -1."""
    return 1 - 2 * (np.arange(1 << n_qubits)[:, None] >> np.arange(n_qubits)[::-1] & 1)


def _check_spins(n_qubits: int) -> None:
    if not 1 <= n_qubits <= MOST_SPINS:
        raise UsageError(f"A ground state of {n_qubits} qubits was asked for; give 1 to {MOST_SPINS} qubits.")
