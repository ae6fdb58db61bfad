"""FID, KID and IS of feature vectors, computed by torchmetrics.

torchmetrics takes images and a network; it is given the feature vectors as "images" and the identity as network, so
that FID and KID share one pass of the real network.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float64
from torch import Tensor, nn


class _Identity(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Float64[Tensor, "n d"]) -> Float64[Tensor, "n d"]:
        return features


def frechet_distance(features: Float64[Tensor, "n d"], reference: Float64[Tensor, "m d"]) -> float:
    """FID: |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), Σ the unbiased covariances.

    Args:
        features, reference: float64 (N, D) and (M, D), N and M at least 2. With N or M below D + 1 the covariance is
            singular: the value is defined, but far above that of larger sets.

    Source: Heusel et al. 2017 (arXiv 1706.08500), equation 6.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    with _quiet():
        metric = FrechetInceptionDistance(feature=_Identity(features.shape[1]))
    metric.update(reference, real=True)
    metric.update(features, real=False)
    return metric.compute().item()


def kernel_distance(
    features: Float64[Tensor, "n d"], reference: Float64[Tensor, "m d"], subset_size: int, seed: int
) -> tuple[float, float]:
    """KID: squared MMD with the kernel (x·y / D + 1)³, mean and standard deviation over 100 random subsets.

    Args:
        features, reference: float64 (N, D) and (M, D).
        subset_size: vectors drawn from each a subset, at most N and M, at least 2.
        seed: of the drawing.

    Source: Bińkowski et al. 2018 (arXiv 1801.01401), section 4. As there, the unbiased estimate may be negative.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    with _quiet():
        metric = KernelInceptionDistance(feature=_Identity(features.shape[1]), subset_size=subset_size)
    metric.update(reference, real=True)
    metric.update(features, real=False)
    with _seeded(seed):
        mean, std = metric.compute()
    return mean.item(), std.item()


def inception_score(logits: Float64[Tensor, "n k"], splits: int, seed: int) -> tuple[float, float]:
    """IS: exp E KL(p(y|x) ‖ p(y)), mean and standard deviation over `splits` random parts.

    Args:
        logits: float64 (N, K).
        splits: the number of parts, 2 … N.
        seed: of the shuffling.

    Source: Salimans et al. 2016 (arXiv 1606.03498), section 4.
    """
    from torchmetrics.image.inception import InceptionScore

    with _quiet():
        metric = InceptionScore(feature=_Identity(logits.shape[1]), splits=splits)
    metric.update(logits)
    with _seeded(seed):
        mean, std = metric.compute()
    return mean.item(), std.item()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torchmetrics' notice that it keeps the features in memory, where they are anyway."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*will save all extracted features.*", category=UserWarning)
        yield


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generator, the only one that torchmetrics draws from, and put its state back."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
