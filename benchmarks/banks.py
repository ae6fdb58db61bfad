"""What does a circuit cost in a bank of 13, and in a sliding pass of 25,000 circuits of one set of angles?

A bank of 13 circuits at batch 128 is the full vertex of a QVU-Net; 25,088 = 4 passes × 128 images × 49 patches is a
training step of a QuanvU-Net. Forward and both gradients, 12 qubits, 3 layers, float32. Values and gradients of some
samples are first compared with plain torch, gate by gate, in float64.
"""

from typing import Any

import torch
from harness import FULL, QUICK, Bar, Effort, Timing, cores, in_child, measure, parser, publish, report
from peers import ours, plain_torch
from problem import Answer, Problem, check

MOST_MICROSECONDS = {"hqconv": 40.0, "fqconv": 6.0}
MOST_SECONDS = {"hqconv": 0.7, "fqconv": 0.12}
COMPARED_SAMPLES = 2


def measure_ours(problem: Problem, effort: Effort) -> tuple[Answer, Timing, Timing]:
    """Runs in the child: the answer for the first samples, then the times of all."""
    torch.set_num_threads(cores())
    answer = ours(problem.first(COMPARED_SAMPLES)).gradients()
    engine = ours(problem)
    return answer, measure(engine.forward, effort), measure(engine.gradients, effort)


def row(problem: Problem, effort: Effort) -> dict[str, Any]:
    """The times of one problem."""
    answer, forward, gradients = in_child(measure_ours, problem, effort)
    check("plain torch", plain_torch(problem.first(COMPARED_SAMPLES), torch.float64).gradients(), answer)
    return {
        "peer": "qdiffusion",
        "ansatz": problem.ansatz,
        "batch": problem.batch,
        "circuits": problem.n_circuits,
        "forward_s": forward,
        "gradients_s": gradients,
        "microseconds_a_circuit": gradients.median / (problem.batch * problem.n_circuits) * 1e6,
    }


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """Microseconds a circuit in banks, seconds in sliding passes."""
    found = []
    for entry in rows:
        ansatz = entry["ansatz"]
        if entry["circuits"] > 1:
            value, most = entry["microseconds_a_circuit"], MOST_MICROSECONDS[ansatz]
            found.append(Bar(f"{ansatz}: µs a circuit in banks of {entry['circuits']}", value, most, "lower"))
        else:
            what = f"{ansatz}: seconds for {entry['batch']} circuits of one set of angles"
            found.append(Bar(what, entry["gradients_s"].median, MOST_SECONDS[ansatz], "lower"))
    return found


def main() -> None:
    options = parser(__doc__).parse_args()
    sizes, effort = ([(4, 13), (98, 1)], QUICK) if options.quick else ([(128, 13), (25_088, 1)], FULL)
    rows = [row(Problem(ansatz, *size), effort) for ansatz in MOST_SECONDS for size in sizes]
    question = "Circuits in banks of 13, and 25,088 circuits of one set of angles, forward and both gradients"
    publish(report(question, rows, bars(rows), [], quick=options.quick), options.out)


if __name__ == "__main__":
    main()
