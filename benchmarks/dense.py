"""Dense circuits against PennyLane lightning.qubit with adjoint: time of forward and all gradients, and peak memory.

RY(input) on every wire, then layers of one-wire gates on every wire and a brick layer of two-wire gates. Two kinds:

- "generic" has one of RX, RY, RZ on a wire, RXX·RZZ or CRX on a pair, by chance, and reads the parity of all wires:
  no cluster and no light cone is small, so that the plan is a state vector.
- "cnot" has RX, RZ and CNOT and reads the sum of ⟨Z⟩, which a plan may cut into clusters or light cones.

Six layers are the first to reach 200 gates at 20 qubits. Both sides give values and gradients by inputs and weights in
complex64; they are compared before any time is printed, each in a fresh process. lightning.qubit takes a batch one
sample after another: some are run, and the time scaled.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from harness import FULL, QUICK, Bar, Effort, Timing, cores, in_child, measure, publish, report
from problem import Answer, check

if TYPE_CHECKING:
    from qdiffusion.circuits import Circuit, QuantumLayer

LEAST_RATIO = {1: 1.0, 64: 3.0}
"""Batch size → how much faster than lightning.qubit we must be."""

MOST_STATES = 6.0
MEMORY_QUBITS = 20
ONCE_FROM = 20
"""From so many qubits on, calls take seconds and are repeated twice only."""

LIGHTNING_SAMPLES = 4
WARM_UP_QUBITS = 14
"""Enough for the libraries to load the code that larger circuits use; its states are 128 kB."""


Way = Literal["auto", "adjoint"]


@dataclass(frozen=True)
class Case:
    """A circuit, a batch, and how we compute it: "auto" is what the plan chooses, "adjoint" a state vector."""

    kind: str
    qubits: int
    batch: int
    layers: int
    way: Way

    @property
    def effort(self) -> Effort:
        return FULL if self.qubits < ONCE_FROM else Effort(repeats=2, seconds=0.0)


@dataclass(frozen=True)
class Measured:
    """What a child process hands back: an answer to compare, the times of a call, and the peak memory in states."""

    answer: Answer
    time: Timing
    peak_states: float | None


def circuit_of_case(case: Case) -> "Circuit":
    from qdiffusion.circuits import Angle, Gate, angle_encoding, circuit_of, weight

    random, found = np.random.default_rng(0), list[Gate]()

    def fresh() -> Angle:
        return weight(sum(gate.angle is not None for gate in found))

    for layer in range(case.layers):
        for wire in range(case.qubits):
            names = ("rx", "rz") if case.kind == "cnot" else (str(random.choice(["rx", "ry", "rz"])),)
            for name in names:
                found.append(Gate(name, (wire,), fresh()))
        for pair in zip(range(layer % 2, case.qubits - 1, 2), range(layer % 2 + 1, case.qubits, 2), strict=True):
            if case.kind == "cnot":
                found.append(Gate("x", pair[1:], controls=pair[:1]))
            elif random.random() < 0.5:
                found.append(Gate("rx", pair[1:], fresh(), pair[:1]))
            else:
                found.append(Gate("rxx", pair, fresh()))
                found.append(Gate("rzz", pair, fresh()))
    return angle_encoding(case.qubits, axis="y") >> circuit_of(case.qubits, found, case.kind)


def layer_of(case: Case) -> "QuantumLayer":
    from qdiffusion.circuits import QuantumLayer, pauli_sum

    singles = {"I" * wire + "Z" + "I" * (case.qubits - wire - 1): 1.0 for wire in range(case.qubits)}
    observable = pauli_sum({"Z" * case.qubits: 1.0} if case.kind == "generic" else singles)
    return QuantumLayer(circuit_of_case(case), observable, differentiation=case.way)


def angles(case: Case, n_weights: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The same first samples at every batch size."""
    random = np.random.default_rng(1)
    weights = random.uniform(0, 2 * np.pi, n_weights).astype(np.float32)
    x = random.uniform(0, 2 * np.pi, (case.batch, case.qubits)).astype(np.float32)
    return torch.from_numpy(x).requires_grad_(), torch.from_numpy(weights).requires_grad_()


def answer_of(values: torch.Tensor, x: torch.Tensor, weights: torch.Tensor) -> Answer:
    gradients = torch.autograd.grad(values.sum(), [x, weights])
    return Answer(values.detach().flatten().numpy(), *(gradient.numpy() for gradient in gradients))


def ours(case: Case) -> Callable[[], Answer]:
    layer = layer_of(case)
    x, weights = angles(case, layer.circuit.n_weights)
    return lambda: answer_of(layer(x.unsqueeze(1), weights.unsqueeze(0)), x, weights)


def lightning(case: Case) -> Callable[[], Answer]:
    import pennylane as qml

    device = qml.device("lightning.qubit", wires=case.qubits, c_dtype=np.complex64)
    circuit = circuit_of_case(case)
    names = {"rx": qml.RX, "ry": qml.RY, "rz": qml.RZ, "rxx": qml.IsingXX, "rzz": qml.IsingZZ}

    @qml.qnode(device, interface="torch", diff_method="adjoint")
    def run(x: torch.Tensor, weights: torch.Tensor) -> object:
        for gate in circuit.gates:
            if gate.angle is None:
                qml.CNOT(wires=gate.wires)
                continue
            angle = (x if gate.angle.source == "input" else weights)[gate.angle.index]
            (qml.CRX if gate.controls else names[gate.name])(angle, wires=gate.wires)
        join = qml.prod if case.kind == "generic" else qml.sum
        return qml.expval(join(*map(qml.PauliZ, range(case.qubits))))

    x, weights = angles(case, circuit.n_weights)
    return lambda: answer_of(torch.stack([run(row, weights) for row in x]), x, weights)


SIDES = {"ours": ours, "lightning": lightning}


def memory(field: str) -> int | None:
    """Bytes of `field` in Linux's account of this process, which starts anew with the process; None elsewhere."""
    path = Path("/proc/self/status")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


def measure_side(side: str, case: Case, effort: Effort) -> Measured:
    """Runs in the child. What importing, building and a first small circuit take is no part of the peak."""
    torch.set_num_threads(cores())
    SIDES[side](replace(case, qubits=WARM_UP_QUBITS, batch=1))()
    run = SIDES[side](case)
    base = memory("VmRSS")
    answer = run()
    top = memory("VmHWM")
    states = None if base is None or top is None else (top - base) / (case.batch * 2**case.qubits * 8)
    return Measured(answer, measure(run, effort), states)


def explained(case: Case) -> str:
    """How our plan computes the circuit."""
    return layer_of(case).plan.explain().splitlines()[-1].split(": ", 1)[1].split(",")[0]


def rows_of(case: Case, ways: Sequence[Way], quick: bool) -> list[dict[str, Any]]:
    """A row for each of our ways of computing the case; ends the benchmark where the sides differ."""
    effort = QUICK if quick else case.effort
    part = replace(case, batch=min(case.batch, LIGHTNING_SAMPLES))
    theirs = in_child(measure_side, "lightning", part, effort)
    scaled = theirs.time.scaled(case.batch / part.batch)
    rows = []
    for way in ways:
        own = replace(case, way=way)
        mine = in_child(measure_side, "ours", own, effort)
        first = mine if part == case else in_child(measure_side, "ours", replace(part, way=way), QUICK)
        check(f"lightning.qubit ({own})", theirs.answer, first.answer)
        rows.append(
            {
                **asdict(own),
                "gates": len(circuit_of_case(case).gates),
                "plan": explained(own),
                "gradients_s": mine.time,
                "lightning_gradients_s": scaled,
                "lightning_samples": part.batch,
                "ratio": scaled.median / mine.time.median,
                "peak_states": mine.peak_states,
                "lightning_peak_states": theirs.peak_states,
            }
        )
    return rows


def bars(rows: Sequence[dict[str, Any]]) -> list[Bar]:
    """Never slower than lightning one sample at a time, three times faster in batches of 64; six states a sample."""
    found = []
    for row in rows:
        name = f"{row['kind']}, {row['way']}, {row['qubits']} qubits, batch {row['batch']}"
        if row["batch"] in LEAST_RATIO:
            found.append(Bar(f"{name}: times lightning", row["ratio"], LEAST_RATIO[row["batch"]], "higher"))
        if row["qubits"] == MEMORY_QUBITS and row["peak_states"] is not None:
            found.append(Bar(f"{name}: states a sample", row["peak_states"], MOST_STATES, "lower"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", nargs="+", choices=("generic", "cnot"), default=["generic"])
    parser.add_argument("--way", nargs="+", choices=("auto", "adjoint"), default=["auto"])
    parser.add_argument("--qubits", type=int, nargs="+", default=[10, 12, 14, 16, 18, 20, 22])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--most-amplitudes", type=int, default=1 << 26, help="leave out larger batches of states")
    parser.add_argument("--quick", action="store_true", help="a small size, once; no bar is judged")
    parser.add_argument("--out", type=Path, help="write the JSON to this file")
    args = parser.parse_args()
    cases = [Case(k, q, b, args.layers, "auto") for k in args.kind for b in args.batch for q in args.qubits]
    kept = [case for case in cases if case.batch << case.qubits <= args.most_amplitudes]
    left = [f"{case.kind}, {case.qubits} qubits, batch {case.batch}" for case in cases if case not in kept]
    rows = [row for case in (kept[:1] if args.quick else kept) for row in rows_of(case, args.way, args.quick)]
    question = "Dense circuits of 10 to 22 qubits: forward and all gradients, against lightning.qubit's adjoint"
    publish(report(question, rows, bars(rows), left, quick=args.quick), args.out)


if __name__ == "__main__":
    main()
