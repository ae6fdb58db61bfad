"""Small systems for tests of the forward process, objectives and samplers."""

import torch
from torch import Tensor, nn

from qdiffusion.data.space import Space
from qdiffusion.diffusion import SDE, GaussianConfig, GaussianProcess, ScheduleConfig, System

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


class Mixture:
    """A mixture of round Gaussians in float64: weights (K,), means (K, d), variances (K,)."""

    def __init__(self, weights, means, variances) -> None:
        self.weights, self.means, self.variances = (
            torch.tensor(each, dtype=DOUBLE) for each in (weights, means, variances)
        )

    def noised(self, signal: Tensor, sigma: Tensor) -> "Mixture":
        """The mixture of signal · item + sigma · noise."""
        told = (self.weights, signal * self.means, signal**2 * self.variances + sigma**2)
        return Mixture(*(each.tolist() for each in told))

    def shares(self, x: Tensor) -> Tensor:
        """(N, K): the probability that x (N, d) came from each part."""
        return self._logits(x).softmax(dim=1)

    def log_density(self, x: Tensor) -> Tensor:
        return self._logits(x).logsumexp(dim=1)

    def score(self, x: Tensor) -> Tensor:
        """The gradient of the log-density, (N, d)."""
        pulls = (self.means - x[:, None]) / self.variances[:, None]
        return (self.shares(x)[:, :, None] * pulls).sum(dim=1)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        parts = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.means.shape[1], dtype=DOUBLE, generator=generator)
        return self.means[parts] + self.variances[parts].sqrt()[:, None] * noise

    def _logits(self, x: Tensor) -> Tensor:
        d, variances = self.means.shape[1], self.variances
        distances = (x[:, None] - self.means).square().sum(dim=2)
        return self.weights.log() - distances / (2 * variances) - d / 2 * (2 * torch.pi * variances).log()


class ExactMixture(nn.Module):
    """What there is to know of items of a mixture under an SDE; asked at one level at a time."""

    n_classes = 0

    def __init__(self, process: SDE, mixture: Mixture) -> None:
        super().__init__()
        self.process, self.mixture, self.asked = process, mixture, 0
        self.like = nn.Parameter(torch.zeros(1, dtype=DOUBLE))  # samplers draw in its type

    def forward(self, sample, timestep, class_labels=None, return_dict=True):
        self.asked += 1
        signal, sigma = self.process.marginal((timestep + 1) / 1000)
        x = sample / self.process.shown(torch.ones(1, 1, dtype=DOUBLE), timestep)
        score = self.mixture.noised(signal, sigma).score(x)
        epsilon, x0 = -sigma * score, (x + sigma**2 * score) / signal
        v = signal * epsilon - sigma * x0
        return ({"epsilon": epsilon, "x0": x0, "v": v, "score": score}[self.process.prediction],)


def mixture_system(process: SDE, mixture: Mixture) -> System:
    return System(Bare(mixture.means.shape[1]), ExactMixture(process, mixture), process)
