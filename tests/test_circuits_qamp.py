"""QAMP's ansätze by their closed forms, and the Hadamard test of its second block."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from qdiffusion.circuits import (
    Circuit,
    Gate,
    QuantumLayer,
    alternating_ladder,
    angle_encoding,
    circuit_of,
    conv_grover,
    conv_phase,
    conv_unit,
    grover_mixer,
    hadamard_test,
    measure,
    pauli_z,
    phase_mixing,
    state,
    state_preparation,
    strongly_entangling,
)
from qdiffusion.circuits.gates import PAULI
from qdiffusion.errors import UsageError


def matrix(circuit: Circuit, *weights: float) -> np.ndarray:
    """U, column by column from the basis states."""
    basis = torch.eye(2**circuit.n_wires, dtype=torch.complex128)
    layer = QuantumLayer(state_preparation(circuit.n_wires) >> circuit, state()).double()
    return layer(basis[:, None], torch.tensor([weights], dtype=torch.float64))[:, 0].mT.detach().numpy()


def exponential(generator: np.ndarray) -> np.ndarray:
    return scipy.linalg.expm(1j * generator)


def random_states(count: int, n_wires: int, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(count, 1, 2**n_wires, dtype=torch.complex128, generator=generator)
    return drawn / drawn.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (0.3, 0.7, 1.1), (-2.0, 0.4, 5.0)])
def test_a_unit_is_vatan_and_williams(angles):
    a, b, d = angles
    xx, yy, zz = (np.kron(PAULI[letter], PAULI[letter]) for letter in "XYZ")
    expected = np.exp(-0.25j * math.pi) * exponential(b * xx + d * yy + a * zz)
    np.testing.assert_allclose(matrix(conv_unit(), *angles), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("n_wires", [1, 2, 4])
def test_the_grover_mixer_turns_the_uniform_state_alone(n_wires):
    size = 2**n_wires
    uniform = np.full((size, size), 1 / size)
    expected = np.eye(size) + (np.exp(0.8j) - 1) * uniform
    np.testing.assert_allclose(matrix(grover_mixer(n_wires), 0.8), expected, rtol=0, atol=1e-13)


def test_phase_mixing_of_two_wires():
    """RX⊗RX · diag(1, 1, 1, -1) · H⊗H."""
    hadamard = np.array([[1, 1], [1, -1]]) / math.sqrt(2)
    turns = [exponential(-angle / 2 * PAULI["X"]) for angle in (0.4, 1.9)]
    expected = np.kron(*turns) @ np.diag([1, 1, 1, -1]) @ np.kron(hadamard, hadamard)
    np.testing.assert_allclose(matrix(phase_mixing(2), 0.4, 1.9), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("n_wires", "pairs"),
    [
        (2, [(0, 1)]),
        (3, [(0, 1), (1, 2), (2, 0)]),
        (4, [(0, 1), (2, 3), (1, 2), (3, 0)]),
        (6, [(0, 1), (2, 3), (4, 5), (1, 2), (3, 4), (5, 0)]),
    ],
)
def test_units_act_on_even_pairs_odd_pairs_and_the_ring(n_wires, pairs):
    for ansatz, n_mixing in ((conv_phase, n_wires), (conv_grover, 1)):
        circuit = ansatz(n_wires, 2)
        assert circuit.n_weights == 2 * (3 * len(pairs) + n_mixing)
        units = [gate.wires for gate in circuit.gates if gate.name == "x" and len(gate.wires) == 2]
        # CNOTs of a unit: t→c, c→t, t→c.
        assert units[: 3 * len(pairs)] == [wires for c, t in pairs for wires in ((t, c), (c, t), (t, c))]


@pytest.mark.parametrize("n_wires", [1, 2, 5])
@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_alternating_ladders_without_angles_undo_each_other(n_wires, n_layers):
    found = matrix(alternating_ladder(n_wires, n_layers), *[0.0] * (3 * n_wires * n_layers))
    is_identity = np.allclose(found, np.eye(2**n_wires))
    assert is_identity == (n_layers % 2 == 0 or n_wires == 1)


@pytest.mark.parametrize(
    "ansatz", [conv_phase(4, 2), conv_grover(3, 1), alternating_ladder(3, 3), strongly_entangling(1, 2)], ids=str
)
def test_the_branches_of_a_hadamard_test_sum_to_the_input(ansatz, generator):
    """QAMP's released second block sums them: ½(ψ + Uψ) + ½(ψ - Uψ) = ψ, whatever the weights are."""
    psi = random_states(3, ansatz.n_wires, generator)
    n = ansatz.n_wires
    weights = torch.randn(1, ansatz.n_weights, dtype=torch.float64, generator=generator).requires_grad_()
    alone = QuantumLayer(state_preparation(n) >> ansatz, state()).double()(psi, weights)
    tested = state_preparation(n + 1, range(n)) >> hadamard_test(ansatz)
    zero, one = QuantumLayer(tested, state()).double()(psi, weights).unflatten(-1, (-1, 2)).unbind(-1)
    torch.testing.assert_close(zero, (psi + alone) / 2, rtol=0, atol=1e-12)
    torch.testing.assert_close(one, (psi - alone) / 2, rtol=0, atol=1e-12)
    torch.testing.assert_close(zero + one, psi, rtol=0, atol=1e-12)
    (slope,) = torch.autograd.grad((zero + one)[..., 0].real.sum(), weights)
    assert slope.abs().max() < 1e-12


def test_a_hadamard_test_reads_the_real_part(generator):
    """⟨Z⟩ of the ancilla is Re⟨ψ|U|ψ⟩: through it alone the weights act."""
    ansatz = conv_phase(3, 1)
    psi = random_states(4, 3, generator)
    weights = torch.randn(1, ansatz.n_weights, dtype=torch.float64, generator=generator).requires_grad_()
    alone = QuantumLayer(state_preparation(3) >> ansatz, state()).double()(psi, weights)
    tested = state_preparation(4, range(3)) >> hadamard_test(ansatz)
    z = QuantumLayer(tested, pauli_z([3])).double()(psi, weights)
    expected = (psi.conj() * alone).sum(-1, keepdim=True).real
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-12)
    slopes = [torch.autograd.grad(value.sum(), weights)[0] for value in (z, expected)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-11)
    assert slopes[0].abs().max() > 0.01


def test_what_is_no_ansatz_is_refused():
    for wrong in (lambda: conv_phase(1, 1), lambda: conv_grover(1, 1)):
        with pytest.raises(UsageError, match="at least 2 wires, not 1"):
            wrong()
    for wrong in (lambda: conv_phase(4, 0), lambda: alternating_ladder(4, 0), lambda: strongly_entangling(4, 0)):
        with pytest.raises(UsageError, match="at least 1 layer, not 0"):
            wrong()
    for wrong in (lambda: phase_mixing(0), lambda: grover_mixer(0), lambda: strongly_entangling(0, 1)):
        with pytest.raises(UsageError, match="not 0"):
            wrong()
    with pytest.raises(UsageError, match="at most 10 wires, not 11"):
        grover_mixer(11)


def test_a_hadamard_test_takes_unitary_circuits_alone():
    measured = circuit_of(1, [Gate("h", (0,)), measure(0)], "measured")
    for wrong in (measured, state_preparation(2) >> angle_encoding(2, first=4)):
        with pytest.raises(UsageError, match="cannot be controlled"):
            hadamard_test(wrong)
