"""The variational bound of a discrete Gaussian process: how many nats a model needs, at most, to tell an item.

-log p(x_0) ≤ E[L_T + Σ_t L_t + L_0]

L_T = KL(q(x_T | x_0) ‖ N(0, 1)),  L_t = KL(q(x_{t-1} | x_t, x_0) ‖ p(x_{t-1} | x_t)),  L_0 = -log p(x_0 | x_1)

Source: Sohl-Dickstein et al. 2015; Ho et al. 2020, eq. 5. Levels are counted from 0 here: x_1 is level 0, and x_T
level T-1.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from qdiffusion.diffusion.config import Variance
from qdiffusion.diffusion.gaussian import GaussianProcess
from qdiffusion.diffusion.guidance import guided
from qdiffusion.diffusion.likelihood import Bins
from qdiffusion.diffusion.steps import Estimate, posterior, step_variance
from qdiffusion.diffusion.system import System
from qdiffusion.errors import UsageError


@dataclass(frozen=True)
class Bound:
    """The terms for each of N items, in nats, float64 on the CPU."""

    prior: Tensor
    """L_T, (N,): what is left of the item at the last level."""
    steps: Tensor
    """L_t, (T-1, N): of the step from level 1, 2, … to the one before it."""
    data: Tensor
    """L_0, (N,): of the step from level 0 to the item. Of a density it may be negative."""

    @property
    def total(self) -> Tensor:
        """Their sum, (N,)."""
        return self.prior + self.steps.sum(dim=0) + self.data

    @property
    def by_level(self) -> Tensor:
        """L_0, L_1, …, L_{T-1}, then L_T: (T+1, N)."""
        return torch.cat([self.data[None], self.steps, self.prior[None]])


@torch.no_grad()
def variational_bound(
    system: System,
    x0: Float[Tensor, "n ..."],
    generator: torch.Generator,
    variance: Variance = "posterior",
    bins: Bins | None = None,
    labels: Int64[Tensor, " n"] | None = None,
    clip: bool = False,
) -> Bound:
    """The bound's terms, each at one x_t drawn from q(x_t | x_0): the denoiser is asked T times.

    p(x_{t-1} | x_t) is normal, with the mean that ancestral sampling has. The last step, to the item, has the variance
    β_0, or that of the step before where `variance` is posterior, since β̃_0 = 0 (Nichol and Dhariwal 2021).

    Args:
        system: a discrete Gaussian process and its denoiser.
        x0: (N, …), as diffusion sees items, on the denoiser's device.
        generator: draws the noise of every level anew.
        variance: of p's steps: posterior: β̃_t; beta: β_t.
        bins: where the items' values are counted: L_0 is then a probability; None: a density.
        labels: (N,), for a conditional denoiser.
        clip: clip the predicted x0 to [-1, 1], as the sampler does.

    Raises:
        UsageError: the process is not a discrete Gaussian one.
    """
    process = check_discrete(system.process)
    terms: list[Tensor] = []
    for t in range(process.timesteps):
        levels = torch.full((len(x0),), t, device=x0.device)
        x = process.noised(x0, levels, generator).x
        found = process.denoised(guided(system.denoiser, x, levels[0], labels, 1.0), x, t)
        x, item, found = (each.double() for each in (x, x0, found.clamp(-1, 1) if clip else found))
        guess = posterior(process, x, Estimate(found, t), t - 1)[0]
        assumed = _variance(process, t, variance)
        if t == 0:
            nats = -log_normal(item, guess, assumed**0.5, bins)
        else:
            mean, true = posterior(process, x, Estimate(item, t), t - 1)
            nats = normal_divergence(mean, true, guess, assumed)
        terms.append(nats.flatten(1).sum(dim=1).cpu())
    signal, sigma = process.scales(process.timesteps - 1)
    prior = normal_divergence(signal * x0.double(), sigma**2, torch.zeros_like(x0).double(), 1.0)
    return Bound(prior.flatten(1).sum(dim=1).cpu(), torch.stack(terms)[1:], terms[0])


def check_discrete(process: nn.Module) -> GaussianProcess:
    """The process, where it is a discrete Gaussian one; raises UsageError where it is not."""
    if isinstance(process, GaussianProcess):
        return process
    raise UsageError(
        f"The variational bound needs Gaussian noise in counted levels, but was given a {type(process).__name__}; "
        "choose the forward process gaussian, or for an SDE the likelihood by its probability-flow ODE."
    )


def normal_divergence(
    mean: Float64[Tensor, "..."], variance: float, other: Float64[Tensor, "..."], other_variance: float
) -> Float64[Tensor, "..."]:
    """KL(N(mean, variance) ‖ N(other, other_variance)), value by value, in nats."""
    ratio = torch.tensor(variance / other_variance, dtype=torch.float64, device=mean.device)
    return (ratio - 1 - ratio.log() + (mean - other) ** 2 / other_variance) / 2


def log_normal(
    x: Float64[Tensor, "..."], mean: Float64[Tensor, "..."], std: float, bins: Bins | None
) -> Float64[Tensor, "..."]:
    """log N(x; mean, std²), value by value; with bins, the log-probability of x's bin, whose ends are open.

    Source: Ho et al. 2020, eq. 13.
    """
    if bins is None:
        return torch.distributions.Normal(mean, torch.full_like(mean, std)).log_prob(x)
    below = torch.where(x < bins.low + bins.width / 2, -torch.inf, (x - bins.width / 2 - mean) / std)
    above = torch.where(x > bins.high - bins.width / 2, torch.inf, (x + bins.width / 2 - mean) / std)
    # In the upper tail probabilities are 1 to the last digit: it is turned over, into the lower one.
    turned = below + above > 0
    low, high = torch.where(turned, -above, below), torch.where(turned, -below, above)
    top, rest = (torch.special.log_ndtr(each) for each in (high, low))
    return top + torch.log1p(-torch.exp(rest - top))


def _variance(process: GaussianProcess, t: int, variance: Variance) -> float:
    """That of p's step from level t to the one before."""
    if variance == "beta" or process.timesteps == 1:
        return step_variance(process, t, t - 1)
    t = max(t, 1)
    return (process.scales(t - 1)[1] / process.scales(t)[1]) ** 2 * step_variance(process, t, t - 1)
