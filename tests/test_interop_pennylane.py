"""Circuits imported from PennyLane against PennyLane itself: states, values, gradients; and what cannot be imported."""

import math
import sys
from dataclasses import replace

import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdiffusion.circuits import (
    QuantumLayer,
    angle_encoding,
    basic_entangling,
    density_matrix,
    hqconv,
    pauli_sum,
    probabilities,
    state,
    weight,
)
from qdiffusion.circuits import input as x_
from qdiffusion.errors import UsageError
from qdiffusion.interop import from_pennylane
from qdiffusion.models.patches import PatchCircuits

N_WIRES, N_WEIGHTS, N_INPUTS = 5, 4, 3
ONE = [
    "RX",
    "RY",
    "RZ",
    "PhaseShift",
    "U1",
    "U2",
    "U3",
    "Rot",
    "Hadamard",
    "PauliX",
    "PauliY",
    "PauliZ",
    "S",
    "T",
    "SX",
]
TWO = ["SWAP", "ISWAP", "IsingXX", "IsingYY", "IsingZZ"]
CONTROLLED = [
    *["CNOT", "CZ", "CY", "CH", "Toffoli", "CCZ", "CSWAP", "CRX", "CRY", "CRZ", "CRot", "ControlledPhaseShift"],
    "MultiControlledX",
]
DECOMPOSED = ["IsingXY", "MultiRZ", "PSWAP", "SISWAP", "ECR", "SingleExcitation", "DoubleExcitation", "QFT"]
WIRES = {"Toffoli": 3, "CCZ": 3, "CSWAP": 3, "MultiControlledX": 4, "MultiRZ": 3, "DoubleExcitation": 4, "QFT": 3}


def n_parameters(name: str) -> int:
    return 0 if name == "QFT" else getattr(qml, name).num_params


@st.composite
def operations(draw):
    """A name, wires, angles (source, index, scale, offset), controls with values, adjoint or not."""
    name = draw(st.sampled_from(ONE + TWO + CONTROLLED + DECOMPOSED))
    size = WIRES.get(name, 1 if name in ONE else 2)
    wires = draw(st.permutations(range(N_WIRES)))
    may_control = name not in DECOMPOSED
    values = draw(st.lists(st.booleans(), max_size=min(2, N_WIRES - size) if may_control else 0))
    angle = st.tuples(
        st.sampled_from("xwc"), st.integers(0, 2), st.sampled_from([1, -1, 0.5, 2.0]), st.sampled_from([0, 0.7])
    )
    angles = draw(st.tuples(*[angle] * n_parameters(name)))
    return name, wires[:size], angles, wires[size : size + len(values)], values, draw(st.booleans())


def apply(specification, x: Tensor, w: Tensor) -> None:
    name, wires, angles, controls, values, is_adjoint = specification
    free = {"x": x, "w": w, "c": torch.tensor([0.3, 1.4, -2.2], dtype=torch.float64)}
    numbers = [scale * free[source][index] + offset for source, index, scale, offset in angles]
    operator = getattr(qml, name)
    if controls:
        operator = qml.ctrl(operator, controls, values)
    if is_adjoint:
        operator = qml.adjoint(operator)
    operator(*numbers, wires=wires)


def qnode(build, measure=qml.state, wires=N_WIRES):
    @qml.qnode(qml.device("default.qubit", wires=wires), interface="torch", diff_method="backprop")
    def circuit(x, w):
        build(x, w)
        return measure()

    return circuit


def draws(seed: int, *shapes) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).mul(2).requires_grad_() for shape in shapes]


def imported_equals(node, x: Tensor, w: Tensor, observable=None) -> None:
    """Values and both gradients, to 1e-10, phase included where the state is read."""
    circuit = from_pennylane(node, torch.zeros_like(x), torch.ones_like(w), inputs=["x"])
    layer = QuantumLayer(circuit, observable or state()).double()
    ours = layer(x.reshape(1, -1), w.reshape(1, -1))[0]
    theirs = node(x, w)
    torch.testing.assert_close(ours, theirs.reshape(ours.shape), rtol=0, atol=1e-10)
    (cotangent,) = draws(1, ours.shape)
    gradients = [
        torch.autograd.grad(
            (value.abs() ** 2 * cotangent.detach()).sum(), [x, w], allow_unused=True, materialize_grads=True
        )
        if value.requires_grad
        else (torch.zeros_like(x), torch.zeros_like(w))
        for value in (ours, theirs.reshape(ours.shape))
    ]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ONE + TWO + CONTROLLED + DECOMPOSED)
def test_every_gate_alone(name):
    size = WIRES.get(name, 1 if name in ONE else 2)
    angles = [("w", index, 1.5, 0.2) for index in range(n_parameters(name))]

    def build(x, w):
        for wire in range(N_WIRES):
            qml.RY(0.3 + wire, wires=wire)
            qml.RZ(x[0], wires=wire)
        apply((name, [4, 0, 2, 1][:size], angles, [], [], False), x, w)

    x, w = draws(3, (N_INPUTS,), (N_WEIGHTS,))
    imported_equals(qnode(build), x, w)


@given(found=st.lists(operations(), min_size=1, max_size=8), seed=st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_random_circuits_have_pennylanes_states_and_gradients(found, seed):
    def build(x, w):
        for wire in range(N_WIRES):
            qml.RY(0.4 + wire, wires=wire)
        for specification in found:
            apply(specification, x, w)

    x, w = draws(seed, (N_INPUTS,), (N_WEIGHTS,))
    imported_equals(qnode(build), x, w)


@given(found=st.lists(operations(), min_size=1, max_size=5), control=st.booleans())
@settings(max_examples=15, deadline=None)
def test_whole_programs_under_a_control(found, control):
    """qml.ctrl of a function of gates, decomposed ones among them: their phases become relative."""

    def build(x, w):
        qml.Hadamard(N_WIRES)
        for wire in range(N_WIRES):
            qml.RY(0.4 + wire, wires=wire)
        qml.ctrl(lambda: [apply(specification, x, w) for specification in found], N_WIRES, [control])()

    x, w = draws(4, (N_INPUTS,), (N_WEIGHTS,))
    imported_equals(qnode(build, wires=N_WIRES + 1), x, w)


TEMPLATES = {
    "basic": ((5,), (2, 5), lambda x, w: (qml.AngleEmbedding(x, range(5)), qml.BasicEntanglerLayers(w, range(5)))),
    "strong": (
        (5,),
        (2, 5, 3),
        lambda x, w: (qml.AngleEmbedding(x, range(5), rotation="Y"), qml.StronglyEntanglingLayers(w, range(5))),
    ),
    "iqp": (
        (3,),
        (2, 3),
        lambda x, w: (qml.BasicEntanglerLayers(w, range(3)), qml.QAOAEmbedding(x, w.repeat(1, 2), range(3))),
    ),
    "power": ((2,), (1,), lambda x, w: (qml.pow(qml.RX(x[0], 0), 3), qml.prod(qml.RX(w[0], 1), qml.RY(x[1], 2)))),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_are_decomposed(name):
    x_shape, w_shape, build = TEMPLATES[name]
    x, w = draws(5, x_shape, w_shape)
    imported_equals(qnode(build), x, w)


def test_templates_equal_our_own():
    node = qnode(TEMPLATES["basic"][2])
    ours = angle_encoding(5) >> basic_entangling(5, 2)
    assert from_pennylane(node, torch.zeros(5), torch.zeros(2, 5), inputs=["x"]) == ours


def test_values_of_observables_and_a_global_phase():
    """A phase of the whole state is dropped; under a control it counts."""

    def build(x, w):
        qml.RX(x[0], 0)
        qml.Hadamard(1)
        qml.GlobalPhase(w[0])
        qml.ctrl(qml.GlobalPhase(2 * w[1]), 1)
        qml.ctrl(qml.GlobalPhase(x[1]), [0, 1], [1, 0])
        qml.RX(0.7, 1)  # shows the sign of the phase
        qml.RY(w[0], 1)
        qml.CNOT([0, 1])

    x, w = draws(6, (2,), (2,))
    imported_equals(qnode(build, lambda: qml.probs(range(N_WIRES))), x, w, probabilities())
    word = qml.X(0) @ qml.Y(1) + 0.5 * qml.Z(1)
    imported_equals(qnode(build, lambda: qml.expval(word)), x, w, pauli_sum({"XYIII": 1, "IZIII": 0.5}))


def test_constant_matrices_stay_one_gate():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.linalg.qr(torch.randn(8, 8, dtype=torch.complex128, generator=generator))[0].numpy()
    phases = [1, 1j, -1, (1 + 1j) / math.sqrt(2)]

    def build(x, w):
        qml.RX(x[0], 2)
        qml.QubitUnitary(matrix, [2, 0, 3])
        qml.RY(w[0], 0)
        qml.ctrl(qml.adjoint(qml.QubitUnitary(matrix, [4, 0, 1])), [2])
        qml.DiagonalQubitUnitary(phases, [1, 3])

    x, w = draws(7, (1,), (1,))
    node = qnode(build, lambda: qml.probs(range(N_WIRES)))
    imported_equals(node, x, w, probabilities())
    assert [g.name for g in from_pennylane(node, x, w, inputs=["x"]).gates].count("unitary") == 3


def test_matrices_that_train_are_refused():
    refused(lambda x, w: qml.QubitUnitary(torch.diag(torch.exp(1j * w)), 0), "train", w=(0.3, 0.4))


def test_arguments_are_numbered_by_the_signature():
    """Not by the order of use: inputs and weights as the arguments flattened."""

    @qml.qnode(qml.device("default.qubit", wires=2))
    def node(first, x, n_layers, last, phi=0.25):
        for _ in range(n_layers):
            qml.RX(last, 0)
            qml.RY(3 * first[1, 0] - 1, 1)
        qml.RZ(x[1], 0)
        qml.RZ(phi, 0)
        return qml.expval(qml.Z(0))

    circuit = from_pennylane(node, torch.rand(2, 2), [0.1, 0.2], 2, 0.5, inputs=["x"])
    assert [gate.angle for gate in circuit.gates[:2]] == [weight(4), 3 * weight(2) - 1]
    assert (circuit.gates[4].angle, circuit.gates[5].angle.offset) == (x_(1), 0.25)
    assert (circuit.n_weights, circuit.n_inputs, len(circuit.gates)) == (5, 2, 6)
    fixed = from_pennylane(node, torch.rand(2, 2), [0.1, 0.2], 1, 0.5, inputs=["x"], constants=["last"])
    assert (fixed.n_weights, fixed.gates[0].angle.offset) == (4, 0.5)


def test_torch_layers_convention_names_the_inputs():
    @qml.qnode(qml.device("default.qubit", wires=1))
    def node(inputs, weights):
        qml.RX(inputs[0], 0)
        qml.RY(weights[0], 0)
        return qml.expval(qml.Z(0))

    assert [gate.angle for gate in from_pennylane(node, [0.0], [0.0]).gates] == [x_(0), weight(0)]
    assert from_pennylane(node, [0.0], [0.0], inputs=()).n_weights == 2


def test_a_qnodes_wires_are_its_devices():
    @qml.qnode(qml.device("default.qubit", wires=["a", "b", "c"]))
    def node(w):
        qml.CRX(w, ["c", "a"])
        return qml.expval(qml.Z("a"))

    assert from_pennylane(node, 0.1).gates[0].wires == (2, 0)
    assert from_pennylane(node, 0.1).n_wires == 3
    assert from_pennylane(node, 0.1, wire_order=["c", "a"]).gates[0].wires == (0, 1)


def tape(*operators, trainable=None):
    return qml.tape.QuantumScript(operators, [qml.expval(qml.Z("q"))], trainable_params=trainable)


def test_a_tapes_parameters_are_weights_inputs_or_constants():
    script = tape(qml.RX(0.1, "q"), qml.Rot(0.2, 0.3, 0.4, "p"), qml.BasicEntanglerLayers([[0.5, 0.6]], ["p", "q"]))
    angles = [gate.angle for gate in from_pennylane(script).gates if gate.angle]
    assert angles == [weight(0), weight(1), weight(2), weight(3), weight(4), weight(5)]
    assert from_pennylane(script).gates[1].wires == (1,)  # tape.wires: q, then p
    script.trainable_params = [1, 4]
    angles = [gate.angle for gate in from_pennylane(script, inputs=[0]).gates if gate.angle]
    assert angles[:2] == [x_(0), weight(0)]
    assert [angle.offset for angle in angles[2:4]] == [0.3, 0.4]
    assert angles[4:] == [weight(1), weight(2)]


def test_an_observables_parameters_are_no_angles():
    measured = qml.expval(qml.Hermitian([[1.0, 0.5], [0.5, -1.0]], "q"))
    assert from_pennylane(qml.tape.QuantumScript([qml.RX(0.1, "q")], [measured])).n_weights == 1


@given(found=st.lists(operations(), min_size=1, max_size=8), seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_random_tapes_have_pennylanes_states(found, seed):
    (x, w) = (value.detach() for value in draws(seed, (N_INPUTS,), (N_WEIGHTS,)))
    with qml.queuing.AnnotatedQueue() as queue:
        for wire in range(N_WIRES):
            qml.RY(0.4 + wire, wires=wire)
        for specification in found:
            apply(specification, x, w)
    script = qml.tape.QuantumScript.from_queue(queue)
    weights = torch.tensor([float(value) for value in script.get_parameters()], dtype=torch.float64)
    ours = QuantumLayer(from_pennylane(script, wire_order=range(N_WIRES)), state()).double()
    expected = qml.matrix(script, wire_order=range(N_WIRES))[:, 0]
    got = ours(torch.zeros(1, 0, dtype=torch.float64), weights[None])[0]
    torch.testing.assert_close(got, torch.as_tensor(expected), rtol=0, atol=1e-10)


def refused(build, match: str, x=(0.1, 0.2), w=(0.3, 0.4), **options) -> None:
    with pytest.raises(UsageError, match=match):
        from_pennylane(qnode(build), list(x), list(w), **{"inputs": ["x"], **options})


def test_channels_of_constant_strength_are_kept():
    """By name where PennyLane means the same, else by their operators; a tape's strengths are constants, too."""

    def build(x, w):
        qml.RY(x[0], wires=0)
        qml.AmplitudeDamping(0.3, wires=0)
        qml.CNOT(wires=[0, 1])
        qml.DepolarizingChannel(0.9, wires=1)
        qml.BitFlip(w[1], wires=0)
        qml.RX(w[0], wires=1)
        qml.PhaseDamping(0.2, wires=1)
        qml.PhaseFlip(0.1, wires=0)
        qml.PauliError("XY", 0.3, wires=[1, 0])
        qml.ThermalRelaxationError(0.1, 1.0, 0.9, 0.2, wires=0)

    node = qml.qnode(qml.device("default.mixed", wires=2), interface="torch")(
        lambda x, w, p: (build(x, [w[0], p]), qml.density_matrix(wires=[0, 1]))[1]
    )
    x, w = torch.tensor([0.7], dtype=torch.float64), torch.tensor([1.1], dtype=torch.float64)
    circuit = from_pennylane(node, x, w, 0.25, inputs=["x"], constants=["p"])
    got = QuantumLayer(circuit, density_matrix()).double()(x[None], w[None])[0]
    torch.testing.assert_close(got, torch.as_tensor(node(x, w, 0.25)), rtol=0, atol=1e-10)
    with qml.queuing.AnnotatedQueue() as queue:
        build(x, [w[0], 0.25])
    script = qml.tape.QuantumScript.from_queue(queue)
    assert from_pennylane(script).gates[1:] == tuple(
        replace(gate, angle=gate.angle and replace(gate.angle, index=1)) if gate.name == "rx" else gate
        for gate in circuit.gates[1:]
    )


def test_what_is_no_gate_is_refused_by_name():
    refused(lambda x, w: qml.BitFlip(w[0], 0), "BitFlip got a free strength")
    refused(lambda x, w: qml.ctrl(qml.BitFlip(0.1, 0), 1), "takes no controls")
    refused(lambda x, w: qml.adjoint(qml.BitFlip(0.1, 0)), "no inverse")
    refused(lambda x, w: qml.measure(0), "MidMeasure")
    refused(lambda x, w: qml.cond(qml.measure(0), qml.RX)(x[0], 1), "MidMeasure")


def test_angles_that_are_not_affine_in_one_number_are_refused():
    refused(lambda x, w: qml.RX(torch.sin(x[0]), 0), "not affine in i0")
    refused(lambda x, w: qml.RX(x[0] ** 2, 0), "not affine")
    refused(lambda x, w: qml.RX(torch.relu(w[1] - 0.05), 0), "not affine")
    refused(lambda x, w: qml.RX(torch.relu(-w[1] - 0.05), 0), "not affine")
    refused(lambda x, w: qml.RX(x[1] + w[0], 0), "depends on i1 and w0")
    refused(lambda x, w: qml.RX(math.sin(x[0]) if x[0] else 0.0, 0), "not affine|depend on the values")
    refused(lambda x, w: qml.RX(x.numpy()[0], 0), "does not run on torch tensors")


def test_gates_that_depend_on_the_numbers_are_refused():
    refused(lambda x, w: qml.RX(x[0], int(w[0] > 0)), "depend on the values")
    refused(lambda x, w: qml.RX(x[0], int(w[0] < 0)), "depend on the values")


def test_batches_and_unknown_names_are_refused():
    refused(lambda x, w: qml.RX(x, 0), r"angles of shape \(2,\)")
    refused(lambda x, w: qml.RX(x[0], 0), "no argument 'y'", inputs=["y"])
    refused(lambda x, w: qml.RX(x[0], 0), "no argument 'y'", constants=["y"])
    refused(lambda x, w: qml.RX(x[0], 3), "wire_order", wire_order=[0, 1])
    with pytest.raises(UsageError, match="Argument 'w' is neither"):
        from_pennylane(qnode(lambda x, w: qml.RX(x[0], 0)), [0.1], [[0.1], [0.2, 0.3]])
    with pytest.raises(UsageError, match="missing a required argument"):
        from_pennylane(qnode(lambda x, w: qml.RX(x[0], 0)), [0.1])
    with pytest.raises(UsageError, match="no angle at place 1"):
        from_pennylane(tape(qml.RX(0.1, "q")), inputs=[1])
    with pytest.raises(UsageError, match="takes a QNode"):
        from_pennylane(lambda x: qml.RX(x, 0), 0.1)


def test_without_pennylane_the_sentence_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pennylane", None)
    with pytest.raises(UsageError, match="pip install pennylane"):
        from_pennylane(None)


def test_an_imported_circuit_is_the_circuit_of_a_patch_layer(generator):
    """HQConv written in PennyLane, slid over patches, equals the package's own, gradients too."""
    pairs = [(4 * c + (i + 1) % 4, 4 * c + i) for c in range(3) for i in (3, 2, 1, 0)]

    @qml.qnode(qml.device("default.qubit", wires=12))
    def node(pixels, angles):
        qml.AngleEmbedding(pixels, wires=range(12))
        for layer in angles:
            for (control, target), turn in zip([*pairs, (4, 8), (0, 4)], layer.reshape(-1, 2), strict=True):
                qml.CRZ(turn[0], [control, target])
                qml.CRX(turn[1], [control, target])
        return [qml.expval(qml.Z(wire)) for wire in range(12)]

    circuit = from_pennylane(node, torch.zeros(12), torch.zeros(2, 28), inputs=["pixels"])
    assert circuit == angle_encoding(12) >> hqconv(2)
    layers = [
        PatchCircuits(QuantumLayer(c, n_circuits=2), 3).double() for c in (circuit, angle_encoding(12) >> hqconv(2))
    ]
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.randn(2, 6, 4, 4, generator=generator, dtype=torch.float64)
    outs = [layer(x) for layer in layers]
    assert torch.equal(*outs)
    for out in outs:
        out.square().sum().backward()
    assert torch.equal(*(layer.bank.weights.grad for layer in layers))
    assert layers[0].bank.weights.grad.abs().max() > 1e-3
