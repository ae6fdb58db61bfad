"""How likely a model holds an item to be, exactly, by the probability-flow ODE of an SDE; and bits per dimension."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from qdiffusion.diffusion.sde import check_sde
from qdiffusion.diffusion.sde_sampling import answer_of, score_of
from qdiffusion.diffusion.sde_steps import Field, flow
from qdiffusion.diffusion.system import System
from qdiffusion.errors import RunError, require


@dataclass(frozen=True)
class Bins:
    """The floats that stand for values counted 0 … count - 1, evenly spaced: what images are made of."""

    low: float = -1.0
    """Of 0."""
    high: float = 1.0
    """Of count - 1."""
    count: int = 256

    @property
    def width(self) -> float:
        """From one to the next."""
        return (self.high - self.low) / (self.count - 1)


def log_likelihood(
    system: System,
    x: Float[Tensor, "n ..."],
    labels: Int64[Tensor, " n"] | None = None,
    probes: int = 0,
    generator: torch.Generator | None = None,
    tolerance: float = 1e-5,
) -> Float64[Tensor, " n"]:
    """log p(x) of each item, in nats, with x put at t_min.

    log p(x_{t_min}) = log π(x_1) + ∫ ∇·v dt from t_min to 1, along dx/dt = v(x, t), the probability-flow ODE, solved by
    the adaptive method of Dormand and Prince. π is the prior: the law of x_1 itself has a little of the items in it.

    Args:
        system: an SDE and a denoiser that can be differentiated (not a frozen one), in evaluation mode.
        x: (N, …), as diffusion sees items, on the denoiser's device.
        labels: (N,), for a conditional denoiser.
        probes: 0: the divergence exactly, a gradient for every dimension; else Hutchinson's estimate, which is right on
            average, from so many random directions of ±1, the same along the way.
        generator: draws them.
        tolerance: relative and absolute, of the solution.

    Returns:
        (N,) float64, on the CPU.

    Raises:
        UsageError: the process is no SDE, or probes below 0.
        RunError: the equation cannot be solved: what the denoiser says is not finite, say.

    Source: Song et al. 2021, section 4.3 and appendix D.2; Hutchinson's estimate after Grathwohl et al. 2019.
    """
    from scipy.integrate import solve_ivp

    process = check_sde(system.process, "A likelihood")
    require(probes >= 0, "probes", probes, "at least 0")
    velocity = flow(process, score_of(answer_of(system, process, labels), process))
    directions = None if probes == 0 else _signs((probes, *x.shape), generator or torch.Generator()).to(x)

    def slope(time: float, state: Any) -> Any:
        """The state holds x, value by value, then the change of each log-density."""
        at = torch.from_numpy(state[: x.numel()]).view(x.shape).to(x)
        moved, divergence = with_divergence(velocity, at, time, directions)
        return np.concatenate([each.double().cpu().numpy().ravel() for each in (moved, divergence)])

    start = np.concatenate([x.detach().double().cpu().numpy().ravel(), np.zeros(len(x))])
    solved = solve_ivp(slope, (process.t_min, 1.0), start, method="RK45", rtol=tolerance, atol=tolerance)
    end = torch.from_numpy(solved.y[:, -1])
    if not solved.success or not bool(end.isfinite().all()):
        raise RunError(
            "The probability-flow ODE could not be solved from t_min to 1; the denoiser's answers grow too fast or are "
            "not finite: train it longer, or give a larger tolerance."
        )
    return process.log_prior(end[: x.numel()].view(x.shape)) + end[x.numel() :]


def with_divergence(
    velocity: Field, x: Float[Tensor, "n ..."], time: float, directions: Float[Tensor, "probes n ..."] | None
) -> tuple[Float[Tensor, "n ..."], Float[Tensor, " n"]]:
    """v(x, t) (N, …) and ∇·v (N,): Σ_i ∂v_i/∂x_i, or the mean of eᵀ (∂v/∂x) e over given directions e."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        v = velocity(x, time)
        flat = v.flatten(1)
        if directions is None:
            rows = (_gradient(flat[:, i], x).flatten(1)[:, i] for i in range(flat.shape[1]))
            divergence = torch.stack(list(rows)).sum(dim=0)
        else:
            products = (_gradient(v * e, x) * e for e in directions)
            divergence = torch.stack([product.flatten(1).sum(dim=1) for product in products]).mean(dim=0)
    return v.detach(), divergence.detach()


def dequantised(x: Float[Tensor, "n ..."], bins: Bins, generator: torch.Generator) -> Float[Tensor, "n ..."]:
    """x moved within its bin, uniformly: (N, …).

    A density of this, times the bins' width, is on average no more than the probability of x (Theis et al. 2016).
    """
    moved = torch.rand(x.shape, generator=generator, device=generator.device) - 0.5
    return x + bins.width * moved.to(x)


def bits_per_dimension(nats: Float[Tensor, "..."], dimensions: int) -> Float[Tensor, "..."]:
    """-log p in nats (N,) as bits a dimension: nats / (d log 2)."""
    return nats / (dimensions * math.log(2))


def _gradient(values: Tensor, x: Tensor) -> Tensor:
    return torch.autograd.grad(values.sum(), x, retain_graph=True)[0]


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """±1, each with probability 1/2."""
    return 2.0 * torch.randint(2, shape, generator=generator, device=generator.device) - 1
