"""One step of each sampler, from noise level t to t_next < t. Behind the last level stands -1, no noise: there every
step ends at x0 itself.

α = √ᾱ_t, σ = √(1 - ᾱ_t), λ = log(α / σ); a prime marks level t_next.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qdiffusion.diffusion.config import SamplerName, Variance
from qdiffusion.diffusion.gaussian import GaussianProcess
from qdiffusion.diffusion.noise import noise_like


class Estimate(NamedTuple):
    """x0: (N, …), what the denoiser made of x at level t."""

    x0: Tensor
    t: int


Step = Callable[[GaussianProcess, Tensor, Estimate, Estimate | None, int, torch.Generator], Tensor]
"""(process, x (N, …), what x now is thought to hide, the same of the step before, t_next, generator) → x' (N, …)."""


def ancestral(
    process: GaussianProcess,
    x: Float[Tensor, "n ..."],
    now: Estimate,
    before: Estimate | None,
    t_next: int,
    generator: torch.Generator,
    variance: Variance = "posterior",
) -> Float[Tensor, "n ..."]:
    """x' ~ q(x' | x, x0), with the true variance β̃: as random as the forward process.

    x' = μ̃ + √β̃ z, see `posterior`, or μ̃ + √β z, with the larger of the two variances that Ho et al. 2020 choose from
    (section 3.2); no z at the end.

    Source: Ho et al. 2020, algorithm 2 with eq. 7, between any two levels.
    """
    mean, smaller = posterior(process, x, now, t_next)
    chosen = step_variance(process, now.t, t_next) if variance == "beta" else smaller
    return mean if t_next < 0 else mean + chosen**0.5 * noise_like(x, generator)


ancestral_beta = partial(ancestral, variance="beta")
"""`ancestral` with the variance β."""


def posterior(
    process: GaussianProcess, x: Float[Tensor, "n ..."], now: Estimate, t_next: int
) -> tuple[Float[Tensor, "n ..."], float]:
    """Mean μ̃ (N, …) and variance β̃ of q(x' | x, x0), which is normal.

    μ̃ = α' β / σ² x0 + (α / α') σ'² / σ² x,  β̃ = σ'² / σ² β,  β = 1 - (α / α')²

    Source: Ho et al. 2020, eq. 7, between any two levels.
    """
    alpha, sigma = process.scales(now.t)
    alpha_next, sigma_next = process.scales(t_next)
    beta = step_variance(process, now.t, t_next)
    mean = (alpha_next * beta * now.x0 + alpha / alpha_next * sigma_next**2 * x) / sigma**2
    return mean, sigma_next**2 / sigma**2 * beta


def step_variance(process: GaussianProcess, t: int, t_next: int) -> float:
    """β = 1 - (α / α')², the variance of the noise that the forward process adds from t_next to t."""
    return 1 - (process.scales(t)[0] / process.scales(t_next)[0]) ** 2


def ddim(
    process: GaussianProcess,
    x: Float[Tensor, "n ..."],
    now: Estimate,
    before: Estimate | None,
    t_next: int,
    generator: torch.Generator,
) -> Float[Tensor, "n ..."]:
    """x' = α' x0 + σ' ε, where ε is what x holds beside x0 (clipped or not), so that x' has its level's noise.

    Source: Song et al. 2021, eq. 12 with σ_t = 0.
    """
    alpha_next, sigma_next = process.scales(t_next)
    return alpha_next * now.x0 + sigma_next * process.noise_beside(now.x0, x, now.t)


def dpmpp(
    process: GaussianProcess,
    x: Float[Tensor, "n ..."],
    now: Estimate,
    before: Estimate | None,
    t_next: int,
    generator: torch.Generator,
) -> Float[Tensor, "n ..."]:
    """x' = σ' / σ x + α' (1 - e^-h) D,  D = x0 + h / 2h₋ (x0 - x0₋),  h = λ' - λ, h₋ = λ - λ₋: second order.

    The minus marks the step before. The first step has none, and the last has h = ∞: both take D = x0.

    A first level that is pure noise, λ → -∞, needs no care: λ enters as e^-h = σ' α / (σ α'), which goes to 0 with α,
    and as h / h₋, which goes to 0 in the second step: an estimate made where nothing is to be seen has no weight.

    Source: Lu et al. 2022 (DPM-Solver++), algorithm 2.
    """
    alpha, sigma = process.scales(now.t)
    alpha_next, sigma_next = process.scales(t_next)
    data = now.x0
    if before is not None and t_next >= 0:
        lambda_before, lambda_now, lambda_next = (process.half_log_snr(t) for t in (before.t, now.t, t_next))
        ratio = (lambda_next - lambda_now) / (lambda_now - lambda_before)
        data = data + ratio / 2 * (data - before.x0)
    return sigma_next / sigma * x + (alpha_next - sigma_next * alpha / sigma) * data


STEPS: dict[SamplerName, Step] = {"ddpm": ancestral, "ddim": ddim, "dpmpp": dpmpp}
"""The steps by the sampler's name."""
