"""The Fubini-Study metric against closed forms, autograd through the reference, and PennyLane."""

import math
from collections.abc import Callable
from dataclasses import replace

import pennylane as qml
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from circuit_strategies import open_circuits
from qdiffusion.circuits import (
    Circuit,
    FubiniStudy,
    Gate,
    angle_encoding,
    basic_entangling,
    circuit_of,
    cz_brickwork,
    fqconv,
    hqconv,
    input,
    ladder_entangling,
    measure,
    postselect,
    state_preparation,
    weight,
)
from qdiffusion.circuits.metric import repetition
from qdiffusion.circuits.reference import simulate_branches
from qdiffusion.errors import UsageError

F64 = torch.float64


def metric_of(circuit: Circuit, weights: Tensor, x: Tensor) -> Tensor:
    """For one set of weights (n_weights,) and one input (n_inputs,)."""
    return FubiniStudy(circuit)(weights.unsqueeze(0), x.unsqueeze(0))[0].squeeze(0)


def by_autograd(circuit: Circuit, weights: Tensor, x: Tensor) -> Tensor:
    """Re⟨∂iψ|∂jψ⟩ - Re(⟨∂iψ|ψ⟩⟨ψ|∂jψ⟩), ψ normalised, the branches of measurements one below the other."""

    def state(weights: Tensor) -> Tensor:
        psi = simulate_branches(circuit, x, weights).flatten()
        return torch.view_as_real(psi / psi.norm())

    psi = torch.view_as_complex(state(weights))
    jacobian = torch.autograd.functional.jacobian(state, weights, vectorize=True)
    slopes = torch.complex(jacobian[:, 0], jacobian[:, 1])
    berry = slopes.mH @ psi
    return (slopes.mH @ slopes - berry[:, None] * berry.conj()).real


def sample(circuit: Circuit, seed: int, *batch: int) -> Tensor:
    """Inputs (*batch, n_inputs); amplitudes are normalised."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.randn(*batch, circuit.n_inputs, dtype=F64, generator=generator)
    if not circuit.prepared:
        return x
    count = circuit.n_amplitudes
    psi = torch.randn(*batch, count, dtype=torch.complex128, generator=generator)
    return torch.cat([psi / psi.norm(dim=-1, keepdim=True), x[..., count:].to(psi.dtype)], -1)


def drawn(n_circuits: int, circuit: Circuit, seed: int = 7) -> Tensor:
    return 2 * torch.randn(n_circuits, circuit.n_weights, dtype=F64, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=80, deadline=None)
@given(open_circuits(), st.integers(0, 2**31))
def test_any_circuit_equals_autograd(circuit: Circuit, seed: int) -> None:
    """Shared and scaled weights, any controls, given matrices, preparations, post-selections, measurements."""
    weights, x = drawn(1, circuit, seed)[0], sample(circuit, seed + 1)
    assume(simulate_branches(circuit, x, weights).norm() > 1e-2)
    assert torch.allclose(metric_of(circuit, weights, x), by_autograd(circuit, weights, x), rtol=0, atol=1e-9)


def test_more_wires_than_one_sweep_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qdiffusion.circuits.vectors.seating.WHOLE_WIRES", 4)
    monkeypatch.setattr("qdiffusion.circuits.vectors.seating.SWEEP_WIRES", 4)
    ansatz = cz_brickwork(6, 2)
    shared = replace(ansatz, gates=tuple(_halved(gate) for gate in ansatz.gates), n_weights=12)
    circuit = angle_encoding(6, "y") >> shared >> angle_encoding(6) >> cz_brickwork(6, 1)
    weights, x = drawn(1, circuit)[0], sample(circuit, 3)
    assert torch.allclose(metric_of(circuit, weights, x), by_autograd(circuit, weights, x), rtol=0, atol=1e-9)


def _halved(gate: Gate) -> Gate:
    """Weight 2k + 1 becomes k, as does 2k."""
    return replace(gate, angle=gate.angle and replace(gate.angle, index=gate.angle.index // 2))


def rotations(n_wires: int, n_layers: int) -> Callable[[Tensor, Tensor], None]:
    def run(x: Tensor, weights: Tensor) -> None:
        angles = iter(weights)
        for wire in range(n_wires):
            qml.RX(x[wire], wires=wire)
        for _ in range(n_layers):
            for wire in range(n_wires):
                for gate in (qml.RZ, qml.RY, qml.RZ):
                    gate(next(angles), wires=wire)
            for wire in range(n_wires - 1):
                qml.CNOT(wires=[wire, wire + 1])

    return run


def convolution(x: Tensor, weights: Tensor) -> None:
    angles = iter(weights)
    for wire in range(4):
        qml.RX(x[wire], wires=wire)
    for wires in [(0, 3), (3, 2), (2, 1), (1, 0)]:
        qml.CRZ(next(angles), wires=wires)
        qml.CRX(next(angles), wires=wires)


def uploads(x: Tensor, weights: Tensor) -> None:
    for axis in (qml.RX, qml.RY):
        for wire in range(3):
            axis(x[wire], wires=wire)
        for wire in range(3):
            qml.RX(weights[wire], wires=wire)
        for wires in [(0, 1), (1, 2), (2, 0)]:
            qml.CNOT(wires=wires)


def repeated(x: Tensor, weights: Tensor) -> None:
    qml.RY(x[0], wires=0)
    qml.RX(2 * weights[0], wires=1)
    qml.CNOT(wires=[0, 1])
    qml.RZ(weights[1] + 0.3, wires=1)
    qml.RY(-0.5 * weights[0], wires=0)
    qml.CRX(weights[1], wires=[1, 0])


def _uploaded() -> Circuit:
    """The same weights after each of two encodings."""
    twice = angle_encoding(3) >> basic_entangling(3, 1) >> angle_encoding(3, "y") >> basic_entangling(3, 1)
    gates = [
        replace(g, angle=replace(g.angle, index=g.angle.index % 3)) if g.angle and g.angle.source == "weight" else g
        for g in twice.gates
    ]
    return circuit_of(3, gates, "uploads")


REPEATED = circuit_of(
    2,
    [
        Gate("ry", (0,), input(0)),
        Gate("rx", (1,), 2 * weight(0)),
        Gate("x", (1,), controls=(0,)),
        Gate("rz", (1,), weight(1) + 0.3),
        Gate("ry", (0,), -0.5 * weight(0)),
        Gate("rx", (0,), weight(1), controls=(1,)),
    ],
    "repeated",
)

PENNYLANE = {
    "hqconv": (angle_encoding(4) >> hqconv(1, n_channels=1), convolution),
    "ladder_entangling": (angle_encoding(3) >> ladder_entangling(3, 2), rotations(3, 2)),
    "uploads": (_uploaded(), uploads),
    "repeated": (REPEATED, repeated),
}


def auxiliary(circuit: qml.QNode) -> Callable[[Tensor], Tensor]:
    """By Hadamard tests. PennyLane 0.45's is wrong for controlled rotations: 0.084 for CRZ where its own adjoint method
    and finite differences of the state say 0.054.
    """
    return qml.metric_tensor(circuit, approx=None)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        *((qml.adjoint_metric_tensor, name) for name in PENNYLANE),
        *((auxiliary, name) for name in ("ladder_entangling", "uploads")),
    ],
)
def test_equals_pennylane(method: Callable[[qml.QNode], Callable[[Tensor], Tensor]], name: str) -> None:
    ours, theirs = PENNYLANE[name]
    weights, x = drawn(1, ours)[0], sample(ours, 5)

    @qml.qnode(qml.device("default.qubit", wires=ours.n_wires + 1), interface="torch")
    def circuit(weights: Tensor):
        theirs(x, weights)
        return qml.expval(qml.PauliZ(0))

    expected = method(circuit)(weights.clone().requires_grad_()).detach().double()
    assert torch.allclose(metric_of(ours, weights, x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ([Gate("ry", (0,), weight(0))], 1 / 4),
        ([Gate("rz", (0,), weight(0))], 0.0),
        ([Gate("h", (0,)), Gate("rz", (0,), weight(0))], 1 / 4),
        ([Gate("h", (0,)), Gate("p", (0,), weight(0))], 1 / 4),
        ([Gate("rx", (0,), 3 * weight(0) + 0.2)], 9 / 4),
        ([Gate("rx", (0,), weight(0)), Gate("ry", (1,), weight(0)), Gate("rx", (0,), weight(0))], 4 / 4 + 1 / 4),
        ([Gate("rx", (0,), weight(0)), Gate("rx", (0,), -weight(0))], 0.0),
    ],
)
def test_closed_forms(gates: list[Gate], expected: float) -> None:
    circuit = circuit_of(2, gates, "closed")
    found = metric_of(circuit, torch.tensor([0.7], dtype=F64), torch.empty(0, dtype=F64))
    assert found.item() == pytest.approx(expected, abs=1e-14)


def test_a_controlled_rotation_counts_by_its_controls_chance() -> None:
    """RX(x) on the control: g = sin²(x/2) / 4, in the mean over a batch."""
    circuit = circuit_of(2, [Gate("rx", (0,), input(0)), Gate("ry", (1,), weight(0), (0,))], "controlled")
    x = torch.linspace(-2, 3, 6, dtype=F64)
    found, counts = FubiniStudy(circuit)(torch.tensor([[0.4]], dtype=F64), x.view(6, 1, 1))
    assert found.item() == pytest.approx((x / 2).sin().square().mean().item() / 4, abs=1e-14)
    assert counts.tolist() == [6]


def test_measured_ancillas_belong_to_the_state_and_postselected_ones_do_not() -> None:
    """RY(θ) on the ancilla alone: 1/4 where it is measured, 0 where it is kept in |0⟩."""
    turned = circuit_of(2, [Gate("ry", (1,), weight(0))], "turned")
    angle = torch.tensor([0.7], dtype=F64)
    for last, expected in ((measure(1), 1 / 4), (postselect(1, 0), 0.0)):
        circuit = turned >> circuit_of(2, [last], "last")
        assert metric_of(circuit, angle, torch.empty(0, dtype=F64)).item() == pytest.approx(expected, abs=1e-14)


CIRCUITS = {
    "joined": angle_encoding(3) >> ladder_entangling(3, 2),
    "components": angle_encoding(12) >> fqconv(1),
    "prepared": state_preparation(3) >> cz_brickwork(3, 2),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_a_batchs_metric_is_the_mean_of_single_ones(name: str) -> None:
    circuit, batch = CIRCUITS[name], (2, 2)
    weights, x = drawn(2, circuit), sample(circuit, 1, *batch, 2)
    found, counts = FubiniStudy(circuit)(weights, x)
    for place, angles in enumerate(weights):
        single = [metric_of(circuit, angles, row) for row in x[..., place, :].flatten(0, 1)]
        assert torch.allclose(found[place], torch.stack(single).mean(0), rtol=0, atol=1e-12)
    assert counts.tolist() == [4, 4]


@pytest.mark.parametrize("extra", [(), (1,)])
def test_chosen_circuits_of_a_bank_have_a_mean_each(extra: tuple[int, ...]) -> None:
    circuit = CIRCUITS["joined"]
    weights, x, which = drawn(4, circuit), sample(circuit, 1, 7), torch.tensor([3, 0, 3, 1, 3, 0, 3])
    found, counts = FubiniStudy(circuit)(weights, x.view(7, *extra, -1), which)
    for place, angles in enumerate(weights):
        single = [metric_of(circuit, angles, row) for row in x[which == place]]
        mean = torch.stack(single).mean(0) if single else torch.zeros(circuit.n_weights, circuit.n_weights, dtype=F64)
        assert torch.allclose(found[place], mean, rtol=0, atol=1e-12)
    assert counts.tolist() == [2, 1, 0, 4]


@pytest.mark.parametrize("most", [1, 10_000])
def test_pieces_change_nothing(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = CIRCUITS["components"]
    weights, x, which = drawn(3, circuit), sample(circuit, 1, 5), torch.tensor([2, 0, 2, 2, 0])
    whole, _ = FubiniStudy(circuit)(weights, x, which)
    monkeypatch.setattr("qdiffusion.circuits.metric.AT_ONCE", most)
    assert torch.allclose(FubiniStudy(circuit)(weights, x, which)[0], whole, rtol=0, atol=1e-13)


def test_single_precision_stays_single() -> None:
    circuit = CIRCUITS["joined"]
    weights, x = drawn(1, circuit), sample(circuit, 1, 3, 1)
    found, _ = FubiniStudy(circuit)(weights.float(), x.float())
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), FubiniStudy(circuit)(weights, x)[0], rtol=0, atol=1e-6)


def test_no_sample_no_metric() -> None:
    circuit = CIRCUITS["joined"]
    found, counts = FubiniStudy(circuit)(drawn(2, circuit), sample(circuit, 1, 0, 2))
    assert not found.any()
    assert not counts.any()


@pytest.mark.parametrize(
    ("circuit", "expected"),
    [
        (angle_encoding(12) >> hqconv(3), 28),
        (fqconv(2), 24),
        (basic_entangling(4, 3), 4),
        (ladder_entangling(3, 2), 9),
        (cz_brickwork(3, 4), 6),
        (ladder_entangling(3, 1), 9),
        (angle_encoding(2) >> basic_entangling(2, 1) >> angle_encoding(2, "y") >> basic_entangling(2, 2), 2),
        (basic_entangling(2, 2) >> cz_brickwork(2, 1), 8),
        (angle_encoding(2), 1),
    ],
)
def test_repetitions_of_an_ansatz_are_found(circuit: Circuit, expected: int) -> None:
    assert repetition(circuit) == expected


@pytest.mark.parametrize(
    ("weights", "x", "which", "sentence"),
    [
        ((2, 18), (5, 3, 3), None, r"x of shape \(5, 3, 3\); it takes \(C, 18\) and \(\*batch, C, 3\)"),
        ((2, 17), (5, 2, 3), None, r"got weights of shape \(2, 17\)"),
        ((2, 18), (5, 2, 4), None, r"x of shape \(5, 2, 4\)"),
        ((2, 18), (5, 3), [0, 1], r"x of shape \(5, 3\) for \(2,\) chosen circuits"),
        ((2, 18), (2, 3), [0, 2], "circuits 0 to 2 of a bank that has 0 to 1"),
        ((2, 18), (2, 3), [-1, 1], "circuits -1 to 1 of a bank that has 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    weights: tuple[int, ...], x: tuple[int, ...], which: list[int] | None, sentence: str
) -> None:
    metric = FubiniStudy(CIRCUITS["joined"])
    with pytest.raises(UsageError, match=sentence):
        metric(torch.zeros(weights), torch.zeros(x), None if which is None else torch.tensor(which))


def test_a_state_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(UsageError, match=r"metric of 240 weights on 40 joined wires needs .* PB, .*fewer wires"):
        FubiniStudy(ladder_entangling(40, 2))
    assert math.isfinite(
        float(
            FubiniStudy(angle_encoding(40) >> circuit_of(40, [Gate("ry", (7,), weight(0))], "one"))(
                torch.zeros(1, 1), torch.ones(1, 1, 40)
            )[0]
        )
    )
