"""How fast is one circuit of 12 qubits and 3 layers, forward and with both gradients, beside every peer?

HQConv and FQConv (De Falco et al. 2024), batch 128, gradients of inputs and angles, float32. Values and gradients are
compared first; each peer runs in a process of its own, one after another, with all cores.
"""

from dataclasses import dataclass
from typing import Any

import torch
from harness import FULL, QUICK, Bar, Effort, Timing, arguments, cores, in_child, measure, publish, report, timed
from peers import PEERS, ours
from problem import Answer, Problem, check

OURS = "qdiffusion"
LEAST_RATIO = {"hqconv": 40.0, "fqconv": 100.0}


@dataclass(frozen=True)
class Measured:
    """What a child process hands back: the answer to compare, then the times of the samples it ran."""

    answer: Answer
    samples: int
    forward: Timing
    gradients: Timing
    first_calls: float


def measure_peer(name: str, problem: Problem, effort: Effort) -> Measured:
    """Runs in the child."""
    torch.set_num_threads(cores())
    peer = PEERS[name]
    part = problem.first(peer.most_samples or problem.batch)
    engine = peer.build(part)
    answers: list[Answer] = []
    first = timed(engine.forward) + timed(lambda: answers.append(engine.gradients()))
    forward, gradients = measure(engine.forward, effort), measure(engine.gradients, effort)
    return Measured(answers[0], part.batch, forward, gradients, first)


def row(name: str, problem: Problem, effort: Effort) -> dict[str, Any]:
    """One peer on one problem, compared with qdiffusion in float64 before anything is reported.

    `compile_s` is what the first calls took beyond later ones. Where only some samples were run, `samples` says how
    many, and the times are scaled to the batch.
    """
    found = in_child(measure_peer, name, problem, effort)
    check(name, found.answer, ours(problem.first(found.samples), torch.float64).gradients())
    scale = problem.batch / found.samples
    return {
        "peer": name,
        "ansatz": problem.ansatz,
        "batch": problem.batch,
        "circuits": problem.n_circuits,
        "samples": found.samples,
        "forward_s": found.forward.scaled(scale),
        "gradients_s": found.gradients.scaled(scale),
        "compile_s": max(0.0, found.first_calls - found.forward.median - found.gradients.median),
    }


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row with its `ratio`: how many times longer than qdiffusion it takes with gradients."""
    own = {row["ansatz"]: row["gradients_s"].median for row in rows if row["peer"] == OURS}
    return [{**row, "ratio": row["gradients_s"].median / own[row["ansatz"]]} for row in rows]


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """qdiffusion against the fastest peer, for each ansatz."""
    found = []
    for ansatz, least in LEAST_RATIO.items():
        others = {row["peer"]: row["ratio"] for row in rows if row["ansatz"] == ansatz and row["peer"] != OURS}
        if others:
            fastest = min(others, key=lambda name: others[name])
            found.append(Bar(f"{ansatz}: times faster than {fastest}", others[fastest], least, "higher"))
    return found


def main() -> None:
    options = arguments(__doc__)
    batch, effort = (4, QUICK) if options.quick else (128, FULL)
    present = [name for name, peer in PEERS.items() if not peer.missing]
    skipped = [f"{name}: not installed: {', '.join(p.missing)}" for name, p in PEERS.items() if p.missing]
    problems = [Problem(ansatz, batch) for ansatz in LEAST_RATIO]
    rows = with_ratios([row(name, problem, effort) for problem in problems for name in present])
    question = "One circuit of 12 qubits and 3 layers, forward and both gradients, beside every peer"
    publish(report(question, rows, bars(rows), skipped, quick=options.quick), options.out)


if __name__ == "__main__":
    main()
