"""The papers' circuits against PennyLane, written out there from the published description, gate by gate."""

import math

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qdiffusion.circuits import (
    QuantumLayer,
    alternating_ladder,
    angle_encoding,
    basic_entangling,
    conv_grover,
    conv_phase,
    cz_brickwork,
    fqconv,
    hqconv,
    ladder_entangling,
    pauli_z,
    strongly_entangling,
)

HQ_PAIRS = [
    *[(0, 3), (3, 2), (2, 1), (1, 0)],
    *[(4, 7), (7, 6), (6, 5), (5, 4)],
    *[(8, 11), (11, 10), (10, 9), (9, 8)],
    *[(4, 8), (0, 4)],
]
FQ_ROUNDS = [
    [(3, 11), (2, 10), (1, 9), (0, 8)],
    [(11, 7), (10, 6), (9, 5), (8, 4)],
    [(7, 3), (6, 2), (5, 1), (4, 0)],
]


def hq(weights: Tensor, n_layers: int) -> None:
    angles = iter(weights.unbind(-1))
    for _ in range(n_layers):
        for wires in HQ_PAIRS:
            qml.CRZ(next(angles), wires=wires)
            qml.CRX(next(angles), wires=wires)


def fq(weights: Tensor, n_layers: int) -> None:
    angles = iter(weights.unbind(-1))
    for _ in range(n_layers):
        for pairs in FQ_ROUNDS:
            for gate in (qml.CRZ, qml.CRX):
                for wires in pairs:
                    gate(next(angles), wires=wires)


def basic(weights: Tensor, n_layers: int) -> None:
    angles = iter(weights.unbind(-1))
    for _ in range(n_layers):
        for wire in range(4):
            qml.RX(next(angles), wires=wire)
        for wires in [(0, 1), (1, 2), (2, 3), (3, 0)]:
            qml.CNOT(wires=wires)


def ladder(weights: Tensor, n_layers: int) -> None:
    angles = iter(weights.unbind(-1))
    for _ in range(n_layers):
        for wire in range(4):
            qml.Rot(next(angles), next(angles), next(angles), wires=wire)
        for wires in [(0, 1), (1, 2), (2, 3)]:
            qml.CNOT(wires=wires)


def bricks(weights: Tensor, n_layers: int) -> None:
    angles = iter(weights.unbind(-1))
    for _ in range(n_layers):
        for gate in (qml.RX, qml.RY):
            for wire in range(5):
                gate(next(angles), wires=wire)
        for wires in [(0, 1), (2, 3), (1, 2), (3, 4)]:
            qml.CZ(wires=wires)


def conv(c: int, t: int, a: Tensor, b: Tensor, d: Tensor) -> None:
    qml.RZ(-math.pi / 2, wires=t)
    qml.CNOT(wires=[t, c])
    qml.RZ(math.pi / 2 - 2 * a, wires=c)
    qml.RY(2 * b - math.pi / 2, wires=t)
    qml.CNOT(wires=[c, t])
    qml.RY(math.pi / 2 - 2 * d, wires=t)
    qml.CNOT(wires=[t, c])
    qml.RZ(math.pi / 2, wires=c)


def conv_and_phase(weights: Tensor, n_layers: int) -> None:
    angles = iter(weights.unbind(-1))
    for _ in range(n_layers):
        for c, t in [(0, 1), (2, 3), (1, 2), (3, 0)]:
            conv(c, t, next(angles), next(angles), next(angles))
        for wire in range(4):
            qml.Hadamard(wires=wire)
        for wire in range(3):
            qml.CZ(wires=[wire, wire + 1])
        for wire in range(4):
            qml.RX(next(angles), wires=wire)


def conv_and_grover(weights: Tensor, n_layers: int) -> None:
    angles = iter(weights.unbind(-1))
    for _ in range(n_layers):
        for c, t in [(0, 1), (2, 3), (1, 2), (3, 4), (4, 0)]:
            conv(c, t, next(angles), next(angles), next(angles))
        for wire in range(5):
            qml.Hadamard(wires=wire)
        first = torch.eye(32, dtype=torch.complex128)[0]
        qml.DiagonalQubitUnitary(torch.exp(1j * next(angles)[..., None] * first), wires=range(5))
        for wire in range(5):
            qml.Hadamard(wires=wire)


def cacioppo(weights: Tensor, n_layers: int) -> None:
    angles = iter(weights.unbind(-1))
    for index in range(n_layers):
        for wire in range(4):
            qml.Rot(next(angles), next(angles), next(angles), wires=wire)
        chain = [(2, 3), (1, 2), (0, 1)]
        for wires in chain if index % 2 == 0 else reversed(chain):
            qml.CNOT(wires=wires)


def strong(weights: Tensor, n_layers: int) -> None:
    qml.StronglyEntanglingLayers(weights.reshape(-1, n_layers, 4, 3), wires=range(4))


CASES = {
    "hqconv": (12, hqconv, hq),
    "fqconv": (12, fqconv, fq),
    "basic_entangling": (4, lambda n_layers: basic_entangling(4, n_layers), basic),
    "ladder_entangling": (4, lambda n_layers: ladder_entangling(4, n_layers), ladder),
    "cz_brickwork": (5, lambda n_layers: cz_brickwork(5, n_layers), bricks),
    "alternating_ladder": (4, lambda n_layers: alternating_ladder(4, n_layers), cacioppo),
    "strongly_entangling": (4, lambda n_layers: strongly_entangling(4, n_layers), strong),
    "conv_phase": (4, lambda n_layers: conv_phase(4, n_layers), conv_and_phase),
    "conv_grover": (5, lambda n_layers: conv_grover(5, n_layers), conv_and_grover),
}


def pennylane(ansatz, n_wires: int, n_layers: int, x: Tensor, weights: Tensor) -> Tensor:
    """x (N, n_wires) and weights (N, n_weights) → (N, n_wires), broadcast over N."""

    @qml.qnode(qml.device("default.qubit", wires=n_wires), interface="torch", diff_method="backprop")
    def circuit(x: Tensor, weights: Tensor):
        for wire in range(n_wires):
            qml.RX(x[:, wire], wires=wire)
        ansatz(weights, n_layers)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(n_wires)]

    return torch.stack(list(circuit(x, weights)), -1)


def value_and_gradients(function, cotangent: Tensor, *arguments: Tensor) -> list[Tensor]:
    arguments = tuple(a.detach().clone().requires_grad_() for a in arguments)
    value = function(*arguments)
    return [value.detach(), *torch.autograd.grad((value * cotangent).sum(), arguments)]


@pytest.mark.parametrize("n_circuits", [1, 13])
@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_equal_pennylane(name, n_layers, n_circuits, generator):
    n_wires, ours, theirs = CASES[name]
    layer = QuantumLayer(angle_encoding(n_wires, axis="x") >> ours(n_layers=n_layers), pauli_z("each"), n_circuits)
    weights = torch.rand(layer.weights.shape, generator=generator, dtype=torch.float64) * 2 * math.pi
    for batch in [(), (1,), (5, 3)]:
        x = torch.randn(*batch, n_circuits, n_wires, generator=generator, dtype=torch.float64) * 2
        cotangent = torch.randn(x.shape, generator=generator, dtype=torch.float64)

        def reference(x: Tensor, weights: Tensor) -> Tensor:
            rows = weights.expand(*x.shape[:-1], -1).flatten(0, -2)
            return pennylane(theirs, n_wires, n_layers, x.flatten(0, -2), rows).reshape(x.shape)

        expected = value_and_gradients(reference, cotangent, x, weights)
        for dtype, tolerance in [(torch.float64, 1e-10), (torch.float32, 1e-5)]:
            got = value_and_gradients(layer, cotangent.to(dtype), x.to(dtype), weights.to(dtype))
            for mine, other in zip(got, expected, strict=True):
                assert mine.dtype == dtype
                # A gradient summed over many samples is held to the tolerance relative to its own size.
                scale = max(1.0, float(other.abs().max()))
                assert torch.allclose(mine.double(), other, rtol=0, atol=tolerance * scale)
