"""Dense circuits against PennyLane lightning.qubit with adjoint: time of forward and all gradients, and peak memory.

Random brickwork: RY(input) on every wire, then layers of RX, RZ on every wire and a brick layer of CNOT. Values and
gradients are compared before any time is printed. Each side's peak memory is read in a fresh child process.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from harness import FULL, QUICK, Bar, Timing, measure, publish, report

if TYPE_CHECKING:
    from qdiffusion.circuits import QuantumLayer

Result = tuple[np.ndarray, np.ndarray]
"""Values (batch, outputs) and the gradient of their sum by the weights."""


def gates(n_wires: int, n_layers: int) -> list[tuple[str, tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...]]] = []
    for layer in range(n_layers):
        found += [(name, (wire,)) for wire in range(n_wires) for name in ("rx", "rz")]
        found += [("cnot", (wire, wire + 1)) for wire in range(layer % 2, n_wires - 1, 2)]
    return found


def angles(args: argparse.Namespace) -> Result:
    random = np.random.default_rng(0)
    shapes = (args.batch, args.qubits), (2 * args.qubits * args.layers,)
    x, weights = (random.uniform(0, 2 * np.pi, shape).astype(np.float32) for shape in shapes)
    return x, weights


def layer_of(args: argparse.Namespace) -> "QuantumLayer":
    from qdiffusion.circuits import Gate, QuantumLayer, angle_encoding, circuit_of, pauli_sum, pauli_z, weight

    found, index = [], 0
    for name, wires in gates(args.qubits, args.layers):
        if name == "cnot":
            found.append(Gate("x", wires[1:], controls=wires[:1]))
        else:
            found.append(Gate(name, wires, weight(index)))
            index += 1
    total = {"I" * wire + "Z" + "I" * (args.qubits - wire - 1): 1.0 for wire in range(args.qubits)}
    observable = pauli_sum(total) if args.observable == "sum" else pauli_z("each")
    return QuantumLayer(
        angle_encoding(args.qubits, axis="y") >> circuit_of(args.qubits, found, "brickwork"), observable
    )


def explained(args: argparse.Namespace) -> str:
    """How our plan computes the circuit."""
    return layer_of(args).plan.explain().splitlines()[-1].split(": ", 1)[1].split(",")[0]


def ours(args: argparse.Namespace) -> Callable[[], Result]:
    layer = layer_of(args)
    x, weights = (torch.from_numpy(array).unsqueeze(-2) for array in angles(args))

    def run() -> Result:
        leaf = weights.clone().requires_grad_()
        values = layer(x, leaf)
        (gradient,) = torch.autograd.grad(values.sum(), leaf)
        return values.detach().squeeze(1).numpy(), gradient.flatten().numpy()

    return run


def lightning(args: argparse.Namespace) -> Callable[[], Result]:
    import pennylane as qml

    device = qml.device("lightning.qubit", wires=args.qubits, c_dtype=np.complex64)

    @qml.qnode(device, interface="torch", diff_method="adjoint")
    def circuit(x: torch.Tensor, weights: torch.Tensor) -> object:
        free = iter(weights)
        for wire in range(args.qubits):
            qml.RY(x[wire], wires=wire)
        for name, wires in gates(args.qubits, args.layers):
            if name == "cnot":
                qml.CNOT(wires=wires)
            else:
                {"rx": qml.RX, "rz": qml.RZ}[name](next(free), wires=wires)
        paulis = [qml.PauliZ(wire) for wire in range(args.qubits)]
        return [qml.expval(qml.sum(*paulis))] if args.observable == "sum" else [qml.expval(p) for p in paulis]

    x, weights = map(torch.from_numpy, angles(args))

    def run() -> Result:
        leaf = weights.clone().requires_grad_()
        values = torch.stack([torch.stack(list(circuit(row, leaf))) for row in x])
        (gradient,) = torch.autograd.grad(values.sum(), leaf)
        return values.detach().numpy(), gradient.numpy()

    return run


SIDES = {"ours": ours, "lightning": lightning}


def child(args: argparse.Namespace) -> None:
    """One side in this process: prints seconds of each run and the peak above what importing and building took."""
    run = SIDES[args.side](args)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values, gradient = run()
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) * 1024
    time = measure(run, QUICK if args.quick else FULL)
    states = peak / (args.batch * 2**args.qubits * 8)
    record = {"time": asdict(time), "peak_states": states, "values": values.tolist(), "gradient": gradient.tolist()}
    print(json.dumps(record))


def row(args: argparse.Namespace) -> dict[str, Any]:
    """Both sides, each in a fresh process; nothing is returned where they differ."""
    found = {}
    for side in SIDES:
        command = [sys.executable, __file__, "--side", side, "--observable", args.observable]
        for name in ("qubits", "batch", "layers"):
            command += [f"--{name}", str(getattr(args, name))]
        command += ["--quick"] if args.quick else []
        found[side] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for key in ("values", "gradient"):
        mine, theirs = (np.array(found[side][key]) for side in SIDES)
        worst = float(np.abs(mine - theirs).max() / max(1.0, np.abs(theirs).max()))
        if not worst < 1e-4:
            raise SystemExit(f"The {key} differ by {worst:.1e}; no time is reported.")
    mine, theirs = found["ours"], found["lightning"]
    return {
        "qubits": args.qubits,
        "batch": args.batch,
        "layers": args.layers,
        "observable": args.observable,
        "way": explained(args),
        "gradients_s": Timing(**mine["time"]),
        "lightning_gradients_s": Timing(**theirs["time"]),
        "peak_states": round(mine["peak_states"], 2),
        "lightning_peak_states": round(theirs["peak_states"], 2),
        "ratio": theirs["time"]["median"] / mine["time"]["median"],
    }


def bars(rows: Sequence[dict[str, Any]]) -> list[Bar]:
    """Never slower than lightning one sample at a time, three times faster in batches of 64."""
    least = {1: 1.0, 64: 3.0}
    named = [(f"{row['qubits']} qubits, batch {row['batch']}: times lightning", row) for row in rows]
    return [Bar(what, row["ratio"], least[row["batch"]], "higher") for what, row in named if row["batch"] in least]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qubits", type=int, nargs="+", default=[10, 12, 14, 16, 18, 20, 22])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--most-amplitudes", type=int, default=1 << 22, help="leave out larger batches of states")
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--observable", choices=("sum", "each"), default="sum")
    parser.add_argument("--quick", action="store_true", help="a small size, once; no bar is judged")
    parser.add_argument("--side", choices=tuple(SIDES), help="run one side only, in this process")
    parser.add_argument("--out", type=Path, help="write the JSON to this file")
    args = parser.parse_args()
    sizes = [(qubits, batch) for batch in args.batch for qubits in args.qubits]
    cases = [argparse.Namespace(**{**vars(args), "qubits": q, "batch": b}) for q, b in sizes]
    if args.side:
        return child(cases[0])
    kept = [case for case in cases if case.batch << case.qubits <= args.most_amplitudes]
    left = [f"{case.qubits} qubits, batch {case.batch}" for case in cases if case not in kept]
    rows = [row(case) for case in (kept[:1] if args.quick else kept)]
    question = (
        "Random brickwork of 10 to 22 qubits: forward and gradients of all weights, against lightning.qubit's adjoint"
    )
    publish(report(question, rows, bars(rows), left, quick=args.quick), args.out)


if __name__ == "__main__":
    main()
