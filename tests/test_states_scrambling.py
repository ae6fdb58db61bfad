"""Out-of-time-order correlators against their definition, PennyLane's circuits, light cones and Haar means."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states import (
    depth_fit,
    haar,
    haar_unitaries,
    ladder_decay,
    ladder_otoc,
    otoc,
    saturation_depth,
)

CLOSE = {"rtol": 0, "atol": 1e-12}
PAULIS = [qml.matrix(p(0)) for p in (qml.X, qml.Y, qml.Z)]


def angles(circuits: int, layers: int, n_qubits: int, generator: torch.Generator) -> Tensor:
    return torch.rand(circuits, layers, 3 * n_qubits, generator=generator, dtype=torch.float64) * 2 * math.pi


def basis(n_qubits: int) -> Tensor:
    return torch.eye(2**n_qubits, dtype=torch.complex128)


def ladder(rows: Tensor, n_qubits: int) -> Tensor:
    """PennyLane's unitary of layers of angles (L, 3n)."""

    def circuit() -> None:
        for row in rows.view(-1, n_qubits, 3).tolist():
            for wire in range(n_qubits):
                qml.Rot(*row[wire], wires=wire)
            for wire in range(n_qubits - 1):
                qml.CNOT(wires=[wire, wire + 1])

    wires = range(n_qubits)
    return torch.as_tensor(qml.matrix(circuit, wire_order=wires)() if len(rows) else np.eye(2**n_qubits)).cdouble()


@pytest.mark.parametrize("n_qubits", [1, 2, 3])
def test_an_otoc_is_its_definition(n_qubits, generator):
    unitaries = haar_unitaries(4, n_qubits, generator, torch.complex128)
    rest = np.eye(2 ** (n_qubits - 1))
    found = otoc(unitaries.view(2, 2, *unitaries.shape[1:])).flatten(0, 1)
    for u, values in zip(unitaries.numpy(), found, strict=True):
        for i, one in enumerate(PAULIS):
            for j, two in enumerate(PAULIS):
                w_t, v = u.conj().T @ np.kron(one, rest) @ u, np.kron(rest, two)
                expected = np.trace(w_t.conj().T @ v.conj().T @ w_t @ v) / len(u)
                np.testing.assert_allclose(values[i, j], expected, **CLOSE)


def test_what_leaves_the_ends_apart_has_no_decay():
    np.testing.assert_allclose(otoc(basis(3)), 1, **CLOSE)
    same = 2 * torch.eye(3) - 1  # equal Paulis commute, unlike ones anticommute
    np.testing.assert_allclose(otoc(basis(1)), same, **CLOSE)
    swap = torch.as_tensor(qml.matrix(qml.SWAP([0, 1]))).cdouble()
    np.testing.assert_allclose(otoc(swap), same, **CLOSE)


def test_haar_unitaries_have_their_mean(generator):
    """E F = -1/(d² - 1)."""
    values = otoc(haar_unitaries(3000, 2, generator)).mean((-1, -2))
    assert abs(values.mean() + 1 / 15) < 5 * values.std() / math.sqrt(3000)


@pytest.mark.parametrize("n_qubits", [2, 4])
def test_a_basis_gives_the_ladders_otoc(n_qubits, generator):
    drawn, depths = angles(2, 5, n_qubits, generator), [0, 1, 3, 5]
    found = ladder_otoc(drawn, depths, basis(n_qubits))
    for row, values in zip(drawn, found, strict=True):
        for depth, value in zip(depths, values, strict=True):
            np.testing.assert_allclose(value, otoc(ladder(row[:depth], n_qubits)), **CLOSE)


def test_haar_states_give_the_otoc_on_average(generator):
    drawn, depths = angles(1, 4, 3, generator), [3, 4]
    states = haar(60, 3, generator).to(torch.complex128)
    each = torch.stack([ladder_otoc(drawn, depths, state.unsqueeze(0)) for state in states])[:, 0]
    exact = ladder_otoc(drawn, depths, basis(3))[0]
    assert ((each.mean(0) - exact).abs() < 5 * each.std(0) / math.sqrt(60)).all()
    np.testing.assert_allclose(each.mean(0), ladder_otoc(drawn, depths, states)[0], **CLOSE)


def test_the_ladder_joins_its_ends_after_n_minus_1_layers(generator):
    """Seen from wire 0, a layer reaches one wire further."""
    values = 1 - ladder_otoc(angles(3, 4, 4, generator), range(5), basis(4))
    np.testing.assert_allclose(values[:, :3], 0, **CLOSE)
    assert (values[:, 3:].abs().amax((-1, -2)) > 1e-3).all()


def test_a_decay_is_the_mean_of_its_circuits(generator):
    """The same angles, by unitaries; 8 qubits are estimated, to 0.8 % or so."""
    decay = ladder_decay(3, [2, 5], 4, torch.Generator().manual_seed(3))
    drawn = torch.rand(4, 5, 9, generator=torch.Generator().manual_seed(3)).double() * 2 * math.pi
    exact = torch.stack([torch.stack([otoc(ladder(row[:d], 3)) for d in (2, 5)]) for row in drawn])
    np.testing.assert_allclose(decay, 1 - exact.mean((-1, -2)), rtol=0, atol=1e-5)
    decay = ladder_decay(8, [10], 1, torch.Generator().manual_seed(3))
    drawn = torch.rand(1, 10, 24, generator=torch.Generator().manual_seed(3)) * 2 * math.pi
    exact = 1 - ladder_otoc(drawn, [10], torch.eye(256, dtype=torch.complex64)).mean((-1, -2))
    np.testing.assert_allclose(decay, exact, rtol=0, atol=5 / 128)


def test_4_qubits_scramble_near_the_depth_that_the_research_log_says(generator):
    """5; the mean decay grows to that of a Haar-random unitary, 1 + 1/255."""
    depths = range(3, 13)
    decay = ladder_decay(4, depths, 40, generator)
    assert abs(saturation_depth(depths, decay.mean(0)) - 5) <= 1
    assert abs(decay[:, -1].mean() - 256 / 255) < 5 * decay[:, -1].std() / math.sqrt(40)


def test_saturation_is_for_good():
    depths = [2, 3, 5, 6, 8]
    assert saturation_depth(depths, torch.tensor([0.1, 0.95, 0.85, 0.9, 1.0], dtype=torch.float64)) == 6
    assert saturation_depth(depths, torch.tensor([0.95] * 5)) == 2
    assert saturation_depth(depths, torch.tensor([0.1, 0.2, 0.3, 0.4, 0.6]), level=0.5) == 8


def test_the_logs_own_depths_have_another_slope_than_it_says():
    """Σ(n - 10) D / Σ(n - 10)² = 132/80 = 1.65 layers a qubit, not 1.5, with residuals -.6, .8, .2, -.4 about it."""
    fit = depth_fit([4, 8, 12, 16], [5, 13, 19, 25])
    assert fit.slope == pytest.approx(1.65)
    assert fit.intercept == pytest.approx(15.5 - 16.5)
    residuals = np.array([5, 13, 19, 25]) - (1.65 * np.array([4, 8, 12, 16]) - 1)
    assert fit.slope_error == pytest.approx(math.sqrt((residuals**2).sum() / 2 / 80))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: otoc(torch.eye(3, dtype=torch.complex64)), "Matrices"),
        (lambda: ladder_otoc(torch.zeros(1, 2, 5), [1], torch.eye(4, dtype=torch.complex64)), "Angles of shape"),
        (lambda: ladder_otoc(torch.zeros(1, 2, 6), [], torch.eye(4, dtype=torch.complex64)), "depths"),
        (lambda: ladder_otoc(torch.zeros(1, 2, 6), [3], torch.eye(4, dtype=torch.complex64)), "depths"),
        (lambda: ladder_otoc(torch.zeros(1, 2, 6), [2, 1], torch.eye(4, dtype=torch.complex64)), "depths"),
        (lambda: ladder_otoc(torch.zeros(1, 2, 6), [-1, 1], torch.eye(4, dtype=torch.complex64)), "depths"),
        (lambda: ladder_decay(1, [1], 1, torch.Generator()), "2 qubits"),
        (lambda: ladder_decay(2, [1], 0, torch.Generator()), "1 draw"),
        (lambda: ladder_decay(2, [], 1, torch.Generator()), "depth"),
        (lambda: ladder_decay(3, [-1], 1, torch.Generator()), "depths from 0 on"),
        (lambda: saturation_depth([1, 2], torch.tensor([0.95, 0.8])), "0.8 at depth 2"),
        (lambda: saturation_depth([1, 2], torch.tensor([0.95, math.nan])), "nan"),
        (lambda: saturation_depth([1, 2], torch.tensor([0.95])), "one value"),
        (lambda: depth_fit([4, 8], [5, 13]), "three sizes"),
        (lambda: depth_fit([4, 8, 12], [5, 13]), "three sizes"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
