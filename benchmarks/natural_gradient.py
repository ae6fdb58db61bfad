"""How many gradients, and seconds, do Adam and the natural gradient take to the same infidelity?

Each learns five Haar states of 4 qubits with 6 layers of ladder entangling, from the same angles, at three rates. The
metric is first compared with autograd's Jacobian of the state. The variance is that of a gradient's slopes over the
angles, in the mean over the way to the goal.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from harness import in_child, parser, publish, report
from torch import Tensor

from qdiffusion.circuits import FubiniStudy, QuantumLayer, ladder_entangling, state
from qdiffusion.states import haar
from qdiffusion.training.natural import NaturalGradient

N_WIRES, N_LAYERS, SEEDS = 4, 6, 5
GOAL, MOST_STEPS = 1e-3, 3000
DAMPING = 1e-3
TOLERANCE = 1e-10

OPTIMISERS: dict[str, Callable[[QuantumLayer, float], torch.optim.Optimizer]] = {
    "adam": lambda layer, rate: torch.optim.Adam(layer.parameters(), lr=rate, fused=True),
    "natural": lambda layer, rate: NaturalGradient(
        layer, [{"params": [layer.weights], "lr": rate}], damping=DAMPING, metric="full"
    ),
    "natural, diagonal": lambda layer, rate: NaturalGradient(
        layer, [{"params": [layer.weights], "lr": rate}], damping=DAMPING, metric="diagonal"
    ),
}
RATES = {"adam": (0.01, 0.03, 0.1), "natural": (0.03, 0.1, 0.3), "natural, diagonal": (0.03, 0.1, 0.3)}


def learner(seed: int) -> tuple[QuantumLayer, Tensor]:
    """A circuit with its first angles, and the state that it is to make."""
    generator = torch.Generator().manual_seed(seed)
    layer = QuantumLayer(ladder_entangling(N_WIRES, N_LAYERS), state(), generator=generator)
    return layer, haar(1, N_WIRES, generator)[0]


def check() -> None:
    """Stops where the metric is not autograd's."""
    layer, _ = learner(0)
    weights, x = layer.weights.detach().double(), torch.empty(1, 1, 0, dtype=torch.float64)
    parts = torch.autograd.functional.jacobian(lambda w: torch.view_as_real(layer(x, w)[0, 0]), weights)[:, :, 0]
    slopes, psi = torch.complex(parts[:, 0], parts[:, 1]), layer(x, weights)[0, 0]
    berry = slopes.mH @ psi
    expected = (slopes.mH @ slopes - berry[:, None] * berry.conj()).real
    distance = float((FubiniStudy(layer.circuit)(weights, x)[0][0] - expected).abs().max())
    if not distance <= TOLERANCE:
        raise SystemExit(f"The metric differs by {distance:.1e} from autograd's: not timed.")


def learn(name: str, rate: float, seed: int, most: int) -> tuple[int, float, float] | None:
    """Gradients and seconds to the goal, and the slopes' variance; None where `most` do not reach it."""
    layer, target = learner(seed)
    optimiser, x = OPTIMISERS[name](layer, rate), torch.empty(1, 1, 0)
    begin, slopes = time.perf_counter(), []
    for count in range(most):
        loss = 1 - (target.conj() * layer(x)[0, 0]).sum().abs().square()
        if loss.item() <= GOAL:
            seconds = time.perf_counter() - begin
            return count, seconds, torch.stack(slopes).var(1).mean().item()
        optimiser.zero_grad()
        loss.backward()
        assert layer.weights.grad is not None
        slopes.append(layer.weights.grad.flatten().clone())
        optimiser.step()
    return None


def measure_all(seeds: int, most: int) -> list[dict[str, Any]]:
    """Runs in the child, on one thread."""
    torch.set_num_threads(1)
    check()
    return [row(name, rate, seeds, most) for name, rates in RATES.items() for rate in rates]


def row(name: str, rate: float, seeds: int, most: int) -> dict[str, Any]:
    """Medians over the seeds that reach the goal."""
    reached = [result for seed in range(seeds) if (result := learn(name, rate, seed, most)) is not None]
    gradients, seconds, variances = zip(*reached, strict=True) if reached else ((), (), ())
    return {
        "optimiser": name,
        "rate": rate,
        "reached": f"{len(reached)} of {seeds}",
        "gradients": statistics.median(gradients) if gradients else None,
        "seconds": statistics.median(seconds) if seconds else None,
        "variance": statistics.median(variances) if variances else None,
    }


def main() -> None:
    options = parser(__doc__).parse_args()
    rows = in_child(measure_all, *((1, 200) if options.quick else (SEEDS, MOST_STEPS)))
    question = f"Gradients and seconds to an infidelity of {GOAL:g}: a state of {N_WIRES} qubits, {N_LAYERS} layers"
    publish(report(question, rows, [], [], quick=options.quick), options.out)


if __name__ == "__main__":
    main()
