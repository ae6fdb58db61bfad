"""What does a training step of a measured chain cost: QuDDPM's circuit of one qubit and one ancilla, 100 states?

A step is the fidelity-kernel MMD of the outcomes from the data, its gradient, and fused Adam. The peer computes the
same in PennyLane: default.qubit with torch, all states broadcast, both outcomes projected out of the final states. Loss
and gradient are compared before anything is timed; both sides take turns.
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

STATES, N_LAYERS, STEPS = 100, 4, 50
LEAST = 3.0
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
    """Runs in the child: both sides from the same angles and states."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    inputs, targets = haar(STATES, 1, derived(0)), cluster(STATES, 1, 0.08, derived(1))
    angles, branches = ours()
    theirs = angles.detach().clone().requires_grad_()
    steps = {
        "qdiffusion": step_of(angles, branches, inputs, targets),
        "pennylane": step_of(theirs, pennylane_branches(theirs), inputs, targets),
    }
    losses = [step() for step in steps.values()]
    gradients = [each.grad for each in (angles, theirs)]
    distance = max(float((losses[0] - losses[1]).abs()), float((gradients[0] - gradients[1]).abs().max()))
    if not distance <= TOLERANCE:
        raise SystemExit(f"Both sides differ by {distance:.1e}, more than {TOLERANCE:.0e}: not timed.")
    return take_turns({name: partial(some_steps, step) for name, step in steps.items()}, rounds)


def some_steps(step: Callable[[], object]) -> list[float]:
    return [timed(step) for _ in range(STEPS)]


def main() -> None:
    args = parser(__doc__).parse_args()
    times = in_child(measure_steps, 2 if args.quick else 9)
    own = times["qdiffusion"]
    rows = [{"peer": name, "step_s": timing, "ratio": timing.over(own)} for name, timing in times.items()]
    bars = [Bar("chain step: PennyLane over ours", times["pennylane"].over(own), LEAST, "higher")]
    question = f"A training step of {STATES} states through one qubit and one ancilla, {N_LAYERS} layers, one thread"
    publish(report(question, rows, bars, [], quick=args.quick), args.out)


if __name__ == "__main__":
    main()
