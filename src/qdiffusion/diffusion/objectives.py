"""What a stage minimises where noise is Gaussian, and where a codec is trained."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Real
from torch import Tensor

from qdiffusion.diffusion.guidance import hidden
from qdiffusion.diffusion.noise import GaussianNoise
from qdiffusion.diffusion.system import Batch, Draw, Noised, System
from qdiffusion.errors import UsageError


@dataclass(frozen=True)
class DenoiseObjective:
    """Say of x_t what the process asks for, weighted so that coarse content counts more than imperceptible detail.

    L = mean_i  w(t_i) · mean_values (y_i - y_θ(x_{t_i}, t_i))²,  w(t) = (k + α_t² / σ_t²)^-γ

    γ = 0 is, for y = ε, the plain loss of Ho et al. 2020, eq. 14; the weight is P2, Choi et al. 2022, eq. 8. For the
    score, whose errors are those of ε over σ, γ = k = 1 is that plain loss where α² + σ² = 1.
    """

    p2_gamma: float = 1.0
    """γ, the strength of the weight; 0 switches it off."""
    p2_k: float = 1.0
    """k, which bounds the weight where there is nearly no signal."""
    label_dropout: float = 0.1
    """Probability that a label gives way to n_classes, the label of none (Ho and Salimans 2022, algorithm 1)."""

    splittable = True
    trained = "denoiser.*"

    def weight(self, process: GaussianNoise, t: Real[Tensor, " n"]) -> Float[Tensor, " n"]:
        """w(t) for t (N,)."""
        return (self.p2_k + process.signal_to_noise(t)) ** -self.p2_gamma

    def check(self, system: System) -> None:
        """Raise UsageError where the system's noise is not Gaussian."""
        if not isinstance(system.process, GaussianNoise):
            raise UsageError(
                f"The objective denoise needs Gaussian noise, but was given a {type(system.process).__name__}; choose "
                "the objective that belongs to this forward process."
            )

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """t (B,), then the noise of x (B, …), then, for a conditional denoiser, labels (B,) int64 with gaps."""
        process = system.process
        with torch.no_grad():
            x0 = system.codec.encode(batch.items)
        t = process.levels(len(x0), generator)
        drawn = process.noised(x0, t, generator)._asdict()
        n_classes = system.denoiser.n_classes
        if n_classes == 0 or batch.labels is None:
            return drawn
        return {**drawn, "labels": hidden(batch.labels, self.label_dropout, n_classes, generator)}

    def loss(self, system: System, draw: Draw) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The loss, and {"mse": scalar without the weight, detached}."""
        process = system.process
        noised = Noised(*(draw[name] for name in Noised._fields))
        predicted = system.denoiser(process.shown(noised.x, noised.t), noised.t, draw.get("labels"), return_dict=False)[
            0
        ]
        errors = (predicted - process.target(noised)).square().flatten(1).mean(dim=1)
        return (self.weight(process, noised.t) * errors).mean(), {"mse": errors.detach().mean()}


@runtime_checkable
class TrainableCodec(Protocol):
    """A codec that a stage can train."""

    def reconstruct(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Items (B, …) as the codec sees them, and what it makes of them: two float tensors of one shape."""


@dataclass(frozen=True)
class ReconstructObjective:
    """Give items back that went through the codec, a `TrainableCodec`.

    L = mean_values (decode(encode(item)) - item)²
    """

    splittable = False  # a codec may normalise over the batch
    trained = "codec.*"

    def check(self, system: System) -> None:
        """Raise UsageError where the codec has nothing to learn."""
        if not isinstance(system.codec, TrainableCodec):
            raise UsageError(
                f"The objective reconstruct trains a codec, but a {type(system.codec).__name__} has nothing to learn; "
                "choose an autoencoder as codec, or another objective."
            )

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """The items (B, …) as they are: there is no chance in it."""
        return {"items": batch.items}

    def loss(self, system: System, draw: Draw) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The mean squared error; nothing else to log."""
        target, reconstruction = system.codec.reconstruct(draw["items"])
        return (reconstruction - target).square().mean(), {}
