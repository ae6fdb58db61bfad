"""Log-likelihoods by the probability-flow ODE, against densities that are known."""

import math

import pytest
import torch

from diffusion_toys import DOUBLE, Bare, Function, Mixture, gaussian, mixture_system
from qdiffusion.diffusion import ScheduleConfig, SDEConfig, System
from qdiffusion.diffusion.likelihood import Bins, bits_per_dimension, dequantised, log_likelihood, with_divergence
from qdiffusion.errors import RunError, UsageError

NAMES = ("vp", "sub-vp", "ve")
MIXTURE = Mixture([0.5, 0.3, 0.2], [[-0.8, 0.0], [0.6, 0.5], [0.3, -0.7]], [0.1, 0.05, 0.2])
ONE = Mixture([1.0], [[0.3, -0.2, 0.1]], [0.25])


def system_of(name: str, mixture: Mixture) -> System:
    """Noise so strong that of the items nothing is left at t = 1."""
    process = SDEConfig(name, beta_max=40.0, sigma_max=5000.0).build(Bare(2).space, 0)
    return mixture_system(process, mixture)


def at_t_min(system: System, mixture: Mixture) -> Mixture:
    """The law of x where likelihoods begin."""
    process = system.process
    return mixture.noised(*process.marginal(torch.tensor(process.t_min, dtype=DOUBLE)))


@pytest.mark.parametrize("mixture", [ONE, MIXTURE], ids=["one", "mixture"])
@pytest.mark.parametrize("name", NAMES)
def test_the_likelihood_is_the_density(name, mixture, generator):
    """At every item, with the exact divergence."""
    system = system_of(name, mixture)
    x = mixture.draw(30, generator)
    found = log_likelihood(system, x, tolerance=1e-7)
    # Of VE's prior N(0, 5000²) the items move the density by about x / 5000.
    torch.testing.assert_close(found, at_t_min(system, mixture).log_density(x), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_bits_per_dimension_of_a_gaussian_are_its_entropy(name, generator):
    """½ log2(2πe Σ) a dimension, with Σ that of the items: the noise at t_min adds (σ/0.5)² / 2 nats at most."""
    draws = 300
    x = ONE.draw(draws, generator)
    bits = bits_per_dimension(-log_likelihood(system_of(name, ONE), x), 3)
    entropy = math.log2(2 * math.pi * math.e * 0.25) / 2
    error = abs(bits.mean().item() - entropy)
    assert error < 4.5 * math.sqrt(1 / (2 * 3 * draws)) / math.log(2)
    assert bits.std() == pytest.approx(math.sqrt(1 / 6) / math.log(2), rel=0.2)  # of χ² with 3 degrees


def test_hutchinsons_estimate_is_right_on_average(generator):
    """And exact for a field whose Jacobian has no entries beside its diagonal."""
    matrix = torch.randn(4, 4, dtype=DOUBLE, generator=generator)
    x = torch.randn(3, 4, dtype=DOUBLE, generator=generator)

    def field(x: torch.Tensor, time: float) -> torch.Tensor:
        return torch.sin(x @ matrix)

    exact = with_divergence(field, x, 0.5, None)[1]
    torch.testing.assert_close(exact, (torch.cos(x @ matrix) * matrix.diag()).sum(1))
    probes = 2.0 * torch.randint(2, (4000, 3, 4), generator=generator).double() - 1
    each = torch.stack([with_divergence(field, x, 0.5, probe[None])[1] for probe in probes])
    assert ((each.mean(0) - exact).abs() < 4.5 * each.std(0) / math.sqrt(4000)).all()
    torch.testing.assert_close(with_divergence(field, x, 0.5, probes)[1], each.mean(0))
    torch.testing.assert_close(with_divergence(lambda x, t: x**3, x, 0.5, probes[:1])[1], (3 * x**2).sum(1))


def test_likelihoods_by_hutchinsons_estimate_have_the_exact_mean(generator):
    x = MIXTURE.draw(400, generator)
    system = system_of("vp", MIXTURE)
    exact = at_t_min(system, MIXTURE).log_density(x)
    error = log_likelihood(system, x, probes=2, generator=generator) - exact
    assert abs(error.mean()) < 4.5 * error.std() / math.sqrt(400)
    assert error.std() > 1e-3  # an estimate it is
    again = [
        log_likelihood(system, x[:3], probes=1, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    ]
    assert torch.equal(again[0], again[1])
    assert not torch.equal(again[0], again[2])


def test_images_probabilities_sum_to_no_more_than_one(generator):
    """Dequantised items of a smooth density: width · E[p] is the integral over the bin, by its mean."""
    bins = Bins(-1.0, 1.0, 256)
    values = torch.linspace(-1, 1, 256, dtype=DOUBLE)
    x = dequantised(values.expand(400, 256), bins, generator)
    assert (x - values).abs().max() <= bins.width / 2
    one = torch.distributions.Normal(0.1, 0.2)
    logs = (one.log_prob(x) + math.log(bins.width)).mean(0)  # E log, as a likelihood is averaged
    edges = torch.linspace(-1 - bins.width / 2, 1 + bins.width / 2, 257, dtype=DOUBLE)
    probabilities = one.cdf(edges).diff()
    shown = probabilities > 1e-12
    assert (logs.exp()[shown] < probabilities[shown] * 1.05).all()
    assert logs.exp().sum().item() == pytest.approx(1, abs=0.01)
    assert bins.width == pytest.approx(2 / 255)


def test_labels_reach_the_denoiser():
    """Each label its own Gaussian: an item is likely under its own."""
    process = SDEConfig("vp", beta_max=40.0).build(Bare(1).space, 0)

    def answer(x, t, labels):
        signal, sigma = process.marginal((t + 1) / 1000)
        return sigma * (x - signal * labels[:, None]) / (signal**2 * 0.04 + sigma**2)

    system = System(Bare(1), Function(answer, n_classes=3), process)
    x = torch.tensor([[0.0], [1.0], [2.0]], dtype=DOUBLE)
    own, other = (log_likelihood(system, x, torch.tensor(labels)) for labels in ((0, 1, 2), (1, 2, 0)))
    peak = torch.full((3,), -math.log(0.2 * math.sqrt(2 * math.pi)), dtype=DOUBLE)
    torch.testing.assert_close(own, peak, rtol=0, atol=1e-3)
    distances = torch.tensor([1.0, 1.0, 4.0], dtype=DOUBLE)
    torch.testing.assert_close(own - other, distances / 0.08, rtol=1e-3, atol=0)


def test_what_has_no_likelihood_is_refused():
    discrete = System(Bare(2), Function(lambda x, t, labels: x), gaussian(ScheduleConfig()))
    with pytest.raises(UsageError, match=r"A likelihood solves a stochastic .* but was given a GaussianProcess"):
        log_likelihood(discrete, torch.zeros(1, 2))
    with pytest.raises(UsageError, match="probes is -1, but must be at least 0"):
        log_likelihood(system_of("vp", MIXTURE), torch.zeros(1, 2, dtype=DOUBLE), probes=-1)
    broken = System(Bare(2), Function(lambda x, t, labels: x * torch.nan), SDEConfig().build(Bare(2).space, 0))
    with pytest.raises(RunError, match="could not be solved from t_min to 1"):
        log_likelihood(broken, torch.zeros(1, 2, dtype=DOUBLE))
