"""Every encoding against PennyLane's, and the states that the papers print."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qdiffusion.circuits import (
    Circuit,
    QuantumLayer,
    amplitude_encoding,
    amplitudes,
    angle_encoding,
    basic_entangling,
    basis_encoding,
    bits,
    dense_angle_encoding,
    iqp_encoding,
    pauli_z,
    phase_encoding,
    reuploading,
    state,
    state_preparation,
    with_products,
)
from qdiffusion.errors import UsageError

N = 4


def run(circuit: Circuit, x: Tensor) -> np.ndarray:
    """The state of x (n_inputs,), complex128."""
    return QuantumLayer(circuit, state()).double()(x[None])[0].detach().numpy()


def theirs(build, n_wires: int) -> np.ndarray:
    @qml.qnode(qml.device("default.qubit", wires=n_wires))
    def circuit():
        build()
        return qml.state()

    return np.asarray(circuit())


def assert_states(ours: np.ndarray, expected: np.ndarray) -> None:
    """Equal, phase of the whole state included."""
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


def phases(x: Tensor) -> None:
    for wire, angle in enumerate(x.tolist()):
        qml.Hadamard(wires=wire)
        qml.PhaseShift(angle, wires=wire)


def dense(x: Tensor, scale: float) -> None:
    """The paper's left side, RZ RY |0⟩; its right side leaves out the phase -x_{2j+1}/2."""
    for wire, (turn, phase) in enumerate(x.reshape(-1, 2).tolist()):
        qml.RY(scale * turn, wires=wire)
        qml.RZ(phase, wires=wire)
        qml.GlobalPhase(-phase / 2)


CASES = {
    "angle x": (angle_encoding(N, "x"), N, lambda x: qml.AngleEmbedding(x, range(N), "X")),
    "angle y": (angle_encoding(N, "y"), N, lambda x: qml.AngleEmbedding(x, range(N), "Y")),
    "angle z": (angle_encoding(N, "z"), N, lambda x: qml.AngleEmbedding(x, range(N), "Z")),
    "phase": (phase_encoding(N), N, phases),
    "dense 18": (dense_angle_encoding(N), 2 * N, lambda x: dense(x, 1)),
    "dense 19": (dense_angle_encoding(N, equation=19), 2 * N, lambda x: dense(x, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_encodings_equal_pennylanes(name, generator):
    ours, n_inputs, build = CASES[name]
    x = torch.randn(n_inputs, generator=generator, dtype=torch.float64) * 2
    assert_states(run(ours, x), theirs(lambda: build(x), N))


@pytest.mark.parametrize("n_repeats", [1, 2, 3])
def test_iqp_equals_pennylanes(n_repeats, generator):
    x = torch.randn(N, generator=generator, dtype=torch.float64) * 2
    expected = theirs(lambda: qml.IQPEmbedding(x, range(N), n_repeats), N)
    assert_states(run(iqp_encoding(N, n_repeats), with_products(x)), expected)


@pytest.mark.parametrize("number", range(8))
def test_basis_states_are_pennylanes(number):
    expected = theirs(lambda: qml.BasisEmbedding(number, range(3)), 3)
    assert_states(run(basis_encoding(3), bits(torch.tensor(number), 3, torch.float64)), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8])
def test_amplitudes_of_any_length_equal_pennylanes(length, dtype, generator):
    x = torch.randn(length, generator=generator, dtype=dtype)
    circuit = amplitude_encoding(length)
    n_wires = circuit.n_wires
    assert 2 ** (n_wires - 1) < length <= 2**n_wires or length == n_wires == 1
    expected = theirs(lambda: qml.AmplitudeEmbedding(x.numpy(), range(n_wires), pad_with=0.0, normalize=True), n_wires)
    assert_states(run(circuit, amplitudes(x)), expected)


def test_amplitudes_pad_to_a_larger_register(generator):
    x = torch.randn(3, generator=generator, dtype=torch.float64)
    expected = theirs(lambda: qml.AmplitudeEmbedding(x.numpy(), range(4), pad_with=0.0, normalize=True), 4)
    assert_states(run(state_preparation(4), amplitudes(x, 4)), expected)


def test_dense_angles_are_as_printed():
    """Equations 18 and 19 of QAMP, right sides, of one qubit."""
    x = torch.tensor([0.7, 1.9], dtype=torch.float64)
    for equation, turn in ((18, 0.35), (19, 0.7)):
        expected = [math.cos(turn), np.exp(1.9j) * math.sin(turn)]
        assert_states(run(dense_angle_encoding(1, equation=equation), x), np.array(expected))


def test_encodings_compose_behind_amplitudes(generator):
    """`first` leaves the amplitudes' inputs alone: RX(x) after a prepared state."""
    encodings = [
        (basis_encoding(2, first=4), 2, lambda x: [qml.RY(math.pi * a, wires=w) for w, a in enumerate(x.tolist())]),
        (phase_encoding(2, first=4), 2, phases),
        (dense_angle_encoding(2, first=4), 4, lambda x: dense(x, 1)),
        (iqp_encoding(2, first=4), 3, lambda x: qml.IQPEmbedding(x[:2], range(2))),
    ]
    psi = torch.randn(4, generator=generator, dtype=torch.complex128)
    for encoding, n_inputs, build in encodings:
        x = torch.randn(n_inputs, generator=generator, dtype=torch.float64)
        if n_inputs == 3:
            x = with_products(x[:2])

        def prepared(build=build, x=x):
            qml.StatePrep(psi.numpy(), range(2), normalize=True)
            build(x)

        ours = run(state_preparation(2) >> encoding, torch.cat([amplitudes(psi), x.to(psi.dtype)]))
        assert_states(ours, theirs(prepared, 2))


def test_reuploading_reads_the_same_data_each_time(generator):
    circuit = reuploading(angle_encoding(3, "y"), basic_entangling(3, 1), 3)
    assert (circuit.n_inputs, circuit.n_weights) == (3, 9)
    x, weights = (torch.randn(1, n, generator=generator, dtype=torch.float64) for n in (3, 9))

    @qml.qnode(qml.device("default.qubit", wires=3))
    def expected():
        for layer in weights.reshape(3, 1, 3):
            qml.AngleEmbedding(x[0], range(3), "Y")
            qml.BasicEntanglerLayers(layer, range(3))
        return [qml.expval(qml.PauliZ(wire)) for wire in range(3)]

    found = QuantumLayer(circuit, pauli_z()).double()(x, weights)
    np.testing.assert_allclose(found[0].detach(), torch.stack(expected()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_a_state_has_norm_one_at_any_scale(dtype, scale, generator):
    """Squares of 1e-30 and 1e30 are 0 and infinite in single precision."""
    x = torch.randn(4, 2, 5, generator=generator, dtype=dtype)
    found = amplitudes(x * scale)
    assert found.shape == (4, 2, 8)
    assert found.dtype == dtype
    torch.testing.assert_close(found, amplitudes(x))
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(4, 2))


def test_amplitudes_have_the_gradient_of_a_normalised_vector(generator):
    x = torch.randn(3, 5, generator=generator, dtype=torch.complex128).requires_grad_()
    assert torch.autograd.gradcheck(amplitudes, x)
    moved = torch.func.vmap(amplitudes)(x)
    torch.testing.assert_close(moved, amplitudes(x))


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (torch.tensor([[1.0, 2.0], [0.0, 0.0]]), r"vector of norm 0 \(number 1 of 2\)"),
        (torch.zeros(3, dtype=torch.complex64), r"vector of norm 0 \(number 0 of 1\)"),
        (torch.tensor([1.0, math.nan]), "vector that is not finite"),
        (torch.tensor([[1.0, 1.0], [math.inf, 0.0]]), r"not finite \(number 1 of 2\)"),
        (torch.tensor([1, 2]), "int64"),
        (torch.zeros(2, 0), r"shape \(2, 0\)"),
    ],
)
def test_what_is_no_state_is_refused(x, sentence):
    with pytest.raises(UsageError, match=sentence):
        amplitudes(x)


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="2 wires have 4 amplitudes and cannot hold 5"):
        amplitudes(torch.ones(5), 2)
    with pytest.raises(UsageError, match="at least 1 number, not 0"):
        amplitude_encoding(0)
    with pytest.raises(UsageError, match="from 1 to 8; 3 bits hold 0 to 7"):
        bits(torch.tensor([1, 8]), 3)
    with pytest.raises(UsageError, match="from -1 to 2"):
        bits(torch.tensor([-1, 2]), 3)
    with pytest.raises(UsageError, match="takes integers"):
        bits(torch.tensor([0.5]), 3)
    with pytest.raises(UsageError, match="equation 18 or 19, not 17"):
        dense_angle_encoding(2, equation=17)
    with pytest.raises(UsageError, match="at least once, not 0"):
        iqp_encoding(2, 0)
    with pytest.raises(UsageError, match="at least once, not 0"):
        reuploading(angle_encoding(2), basic_entangling(2, 1), 0)
    with pytest.raises(UsageError, match="prepares a state, which can be done once only"):
        reuploading(state_preparation(2), basic_entangling(2, 1), 2)
