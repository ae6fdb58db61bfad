"""Small systems for tests of the forward process, objectives and samplers."""

import torch
from torch import Tensor, nn

from qdiffusion.data.space import Space
from qdiffusion.diffusion import GaussianConfig, GaussianProcess, ScheduleConfig, System

DOUBLE = torch.float64


def gaussian(schedule: ScheduleConfig, prediction: str = "epsilon") -> GaussianProcess:
    return GaussianConfig(schedule, prediction).build(Space("images", (1, 2, 2)), 0)


class Bare(nn.Module):
    """A codec that changes nothing."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.space = Space("images", shape)

    def encode(self, items: Tensor) -> Tensor:
        return items

    def decode(self, x: Tensor) -> Tensor:
        return x


class Function(nn.Module):
    """A denoiser that is a function of x, t and the labels, and remembers what it was asked."""

    def __init__(self, answer, n_classes: int = 0) -> None:
        super().__init__()
        self.answer, self.n_classes, self.calls = answer, n_classes, []

    def forward(self, sample, timestep, class_labels=None, return_dict=True):
        self.calls.append((sample, timestep, class_labels))
        return (self.answer(sample, timestep, class_labels),)


class ExactDenoiser(nn.Module):
    """What there is to know of Gaussian data N(mean, root rootᵀ), in float64; items are (N, 1, 1, len(mean)).

    E[x0 | x_t] = μ + √ᾱ Σ (ᾱ Σ + (1-ᾱ) 1)⁻¹ (x_t - √ᾱ μ); ε, v and the score follow from it.
    """

    n_classes = 0

    def __init__(self, process: GaussianProcess, mean: Tensor, root: Tensor) -> None:
        super().__init__()
        self.process, self.mean, self.covariance = process, nn.Parameter(mean), root @ root.T

    def forward(self, sample, timestep, class_labels=None, return_dict=True):
        alpha = self.process.alphas_cumprod[timestep]
        signal, noise = alpha.sqrt(), (1 - alpha).sqrt()
        marginal = alpha * self.covariance + (1 - alpha) * torch.eye(len(self.mean), dtype=DOUBLE)
        whitened = torch.linalg.solve(marginal, (sample.flatten(1) - signal * self.mean).T).T
        x0 = (self.mean + signal * whitened @ self.covariance).view_as(sample)
        epsilon = (noise * whitened).view_as(sample)
        v, score = signal * epsilon - noise * x0, -whitened.view_as(sample)
        return ({"epsilon": epsilon, "x0": x0, "v": v, "score": score}[self.process.prediction],)


def exact_system(process: GaussianProcess, mean: Tensor, root: Tensor) -> System:
    return System(Bare(1, 1, len(mean)), ExactDenoiser(process, mean, root), process)


def independent(process: GaussianProcess, *variances: float) -> System:
    """Pixels of mean 0 that know nothing of each other."""
    root = torch.tensor(variances, dtype=DOUBLE).sqrt().diag()
    return exact_system(process, torch.zeros(len(variances), dtype=DOUBLE), root)
