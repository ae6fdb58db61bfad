"""One step of each sampler of an SDE, from time t back to t' < t.

s = ∇log p_t(x), the score; h = t - t'; z ~ N(0, 1).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from qdiffusion.diffusion.noise import noise_like
from qdiffusion.diffusion.sde import SDE
from qdiffusion.diffusion.sde_config import SDESamplerName

Field = Callable[[Tensor, float], Tensor]
"""(x (N, …), t) → (N, …): the score, say, or a velocity."""
SDEStep = Callable[[SDE, Field, Tensor, float, float, torch.Generator], Tensor]
"""(sde, score, x (N, …), t, t', generator) → x' (N, …)."""

CORRECTOR_RATIO = 0.16
"""r, the corrector's ratio of signal to noise: Song et al. 2021, appendix G, for VE and 32×32 images."""


def euler_maruyama(
    sde: SDE, score: Field, x: Float[Tensor, "n ..."], t: float, t_next: float, generator: torch.Generator
) -> Float[Tensor, "n ..."]:
    """x' = x - (f x - g² s) h + g √h z: the reverse SDE, its moments exact to first order.

    Source: Song et al. 2021, eq. 6, with the Euler-Maruyama method.
    """
    h, g = t - t_next, sde.diffusion(t)
    return x - (sde.drift(t) * x - g**2 * score(x, t)) * h + g * h**0.5 * noise_like(x, generator)


def predictor_corrector(
    sde: SDE, score: Field, x: Float[Tensor, "n ..."], t: float, t_next: float, generator: torch.Generator
) -> Float[Tensor, "n ..."]:
    """A step of `euler_maruyama`, then one of Langevin's at t': x' + e s + √(2e) z, e = 2 (r σ)².

    Source: Song et al. 2021, algorithms 2 to 5. Their e is 2 (r ‖z‖ / ‖s‖)², a ratio of norms over the batch, which
    is σ where little but noise is left. σ itself keeps the items of a batch apart.
    """
    x = euler_maruyama(sde, score, x, t, t_next, generator)
    size = 2 * (CORRECTOR_RATIO * sde.scales(sde.level(t_next))[1]) ** 2
    return x + size * score(x, t_next) + (2 * size) ** 0.5 * noise_like(x, generator)


def flow(sde: SDE, score: Field) -> Field:
    """The probability-flow ODE, dx/dt = f x - g²/2 s.

    Source: Song et al. 2021, eq. 13.
    """
    return lambda x, t: sde.drift(t) * x - sde.diffusion(t) ** 2 / 2 * score(x, t)


def heun(
    sde: SDE, score: Field, x: Float[Tensor, "n ..."], t: float, t_next: float, generator: torch.Generator
) -> Float[Tensor, "n ..."]:
    """Heun's step of the probability-flow ODE: the mean of the slopes at both ends, second order."""
    velocity, h = flow(sde, score), t_next - t
    k1 = velocity(x, t)
    return x + h / 2 * (k1 + velocity(x + h * k1, t_next))


def rk4(
    sde: SDE, score: Field, x: Float[Tensor, "n ..."], t: float, t_next: float, generator: torch.Generator
) -> Float[Tensor, "n ..."]:
    """The classical step of Runge and Kutta of the probability-flow ODE, fourth order."""
    velocity, h, middle = flow(sde, score), t_next - t, (t + t_next) / 2
    k1 = velocity(x, t)
    k2 = velocity(x + h / 2 * k1, middle)
    k3 = velocity(x + h / 2 * k2, middle)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(x + h * k3, t_next))


SDE_STEPS: dict[SDESamplerName, SDEStep] = {
    "euler-maruyama": euler_maruyama,
    "pc": predictor_corrector,
    "heun": heun,
    "rk4": rk4,
}
"""The steps by the sampler's name."""
