"""OpenQASM texts against PennyLane's gates, there and back, and the sentences for what is not a circuit."""

import math

import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_strategies import circuits
from qdiffusion.circuits import (
    Circuit,
    QuantumLayer,
    angle_encoding,
    circuit_of,
    constant,
    depolarising,
    diagonal,
    hqconv,
    measure,
    pauli_z,
    state,
    state_preparation,
    weight,
)
from qdiffusion.circuits import input as x_
from qdiffusion.circuits.reference import simulate
from qdiffusion.errors import UsageError
from qdiffusion.interop import from_qasm3, to_qasm3
from qdiffusion.models.patches import PatchCircuits

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
A, B, C, D = 0.37, -1.9, 2.6, 0.81


def final(circuit: Circuit) -> torch.Tensor:
    return simulate(circuit, torch.zeros(0), torch.zeros(0))


def spread(n_wires: int) -> str:
    """A state in which every amplitude counts, so that no wrong wire or phase goes unseen."""
    rotations = [f"ry({0.4 + wire}) q[{wire}]; rz({0.9 - wire}) q[{wire}];" for wire in range(n_wires)]
    return f"qubit[{n_wires}] q;" + "".join(rotations)


def theirs(n_wires: int, *operators) -> torch.Tensor:
    prepared = [gate for wire in range(n_wires) for gate in (qml.RY(0.4 + wire, wire), qml.RZ(0.9 - wire, wire))]
    script = qml.tape.QuantumScript([*prepared, *operators])
    return torch.as_tensor(qml.matrix(script, wire_order=range(n_wires))[:, 0])


def same(text: str, n_wires: int, *operators) -> None:
    torch.testing.assert_close(
        final(from_qasm3(HEAD + spread(n_wires) + text)), theirs(n_wires, *operators), rtol=0, atol=1e-12
    )


STANDARD = {
    "x q[1]": qml.X(1),
    "y q[1]": qml.Y(1),
    "z q[1]": qml.Z(1),
    "h q[1]": qml.Hadamard(1),
    "s q[1]": qml.S(1),
    "sdg q[1]": qml.adjoint(qml.S(1)),
    "t q[1]": qml.T(1),
    "tdg q[1]": qml.adjoint(qml.T(1)),
    "sx q[1]": qml.SX(1),
    "sxdg q[1]": qml.adjoint(qml.SX(1)),
    "id q[1]": qml.Identity(1),
    f"p({A}) q[1]": qml.PhaseShift(A, 1),
    f"phase({A}) q[1]": qml.PhaseShift(A, 1),
    f"rx({A}) q[1]": qml.RX(A, 1),
    f"ry({A}) q[1]": qml.RY(A, 1),
    f"rz({A}) q[1]": qml.RZ(A, 1),
    f"u1({A}) q[1]": qml.U1(A, 1),
    f"u2({A}, {B}) q[1]": qml.prod(qml.GlobalPhase((A + B) / 2), qml.U2(A, B, 1)),
    f"u3({A}, {B}, {C}) q[1]": qml.prod(qml.GlobalPhase((B + C) / 2), qml.U3(A, B, C, 1)),
    f"U({A}, {B}, {C}) q[1]": qml.U3(A, B, C, 1),
    "cx q[2], q[0]": qml.CNOT([2, 0]),
    "CX q[2], q[0]": qml.CNOT([2, 0]),
    "cy q[2], q[0]": qml.CY([2, 0]),
    "cz q[2], q[0]": qml.CZ([2, 0]),
    "ch q[2], q[0]": qml.CH([2, 0]),
    f"cp({A}) q[2], q[0]": qml.ControlledPhaseShift(A, [2, 0]),
    f"cphase({A}) q[2], q[0]": qml.ControlledPhaseShift(A, [2, 0]),
    f"cu1({A}) q[2], q[0]": qml.ControlledPhaseShift(A, [2, 0]),
    f"crx({A}) q[2], q[0]": qml.CRX(A, [2, 0]),
    f"cry({A}) q[2], q[0]": qml.CRY(A, [2, 0]),
    f"crz({A}) q[2], q[0]": qml.CRZ(A, [2, 0]),
    f"cu3({A}, {B}, {C}) q[2], q[0]": qml.ctrl(qml.U3(A, B, C, 0), 2),
    f"cu({A}, {B}, {C}, {D}) q[2], q[0]": qml.ctrl(qml.prod(qml.GlobalPhase(-D), qml.U3(A, B, C, 0)), 2),
    "swap q[2], q[0]": qml.SWAP([2, 0]),
    "iswap q[2], q[0]": qml.ISWAP([2, 0]),
    f"rxx({A}) q[2], q[0]": qml.IsingXX(A, [2, 0]),
    f"ryy({A}) q[2], q[0]": qml.IsingYY(A, [2, 0]),
    f"rzz({A}) q[2], q[0]": qml.IsingZZ(A, [2, 0]),
    "ccx q[2], q[0], q[1]": qml.Toffoli([2, 0, 1]),
    "cswap q[2], q[0], q[1]": qml.CSWAP([2, 0, 1]),
    "ctrl @ sx q[2], q[0]": qml.ctrl(qml.SX(0), 2),
    f"ctrl @ u3({A}, {B}, {C}) q[2], q[0]": qml.ctrl(qml.prod(qml.GlobalPhase((B + C) / 2), qml.U3(A, B, C, 0)), 2),
    f"ctrl(2) @ rz({A}) q[2], q[0], q[1]": qml.ctrl(qml.RZ(A, 1), [2, 0]),
    "negctrl @ ctrl @ h q[2], q[0], q[1]": qml.ctrl(qml.Hadamard(1), [2, 0], [0, 1]),
    "ctrl @ negctrl @ inv @ s q[2], q[0], q[1]": qml.ctrl(qml.adjoint(qml.S(1)), [2, 0], [1, 0]),
    "inv @ ctrl @ iswap q[2], q[0], q[1]": qml.adjoint(qml.ctrl(qml.ISWAP([0, 1]), 2)),
    f"inv @ U({A}, {B}, {C}) q[0]": qml.adjoint(qml.U3(A, B, C, 0)),
    f"ctrl @ gphase({A}) q[1]": qml.PhaseShift(A, 1),
    f"negctrl @ ctrl @ gphase({A}) q[1], q[2]": qml.ctrl(qml.PhaseShift(A, 2), 1, [0]),
    "barrier q": qml.Identity(0),
}


@pytest.mark.parametrize("call", STANDARD)
def test_standard_gates_equal_pennylanes(call):
    """Phases included, bare and under controls."""
    same(f"{call};", 3, STANDARD[call])


def test_a_phase_of_the_whole_state_is_dropped():
    assert from_qasm3(HEAD + "qubit q; gphase(0.3); x q;") == from_qasm3(HEAD + "qubit q; x q;")


def test_definitions_are_inlined_with_their_angles_and_phases():
    text = """
    gate turn(a, b) p, r { rx(a / 2 + pi) p; ctrl @ ry(-b) p, r; gphase(a); }
    gate both(c) p, r, s { turn(c, 2 * c) s, p; inv @ turn(0.5, c) r, s; barrier p, r; }
    gate rx(a) p { ry(a) p; }
    ctrl @ both(0.7) q[3], q[2], q[0], q[1];
    turn(0.1, 0.2) q[0], q[1];
    rx(0.9) q[2];
    """

    def turn(a, b, p, r):
        return [qml.RX(a / 2 + math.pi, p), qml.CRY(-b, [p, r]), qml.GlobalPhase(-a)]

    inverse = [qml.adjoint(operator) for operator in reversed(turn(0.5, 0.7, 0, 1))]
    both = [qml.ctrl(operator, 3) for operator in [*turn(0.7, 1.4, 1, 2), *inverse]]
    last = [qml.RX(0.1 / 2 + math.pi, 0), qml.CRY(-0.2, [0, 1]), qml.RY(0.9, 2)]
    same(text, 4, *both, *last)


def test_registers_broadcast_and_wires_follow_their_declaration():
    circuit = from_qasm3(HEAD + "qubit a; qreg b[2]; qubit[2] c; h c; cx b, c; cx a, b; crx(0.1) c[-1], a;")
    assert [gate.wires for gate in circuit.gates] == [(3,), (4,), (1, 3), (2, 4), (0, 1), (0, 2), (4, 0)]
    assert circuit.n_wires == 5


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("pi/2", math.pi / 2),
        ("-π * 2 + 1.5e-1", -2 * math.pi + 0.15),
        ("2 - 3 - 4", -5),
        ("8 / 2 / 2 * 3", 6),
        ("-2 ** 2", -4),
        ("2 ^ 3 ** 1", 8),
        ("-(1 + .5) * +2.", -3),
        ("cos(pi) + sqrt(4) * exp(0)", 1),
        ("sin(0.3) - arcsin(0.5) + ln(tau)", math.sin(0.3) - math.asin(0.5) + math.log(2 * math.pi)),
        ("2 * w + 1", 2 * weight(0) + 1),
        ("1 - w / 4", -0.25 * weight(0) + 1),
        ("-(w - 1) * pi", -math.pi * weight(0) + math.pi),
        ("v[1 + 1] - 0.5", weight(3) - 0.5),
        ("-x", -x_(0)),
        ("y[-1]", x_(2)),
    ],
)
def test_expressions_are_affine_in_one_parameter(expression, value):
    declared = "input float[64] w; input array[float[64], 3] v; input angle x; input array[angle, 2] y; qubit q;"
    circuit = from_qasm3(f"OPENQASM 3; /* none\n needed */ {declared} rx({expression}) q; // end", inputs=("x", "y*"))
    expected = value if isinstance(value, type(weight(0))) else constant(value)
    got = circuit.gates[0].angle
    assert (got.source, got.index) == (expected.source, expected.index)
    assert (got.scale, got.offset) == pytest.approx((expected.scale, expected.offset), abs=1e-15)
    assert (circuit.n_weights, circuit.n_inputs) == (4, 3)


def test_measurements_at_the_end_are_left_out():
    text = "qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0]; h q[1]; measure q[1] -> c[1]; bit d = measure q[0];"
    assert from_qasm3(HEAD + text) == from_qasm3(HEAD + "qubit[2] q; x q[0]; h q[1];")


@given(circuit=circuits(matrices=False))
@settings(max_examples=100, deadline=None)
def test_there_and_back(circuit):
    assert from_qasm3(to_qasm3(circuit), inputs=["x*"]) == circuit


@given(circuit=circuits(max_wires=4, max_gates=8, matrices=False))
@settings(max_examples=30, deadline=None)
def test_the_text_means_the_circuit_to_others(circuit):
    """Without the shortcut for this package's own gates: stdgates.inc and the definitions in the text say all."""
    text = to_qasm3(circuit)
    for name in ("rxx", "ryy", "rzz"):
        text = text.replace(f"{name}(", f"my_{name}(")
    again = from_qasm3(text, inputs=["x*"])
    x, weights = torch.tensor([0.3, -1.2, 2.2]), torch.tensor([0.5, 1.7, -0.4, 2.9])
    torch.testing.assert_close(simulate(again, x, weights), simulate(circuit, x, weights), rtol=0, atol=1e-12)


ANGLES = st.floats(-4, 4).map(lambda value: round(value, 3))
VERSION_2 = ["RX", "RY", "RZ", "PhaseShift", "U1", "U2", "U3", "Rot", "Hadamard", "PauliX", "S", "T", "SX"]
VERSION_2 += [
    "CNOT",
    "CZ",
    "CY",
    "CH",
    "SWAP",
    "CRX",
    "CRY",
    "CRZ",
    "ControlledPhaseShift",
    "Toffoli",
    "CSWAP",
    "IsingXX",
]
N_WIRES_2 = {"Toffoli": 3, "CSWAP": 3}


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_version_2_as_pennylane_writes_it(data):
    """Equal up to a phase of the whole state, which version 2 does not define."""
    operators = []
    for name in data.draw(st.lists(st.sampled_from(VERSION_2), min_size=1, max_size=8)):
        kind = getattr(qml, name)
        n_wires = N_WIRES_2.get(name, 1 if VERSION_2.index(name) < 13 else 2)
        wires = data.draw(st.permutations(range(3)))[:n_wires]
        operators.append(kind(*data.draw(st.tuples(*[ANGLES] * kind.num_params)), wires=wires))
    prepared = [qml.RY(0.4 + wire, wire) for wire in range(3)]
    script = qml.tape.QuantumScript([*prepared, *operators])
    text = qml.to_openqasm(script, wires=range(3))
    assert text.startswith("OPENQASM 2.0;")
    expected = torch.as_tensor(qml.matrix(script, wire_order=range(3))[:, 0])
    assert abs(torch.vdot(expected.to(torch.complex128), final(from_qasm3(text)))) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("qubit q;\nreset q;", "Line 4 .*'reset' is neither a gate"),
        ("qubit q; bit c;\nif (c == 1) x q;", "Line 4 .*'if'"),
        ("qubit q;\n\npow(2) @ x q;", "Line 5 .*'pow'"),
        ("qubit q;\nrx(0.1, 0.2) q;", "Line 4 .*rx takes 1 angles and 1 qubits"),
        ("qubit[2] q;\nctrl @ x q[0];", "Line 4 .*x takes 0 angles and 2 qubits"),
        ("qubit[2] q;\ncx q[0], q[0];", "Line 4 .*cx got a qubit twice"),
        ("qubit[2] q;\nx q[2];", "Line 4 .*q has no qubit 2"),
        ("qubit[2] q; qubit[3] r;\ncx q, r;", r"Line 4 .*lengths \[2, 3\]"),
        ("qubit q;\nx r;", "Line 4 .*no qubit 'r'"),
        ("qubit q;\nmeasure q;\nx q;", "Line 5 .*follows the measurement"),
        ("qubit q;\nrx(w) q;", "Line 4 .*'w' is not declared"),
        ("input float w; input float v; qubit q;\nrx(w + v) q;", "Line 4 .*two parameters"),
        ("input float w; qubit q;\nrx(w * w) q;", "Line 4 .*product of parameters"),
        ("input float w; qubit q;\nrx(sin(w)) q;", "Line 4 .*only constants"),
        ("input float w; qubit q;\nrx(1 / w) q;", "Line 4 .*only constants"),
        ("input array[float, 2] w; qubit q;\nrx(w[2]) q;", "Line 4 .*w has 2 elements"),
        ("input int n;", "Line 3 .*type int"),
        ("qubit q;\nrx(sqrt(-1)) q;", "Line 4 .*sqrt of .* is not a number"),
        ("qubit q;\nrx(1 / 0) q;", "Line 4 .*division by 0"),
        ("qubit q;\nx q", "Line 4 .*expected ';', found 'the end'"),
        ("qubit q;\nx q $ 3;", r"Line 4 .*'\$'"),
        ("qubit q;\ngate g a { x a;", "Line 4 .*'}' is missing"),
        ("qubit q;\ngate g a { g a; }\ng q;", "Line 4 .*'g' is neither a gate"),
        ("qubit q;\ngate g a { rx(q) a; }\ng q;", "Line 4 .*'q' is not declared"),
        ('include "mine.inc";', "Line 3 .*mine.inc"),
        ("qubit q;\nqubit q;", "Line 4 .*'q' is declared twice"),
        ("qubit[0] q;", "Line 3 .*at least 1"),
        ("qubit[1.5] q;", "Line 3 .*whole number"),
        ("x;", "Line 3 .*x takes 0 angles and 1 qubits"),
        ("", "no qubits"),
    ],
)
def test_what_is_no_circuit_is_refused_with_its_line(text, match):
    with pytest.raises(UsageError, match=match):
        from_qasm3(HEAD + text)


def test_unknown_versions_and_inputs_are_refused():
    with pytest.raises(UsageError, match=r"Line 1 .*OpenQASM 4.0"):
        from_qasm3("OPENQASM 4.0; qubit q;")
    with pytest.raises(UsageError, match="no `input` parameter 'x'"):
        from_qasm3("OPENQASM 3; input float w; qubit q; rx(w) q;", inputs=["x"])


def test_a_text_is_the_circuit_of_a_patch_layer(generator):
    circuit = angle_encoding(12) >> hqconv(1)
    read = from_qasm3(to_qasm3(circuit), inputs=["x*"])
    layers = [PatchCircuits(QuantumLayer(each, pauli_z("each"), 2), channels=3) for each in (circuit, read)]
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.randn(1, 6, 4, 4, generator=generator)
    assert torch.equal(layers[0](x), layers[1](x))


def test_a_definition_like_ours_of_other_parts_is_not_ours():
    """The text defines rzz as `to_qasm3` does, but from another cx."""
    definition = "gate rzz(t) a, b { cx a, b; rz(t) b; cx a, b; }"
    assert len(from_qasm3(HEAD + definition + "qubit[2] q; rzz(1) q[0], q[1];").gates) == 1
    text = "gate cx a, b { h a; ctrl @ x a, b; }" + definition + "qubit[2] q; rzz(1) q[0], q[1];"
    assert [gate.name for gate in from_qasm3(HEAD + text).gates] == ["h", "x", "rz", "h", "x"]


def test_weights_that_no_gate_reads_stay():
    circuit = hqconv(1, block_a=False)
    assert from_qasm3(to_qasm3(circuit)) == circuit
    assert QuantumLayer(from_qasm3(to_qasm3(circuit)), state()).weights.shape == (1, 28)


@pytest.mark.parametrize(
    ("circuit", "message"),
    [
        (state_preparation(1), "preparation"),
        (circuit_of(1, [measure(0)], "m"), "measure"),
        (circuit_of(1, [diagonal([1, -1], [0])], "d"), "unitary"),
        (circuit_of(1, [depolarising(0, 0.1)], "d"), "depolarising"),
    ],
)
def test_what_the_text_cannot_say_is_refused(circuit, message):
    with pytest.raises(UsageError, match=message):
        to_qasm3(circuit)
