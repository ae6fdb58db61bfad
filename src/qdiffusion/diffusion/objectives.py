"""What a denoiser is trained to minimise."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from qdiffusion.diffusion.gaussian import GaussianProcess


@dataclass(frozen=True)
class EpsilonObjective:
    """Predict the noise ε, weighted so that coarse content counts more than imperceptible detail.

    L = mean_i  w(t_i) · mean_pixels (ε_i - ε_θ(x_{t_i}, t_i))²,  w(t) = (k + ᾱ_t / (1 - ᾱ_t))^-γ

    γ = 0 is the plain loss of Ho et al. 2020, eq. 14; the weight is P2, Choi et al. 2022, eq. 8.
    """

    process: GaussianProcess
    """The forward process that makes x_t."""
    p2_gamma: float = 1.0
    """γ, the strength of the weight; 0 switches it off."""
    p2_k: float = 1.0
    """k, which bounds the weight where there is nearly no signal."""

    def weight(self, t: Int64[Tensor, " n"]) -> Float[Tensor, " n"]:
        """w(t) for t (N,) in 0 … T-1."""
        signal_to_noise = (self.process.signal_scale[t] / self.process.noise_scale[t]) ** 2
        return (self.p2_k + signal_to_noise) ** -self.p2_gamma

    def loss(
        self,
        model: nn.Module,
        x0: Float[Tensor, "n c h w"],
        generator: torch.Generator,
        class_labels: Int64[Tensor, " n"] | None = None,
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The loss at uniformly drawn t, and its unweighted part.

        Args:
            model: a denoiser with diffusers' signature.
            x0: (N, C, H, W) images in [-1, 1].
            generator: draws t, then ε.
            class_labels: (N,) labels, handed to the model.

        Returns:
            The scalar loss, and {"mse": scalar without the weight, detached}.
        """
        t = torch.randint(self.process.timesteps, (len(x0),), generator=generator, device=generator.device).to(
            x0.device
        )
        noise = self.process.prior(tuple(x0.shape), generator)
        predicted = model(self.process.mix(x0, noise, t), t, class_labels, return_dict=False)[0]
        errors = (predicted - noise).square().flatten(1).mean(dim=1)
        return (self.weight(t) * errors).mean(), {"mse": errors.detach().mean()}
