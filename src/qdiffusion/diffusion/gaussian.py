"""The Gaussian forward process.

x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε,  ε ~ N(0, 1),  t = 0 … T-1

t = 0 carries the noise of the first step already, as in diffusers (Ho et al. 2020, eq. 4, with t shifted by one).
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from qdiffusion.errors import UsageError


class GaussianProcess(nn.Module):
    """Mixes images with Gaussian noise, level by level.

    Buffers (float32, computed in float64), each (T,):
        alphas_cumprod: ᾱ_t.
        signal_scale: √ᾱ_t.
        noise_scale: √(1 - ᾱ_t).

    Args:
        betas: (T,) variances β_t in [0, 1].

    Raises:
        UsageError: betas are not one row of numbers in [0, 1].
    """

    alphas_cumprod: Tensor
    signal_scale: Tensor
    noise_scale: Tensor

    def __init__(self, betas: Float[Tensor, " timesteps"]) -> None:
        super().__init__()
        if betas.ndim != 1 or not bool(((betas >= 0) & (betas <= 1)).all()):
            raise UsageError(
                f"Betas of shape {tuple(betas.shape)} are no schedule; give one row of variances between 0 and 1."
            )
        alphas_cumprod = torch.cumprod(1 - betas.double(), dim=0)
        self.register_buffer("alphas_cumprod", alphas_cumprod.float(), persistent=False)
        self.register_buffer("signal_scale", alphas_cumprod.sqrt().float(), persistent=False)
        self.register_buffer("noise_scale", (1 - alphas_cumprod).sqrt().float(), persistent=False)

    @property
    def timesteps(self) -> int:
        """Number of noise levels T."""
        return len(self.alphas_cumprod)

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Float[Tensor, "..."]:
        """Pure noise ε ~ N(0, 1) of the given shape, float32, on the process's device."""
        noise = torch.randn(shape, generator=generator, device=generator.device)
        return noise.to(self.alphas_cumprod.device)

    def sample(
        self, x0: Float[Tensor, "n ..."], t: Int64[Tensor, " n"], generator: torch.Generator
    ) -> Float[Tensor, "n ..."]:
        """x_t drawn from q(x_t | x_0): x0 (N, …) and t (N,) in 0 … T-1 give (N, …)."""
        return self.mix(x0, self.prior(tuple(x0.shape), generator), t)

    def mix(
        self, x0: Float[Tensor, "n ..."], noise: Float[Tensor, "n ..."], t: Int64[Tensor, " n"]
    ) -> Float[Tensor, "n ..."]:
        """√ᾱ_t x0 + √(1 - ᾱ_t) noise, for images that carry their noise along: all (N, …), t (N,) in 0 … T-1."""
        column = (-1, *[1] * (x0.ndim - 1))
        return self.signal_scale[t].view(column) * x0 + self.noise_scale[t].view(column) * noise
