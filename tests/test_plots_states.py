"""States as numbers: Bloch vectors are Pauli expectation values, populations those of the first qubits."""

import numpy as np
import pytest
import torch

from plots_helpers import random_states
from qdiffusion.plots.states import MOST_QUBITS, bloch_vectors, populations, projected

PAULIS = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


@pytest.mark.parametrize(("dtype", "atol"), [(torch.complex64, 1e-6), (torch.complex128, 1e-14)])
def test_bloch_vectors_are_pauli_expectations(dtype: torch.dtype, atol: float) -> None:
    states = random_states(50, 1, dtype=dtype)
    psi = states.numpy()
    expected = np.einsum("ni,pij,nj->np", psi.conj(), PAULIS, psi)
    np.testing.assert_allclose(bloch_vectors(states), expected, atol=atol)
    np.testing.assert_allclose(np.linalg.norm(bloch_vectors(states), axis=1), 1, atol=atol)


def test_projection_is_a_rotation_with_zero_at_the_top() -> None:
    right, up, near = projected(np.eye(3)).T
    frame = np.stack([right, up, near])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1)
    x, y, z = projected(np.eye(3))
    assert z[0] == pytest.approx(0, abs=1e-12)
    assert z[1] > 0.9
    assert y[0] > 0.8
    assert x[2] > 0.5, "x comes towards the eye"


@pytest.mark.parametrize("n_qubits", [2, MOST_QUBITS, MOST_QUBITS + 2])
def test_populations_are_marginals_of_the_first_qubits(n_qubits: int) -> None:
    states = random_states(5, n_qubits, dtype=torch.complex128)
    kept = min(n_qubits, MOST_QUBITS)
    amplitudes = states.numpy().reshape(5, *[2] * n_qubits)
    traced = tuple(range(1 + kept, 1 + n_qubits))
    expected = (abs(amplitudes) ** 2).sum(axis=traced).reshape(5, -1)
    np.testing.assert_allclose(populations(states), expected, atol=1e-12)
    np.testing.assert_allclose(populations(states).sum(axis=1), 1, atol=1e-12)
