"""Dense circuits against PennyLane lightning.qubit with adjoint: time of forward and all gradients, and peak memory.

RY(input) on every wire, then layers of one-wire gates on every wire and a brick layer of two-wire gates. Two kinds:

- "generic" has one of RX, RY, RZ on a wire, RXX·RZZ or CRX on a pair, by chance, and reads the parity of all wires:
  no cluster and no light cone is small, so that the plan is a state vector.
- "cnot" has RX, RZ and CNOT and reads the sum of ⟨Z⟩, which a plan may cut into clusters or light cones.

Six layers are the first to reach 200 gates at 20 qubits. Both sides give values and gradients by inputs and weights in
complex64; they are compared before anything is timed. Each has a process of its own, and they take turns in rounds.
lightning.qubit takes a batch one sample after another: some are run, and the time scaled.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
from harness import (
    FULL_ROUNDS,
    QUICK_ROUNDS,
    Bar,
    Ready,
    Rounds,
    Side,
    cores,
    parser,
    publish,
    report,
    take_turns,
)
from problem import Answer, check

if TYPE_CHECKING:
    from qdiffusion.circuits import Circuit, QuantumLayer

LEAST_RATIO = {1: 1.0, 64: 3.0}
"""Batch size → how much faster than lightning.qubit we must be."""

MOST_STATES = 6.0
MEMORY_QUBITS = 20
FEW_FROM = 20
"""From so many qubits on, calls take seconds, and there are five rounds only."""

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
    def rounds(self) -> Rounds:
        return FULL_ROUNDS if self.qubits < FEW_FROM else replace(FULL_ROUNDS, count=5)


class First(NamedTuple):
    """What a side hands over: the answer for the first samples, to compare, and the peak memory in states."""

    answer: Answer
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


def prepare(side: str, case: Case, compared: int) -> Ready:
    """Runs in the side's process. What importing, building and a first small circuit take is no part of the peak."""
    torch.set_num_threads(cores())
    SIDES[side](replace(case, qubits=WARM_UP_QUBITS, batch=1))()
    run = SIDES[side](case)
    base = memory("VmRSS")
    answer = run()
    top = memory("VmHWM")
    states = None if base is None or top is None else (top - base) / (case.batch * 2**case.qubits * 8)
    if compared < case.batch:
        answer = SIDES[side](replace(case, batch=compared))()
    return Ready(First(answer, states), {"gradients": run})


def explained(case: Case) -> str:
    """How our plan computes the circuit."""
    return layer_of(case).plan.explain().splitlines()[-1].split(": ", 1)[1].split(",")[0]


def rows_of(case: Case, ways: Sequence[Way], quick: bool) -> list[dict[str, Any]]:
    """A row for each of our ways of computing the case; ends the benchmark where the sides differ."""
    rounds = QUICK_ROUNDS if quick else case.rounds
    part = replace(case, batch=min(case.batch, LIGHTNING_SAMPLES))
    cases: dict[str, Case] = {way: replace(case, way=way) for way in ways}
    with ExitStack() as stack:
        lightning_side = stack.enter_context(Side(prepare, "lightning", part, part.batch))
        sides = {way: stack.enter_context(Side(prepare, "ours", own, part.batch)) for way, own in cases.items()}
        for way, side in sides.items():
            check(f"lightning.qubit ({cases[way]})", lightning_side.given.answer, side.given.answer)
        turns = {name: partial(side.turn, "gradients", rounds.seconds) for name, side in sides.items()}
        turns["lightning"] = partial(lightning_side.turn, "gradients", rounds.seconds)
        times = take_turns(turns, rounds.count)
    theirs = times["lightning"].scaled(case.batch / part.batch)
    return [
        {
            **asdict(cases[way]),
            "gates": len(circuit_of_case(case).gates),
            "plan": explained(cases[way]),
            "gradients_s": times[way],
            "lightning_gradients_s": theirs,
            "lightning_samples": part.batch,
            "ratio": theirs.over(times[way]),
            "peak_states": side.given.peak_states,
            "lightning_peak_states": lightning_side.given.peak_states,
        }
        for way, side in sides.items()
    ]


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
    options = parser(__doc__)
    options.add_argument("--kind", nargs="+", choices=("generic", "cnot"), default=["generic"])
    options.add_argument("--way", nargs="+", choices=("auto", "adjoint"), default=["auto"])
    options.add_argument("--qubits", type=int, nargs="+", default=[10, 12, 14, 16, 18, 20, 22])
    options.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    options.add_argument("--layers", type=int, default=6)
    options.add_argument("--most-amplitudes", type=int, default=1 << 26, help="leave out larger batches of states")
    args = options.parse_args()
    cases = [Case(k, q, b, args.layers, "auto") for k in args.kind for b in args.batches for q in args.qubits]
    kept = [case for case in cases if case.batch << case.qubits <= args.most_amplitudes]
    left = [
        f"{case.kind}, {case.qubits} qubits, batch {case.batch}: too many amplitudes"
        for case in cases
        if case not in kept
    ]
    rows = [row for case in (kept[:1] if args.quick else kept) for row in rows_of(case, args.way, args.quick)]
    question = "Dense circuits of 10 to 22 qubits: forward and all gradients, against lightning.qubit's adjoint"
    publish(report(question, rows, bars(rows), left, quick=args.quick), args.out)


if __name__ == "__main__":
    main()
