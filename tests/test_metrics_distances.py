import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdiffusion.metrics.distances import frechet_distance, inception_score, kernel_distance


def gaussian(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=generator, dtype=torch.float64)
    return scale * torch.randn(n, d, generator=generator, dtype=torch.float64) @ mixing + shift


def scipy_frechet_distance(x: Tensor, y: Tensor) -> float:
    a, b = x.numpy(), y.numpy()
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(covariance_a @ covariance_b).real
    return float(
        np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariance_a) + np.trace(covariance_b) - 2 * np.trace(root)
    )


def whitened(n: int, d: int, seed: int) -> Tensor:
    """Return vectors whose sample mean is exactly 0 and whose unbiased sample covariance is exactly 1."""
    x = gaussian(n, d, seed)
    x = x - x.mean(0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_fid_equals_an_independent_computation(seed: int, d: int) -> None:
    x, y = gaussian(60, d, seed), gaussian(40, d, seed + 1, scale=0.5, shift=1.0)
    assert frechet_distance(x, y) == pytest.approx(scipy_frechet_distance(x, y), rel=1e-6, abs=1e-6)


def test_fid_of_two_gaussians_is_the_closed_form() -> None:
    """With covariances A and B that commute: |μ|² + Σ (√a - √b)²."""
    mean, a, b = (torch.tensor(v, dtype=torch.float64) for v in ([1.0, -2, 0], [4.0, 1, 9], [1.0, 16, 9]))
    x = whitened(50, 3, seed=0) * a.sqrt() + mean
    y = whitened(70, 3, seed=1) * b.sqrt()
    expected = mean.square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert frechet_distance(x, y) == pytest.approx(expected.item(), rel=1e-9)


def test_fid_is_symmetric_and_zero_for_identical_sets() -> None:
    x, y = gaussian(50, 6, seed=0), gaussian(60, 6, seed=1)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-5)


def direct_mmd(x: Tensor, y: Tensor) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    a, b = x.numpy(), y.numpy()
    n, m = len(a), len(b)
    within_a = sum(kernel(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_b = sum(kernel(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_a + within_b - 2 * sum(kernel(p, q) for p in a for q in b) / (n * m)


def test_kid_of_one_whole_subset_is_the_unbiased_mmd() -> None:
    x, y = gaussian(20, 4, seed=0), gaussian(20, 4, seed=1, shift=0.5)
    mean, std = kernel_distance(x, y, subset_size=20, seed=0)
    assert mean == pytest.approx(direct_mmd(x, y), rel=1e-9)
    assert std == pytest.approx(0, abs=1e-9)


def test_kid_over_subsets_estimates_the_mmd_of_the_whole() -> None:
    x, y = gaussian(60, 3, seed=0), gaussian(60, 3, seed=1, shift=0.5)
    mean, std = kernel_distance(x, y, subset_size=30, seed=3)
    assert abs(mean - direct_mmd(x, y)) < 5 * std / 100**0.5


def test_inception_score_of_certain_balanced_and_of_uncertain_predictions() -> None:
    """exp E KL is the number of classes where each is predicted surely and equally often, 1 where all agree."""
    certain = 1000 * torch.eye(5, dtype=torch.float64).repeat(400, 1)
    assert inception_score(certain, splits=2, seed=0)[0] == pytest.approx(5, rel=0.01)
    agreeing = torch.arange(5, dtype=torch.float64).expand(100, 5)
    mean, std = inception_score(agreeing, splits=4, seed=0)
    assert (mean, std) == (pytest.approx(1), pytest.approx(0, abs=1e-12))


def test_inception_score_is_the_mean_over_a_partition() -> None:
    logits = gaussian(30, 4, seed=0)
    p = logits.softmax(1).numpy()
    mean, _ = inception_score(logits, splits=30, seed=0)
    assert mean == pytest.approx(1)  # a part of one image: p(y|x) = p(y)
    whole = np.exp(np.mean(np.sum(p * np.log(p / p.mean(0)), axis=1)))
    assert inception_score(logits.repeat(50, 1), splits=2, seed=0)[0] == pytest.approx(whole, rel=0.02)


def test_chance_comes_from_the_seed_alone_and_the_global_generator_is_left_alone() -> None:
    x, y = gaussian(50, 3, seed=0), gaussian(50, 3, seed=1)
    state = torch.get_rng_state()
    first = kernel_distance(x, y, subset_size=10, seed=1), inception_score(x, splits=5, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert (kernel_distance(x, y, subset_size=10, seed=1), inception_score(x, splits=5, seed=1)) == first
    assert kernel_distance(x, y, subset_size=10, seed=2) != first[0]
