"""What does a training step of a measured chain cost: QuDDPM's circuit of one qubit and one ancilla, 100 states?

A step is the fidelity-kernel MMD of the outcomes from the data, its gradient, and fused Adam. The peer computes the
same in PennyLane: default.qubit with torch, both outcomes projected out of the final states; all states broadcast, and
one state after the other. Loss and gradient are compared before anything is timed; the sides take turns.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pennylane as qml
import torch
from harness import Bar, Timing, in_child, parser, publish, report, take_turns, timed
from torch import Tensor

from qdiffusion.models.chain import ChainDenoiser
from qdiffusion.states import cluster, derived, haar, mmd

STATES, N_LAYERS = 100, 4
STEPS = {"qdiffusion": 50, "pennylane, all at once": 50, "pennylane, one by one": 2}
"""Of a turn."""
LEAST = {"pennylane, all at once": 3.0, "pennylane, one by one": 30.0}
TOLERANCE = 1e-4


def ours() -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """The angles (1, 16), and what makes branches of states (N, 2)."""
    denoiser = ChainDenoiser(n_qubits=1, n_steps=1, n_ancillas=1, n_layers=N_LAYERS)
    return denoiser.steps[0].weights, partial(denoiser.branches, timestep=0)


def pennylane_branches(angles: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The same circuit as a QNode, read out by projecting on both values of the ancilla."""

    @qml.qnode(qml.device("default.qubit", wires=2), interface="torch", diff_method="backprop")
    def circuit(states: Tensor, angles: Tensor) -> Any:
        qml.StatePrep(states, wires=[0, 1])
        for layer in range(N_LAYERS):
            for place, gate in enumerate((qml.RX, qml.RY)):
                for wire in (0, 1):
                    gate(angles[0, 4 * layer + 2 * place + wire], wires=wire)
            qml.CZ(wires=[0, 1])
        return qml.state()

    def branches(states: Tensor) -> tuple[Tensor, Tensor]:
        with_ancilla = torch.stack([states, torch.zeros_like(states)], -1).flatten(1)
        outcomes = circuit(with_ancilla, angles).view(-1, 2, 2).transpose(1, 2)
        probabilities = outcomes.abs().square().sum(-1)
        return outcomes / probabilities.sqrt().unsqueeze(-1), probabilities

    return branches


def one_by_one(branches: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The same, a call for each state."""

    def each(states: Tensor) -> tuple[Tensor, Tensor]:
        left = [branches(states[k : k + 1]) for k in range(len(states))]
        return torch.cat([state for state, _ in left]), torch.cat([chance for _, chance in left])

    return each


def step_of(
    angles: Tensor, branches: Callable[[Tensor], tuple[Tensor, Tensor]], inputs: Tensor, targets: Tensor
) -> Callable[[], Tensor]:
    """A call that does one step and gives the loss."""
    optimiser = torch.optim.Adam([angles], lr=5e-4, fused=True)

    def step() -> Tensor:
        states, probabilities = branches(inputs)
        loss = mmd(states.to(torch.complex64), targets, first_probabilities=probabilities.float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach()

    return step


def measure_steps(rounds: int) -> dict[str, Timing]:
    """Runs in the child: all sides from the same angles and states."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    inputs, targets = haar(STATES, 1, derived(0)), cluster(STATES, 1, 0.08, derived(1))
    angles, branches = ours()
    copies = [angles.detach().clone().requires_grad_() for _ in LEAST]
    at_once, apart = (pennylane_branches(each) for each in copies)
    sides = dict(zip(STEPS, ((angles, branches), (copies[0], at_once), (copies[1], one_by_one(apart))), strict=True))
    steps = {name: step_of(*side, inputs, targets) for name, side in sides.items()}
    losses = {name: step() for name, step in steps.items()}
    for name in LEAST:
        off = max(float((losses[name] - losses["qdiffusion"]).abs()), _apart(sides[name][0].grad, angles.grad))
        if not off <= TOLERANCE:
            raise SystemExit(f"{name} differs by {off:.1e} from ours, more than {TOLERANCE:.0e}: not timed.")
    return take_turns({name: partial(some_steps, step, STEPS[name]) for name, step in steps.items()}, rounds)


def _apart(first: Tensor | None, second: Tensor | None) -> float:
    assert first is not None
    assert second is not None
    return float((first - second).abs().max())


def some_steps(step: Callable[[], object], count: int) -> list[float]:
    return [timed(step) for _ in range(count)]


def main() -> None:
    args = parser(__doc__).parse_args()
    times = in_child(measure_steps, 2 if args.quick else 9)
    own = times["qdiffusion"]
    rows = [{"peer": name, "step_s": timing, "ratio": timing.over(own)} for name, timing in times.items()]
    bars = [
        Bar(f"chain step: {name} over ours", times[name].over(own), least, "higher") for name, least in LEAST.items()
    ]
    question = f"A training step of {STATES} states through one qubit and one ancilla, {N_LAYERS} layers, one thread"
    publish(report(question, rows, bars, [], quick=args.quick), args.out)


if __name__ == "__main__":
    main()
