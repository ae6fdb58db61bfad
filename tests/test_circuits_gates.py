"""Every gate's matrix, bare and under controls, against PennyLane's."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch

from qdiffusion.circuits import Circuit, Gate, circuit_of, constant, weight
from qdiffusion.circuits import composite as c
from qdiffusion.circuits.gates import GATES, controlled, embed
from qdiffusion.circuits.reference import simulate
from qdiffusion.errors import UsageError

A, B, C = 0.37, -1.9, 2.6

THEIRS = {
    "x": qml.PauliX,
    "y": qml.PauliY,
    "z": qml.PauliZ,
    "h": qml.Hadamard,
    "s": qml.S,
    "t": qml.T,
    "swap": qml.SWAP,
    "rx": qml.RX,
    "ry": qml.RY,
    "rz": qml.RZ,
    "p": qml.PhaseShift,
    "rxx": qml.IsingXX,
    "ryy": qml.IsingYY,
    "rzz": qml.IsingZZ,
}
COMPOSITES = {
    "sdg": (c.sdg, lambda wire: qml.adjoint(qml.S(wire))),
    "tdg": (c.tdg, lambda wire: qml.adjoint(qml.T(wire))),
    "sx": (c.sx, qml.SX),
    "iswap": (c.iswap, lambda first, second: qml.ISWAP([first, second])),
    "rot": (lambda wire: c.rot(constant(A), constant(B), constant(C), wire), lambda wire: qml.Rot(A, B, C, wire)),
    "u2": (lambda wire: c.u2(constant(A), constant(B), wire), lambda wire: qml.U2(A, B, wire)),
    "u3": (lambda wire: c.u3(constant(A), constant(B), constant(C), wire), lambda wire: qml.U3(A, B, C, wire)),
    "phase": (lambda wire: (c.Phase(constant(A)),), lambda wire: qml.GlobalPhase(-A, wire)),
}
N_WIRES = {"iswap": 2}


def unitary(pieces: c.Pieces, n_wires: int) -> np.ndarray:
    """Column by column, with the dense reference."""
    nothing = torch.zeros(0)
    columns = []
    for column in range(2**n_wires):
        bits = [wire for wire in range(n_wires) if column >> (n_wires - 1 - wire) & 1]
        circuit = circuit_of(n_wires, [*(Gate("x", (wire,)) for wire in bits), *pieces], "column")
        columns.append(simulate(circuit, nothing, nothing))
    return torch.stack(columns, 1).numpy()


def under(operator, n_controls: int, values=None):
    values = values or [True] * n_controls
    return qml.ctrl(operator, range(n_controls), values) if n_controls else operator


def test_no_gate_is_left_out():
    assert set(THEIRS) == set(GATES)


@pytest.mark.parametrize("n_controls", [0, 1, 2])
@pytest.mark.parametrize("name", THEIRS)
def test_gates_equal_pennylanes(name, n_controls):
    kind = controlled(name, n_controls)
    wires = list(range(n_controls, kind.n_wires))
    for angle in [0.0, A, B, C, 9.1]:
        parameters = [] if kind.frequency is None else [angle]
        f = kind.frequency or 0.0
        ours = np.tensordot([1, math.cos(f * angle), math.sin(f * angle)], kind.terms, 1)
        theirs = qml.matrix(under(THEIRS[name](*parameters, wires=wires), n_controls), wire_order=range(kind.n_wires))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("values", [(), (True,), (False,), (True, True), (False, True), (False, False)])
@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_equal_pennylanes_with_their_phase(name, values):
    """Phase included: under a control a wrong one is another gate."""
    ours, theirs = COMPOSITES[name]
    if name == "phase" and not values:
        assert c.without_phases(ours(0)) == ()
        return
    n_wires = len(values) + N_WIRES.get(name, 1)
    targets = range(len(values), n_wires)
    pieces = c.controlled(ours(*targets), range(len(values)), values)
    expected = qml.matrix(under(theirs(*targets), len(values), list(values)), wire_order=range(n_wires))
    np.testing.assert_allclose(unitary(pieces, n_wires), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", [*THEIRS, *COMPOSITES])
def test_inverses_undo(name):
    if name in THEIRS:
        n_wires = GATES[name].n_wires
        angle = None if GATES[name].frequency is None else constant(A)
        pieces = (Gate(name, tuple(range(n_wires)), angle),)
    else:
        n_wires = N_WIRES.get(name, 1)
        pieces = COMPOSITES[name][0](*range(n_wires))
    pieces = c.controlled(pieces, (n_wires,), (False,))
    n_wires += 1
    np.testing.assert_allclose(unitary((*pieces, *c.inverse(pieces)), n_wires), np.eye(2**n_wires), rtol=0, atol=1e-14)
    assert not np.allclose(unitary(pieces, n_wires), np.eye(2**n_wires))


def test_inverses_keep_the_angles_free():
    (gate,) = c.inverse((Gate("rx", (0,), 2 * weight(3) + 0.5),))
    assert gate.angle == -2 * weight(3) - 0.5


@pytest.mark.parametrize("positions", [(0,), (2,), (2, 0), (1, 2), (2, 1, 0)])
def test_embedding_equals_pennylanes(positions, generator):
    shape = (2 ** len(positions),) * 2
    real, imag = torch.randn(2, *shape, generator=generator, dtype=torch.float64).numpy()
    matrix = real + 1j * imag
    expected = qml.math.expand_matrix(matrix, positions, range(3))
    np.testing.assert_allclose(embed(matrix, positions, 3), expected, rtol=0, atol=1e-14)


def test_controls_without_a_value_each_are_refused():
    with pytest.raises(UsageError, match="2 controls got 1 control values"):
        c.controlled(c.sx(2), (0, 1), (True,))


def test_a_control_on_its_own_target_is_refused():
    with pytest.raises(UsageError, match="names a wire twice"):
        c.controlled(c.sx(0), (0,))


def test_composites_are_gates_of_a_circuit():
    gates = c.rot(weight(0), weight(1), weight(2), 0)
    assert Circuit(1, gates, 3, 0).gates[0].angle == weight(0)
