"""How fast is one circuit of 12 qubits and 3 layers, forward and with both gradients, beside every peer?

HQConv and FQConv (De Falco et al. 2024), batch 128, gradients of inputs and angles, float32. Values and gradients are
compared first. Each peer has a process of its own; they take turns in rounds, with all cores.
"""

from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

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
    timed,
)
from peers import PEERS, ours
from problem import Answer, Problem, check

OURS = "qdiffusion"
LEAST_RATIO = {"hqconv": 40.0, "fqconv": 100.0}


class First(NamedTuple):
    """What a peer hands over: the answer to compare, for so many samples, and the seconds of its first calls."""

    answer: Answer
    samples: int
    seconds: float


def prepare(name: str, problem: Problem) -> Ready:
    """Runs in the peer's process."""
    torch.set_num_threads(cores())
    peer = PEERS[name]
    part = problem.first(peer.most_samples or problem.batch)
    engine = peer.build(part)
    answers: list[Answer] = []
    seconds = timed(engine.forward) + timed(lambda: answers.append(engine.gradients()))
    return Ready(First(answers[0], part.batch, seconds), {"forward": engine.forward, "gradients": engine.gradients})


def rows_of(names: list[str], problem: Problem, rounds: Rounds) -> list[dict[str, Any]]:
    """A row for each peer on one problem, compared with qdiffusion in float64 before anything is timed.

    `compile_s` is what the first calls took beyond later ones. Where only some samples were run, `samples` says how
    many, and the times are scaled to the batch.
    """
    with ExitStack() as stack:
        sides = {name: stack.enter_context(Side(prepare, name, problem)) for name in names}
        for name, side in sides.items():
            check(name, side.given.answer, ours(problem.first(side.given.samples), torch.float64).gradients())
        forward, gradients = (
            take_turns({name: partial(side.turn, call, rounds.seconds) for name, side in sides.items()}, rounds.count)
            for call in ("forward", "gradients")
        )
    rows = []
    for name, side in sides.items():
        scale = problem.batch / side.given.samples
        rows.append(
            {
                "peer": name,
                "ansatz": problem.ansatz,
                "batch": problem.batch,
                "circuits": problem.n_circuits,
                "samples": side.given.samples,
                "forward_s": forward[name].scaled(scale),
                "gradients_s": gradients[name].scaled(scale),
                "compile_s": max(0.0, side.given.seconds - forward[name].median - gradients[name].median),
            }
        )
    return rows


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row with its `ratio`: how many times longer than qdiffusion it takes with gradients."""
    own = {row["ansatz"]: row["gradients_s"] for row in rows if row["peer"] == OURS}
    return [{**row, "ratio": row["gradients_s"].over(own[row["ansatz"]])} for row in rows]


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """qdiffusion against the fastest peer, for each ansatz."""
    found = []
    for ansatz, least in LEAST_RATIO.items():
        others = {row["peer"]: row["ratio"] for row in rows if row["ansatz"] == ansatz and row["peer"] != OURS}
        if others:
            fastest = min(others, key=lambda name: others[name])
            found.append(Bar(f"{ansatz}: times faster than {fastest}", others[fastest], least, "higher"))
    return found


def chosen(words: list[str]) -> list[str]:
    """qdiffusion, and the peers whose names have one of the words in them."""
    unknown = [word for word in words if not any(word.lower() in name.lower() for name in PEERS)]
    if unknown:
        raise SystemExit(f"No peer is named {', '.join(unknown)}; there are: {'; '.join(PEERS)}.")
    return [name for name in PEERS if name == OURS or any(word.lower() in name.lower() for word in words)]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--peers", nargs="+", default=list(PEERS), help="words from the names of those to run")
    options.add_argument("--ansatz", nargs="+", choices=tuple(LEAST_RATIO), default=list(LEAST_RATIO))
    args = options.parse_args()
    batch, rounds = (4, QUICK_ROUNDS) if args.quick else (128, FULL_ROUNDS)
    names = chosen(args.peers)
    present = [name for name in names if not PEERS[name].missing]
    skipped = [f"{name}: not installed: {', '.join(PEERS[name].missing)}" for name in names if name not in present]
    rows = with_ratios([row for ansatz in args.ansatz for row in rows_of(present, Problem(ansatz, batch), rounds)])
    question = "One circuit of 12 qubits and 3 layers, forward and both gradients, beside every peer"
    publish(report(question, rows, bars(rows), skipped, quick=args.quick), args.out)


if __name__ == "__main__":
    main()
