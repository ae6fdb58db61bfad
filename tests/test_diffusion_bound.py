"""The variational bound against closed forms for Gaussian items, whose best denoiser is known."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from diffusion_toys import DOUBLE, Bare, Function, gaussian, independent
from qdiffusion.diffusion import GaussianProcess, ScheduleConfig, SDEConfig, System, linear_betas
from qdiffusion.diffusion.bound import log_normal, variational_bound
from qdiffusion.diffusion.likelihood import Bins, bits_per_dimension
from qdiffusion.errors import UsageError

VARIANCES = ("posterior", "beta")
SCHEDULE = ScheduleConfig("linear", 6)


def bayes(prior: Normal, x: torch.Tensor, slope: float, noise: float) -> Normal:
    """The law of y ~ prior once x = slope · y + N(0, noise) is known."""
    precision = 1 / prior.variance + slope**2 / noise
    return Normal((prior.mean / prior.variance + slope * x / noise) / precision, precision**-0.5)


@pytest.mark.parametrize("variance", VARIANCES)
def test_each_term_is_the_divergence_of_its_normal_laws(variance):
    """q(x_{t-1} | x_t, x_0) by Bayes' rule; what the model takes for x_0 in place of it; the noise drawn again."""
    betas = SCHEDULE.betas()
    process, answer = gaussian(SCHEDULE, "x0"), lambda x, t, labels: torch.tanh(x + 0.1 * t.view(-1, 1, 1, 1))
    x0 = torch.linspace(-1, 1, 12, dtype=DOUBLE).view(3, 1, 2, 2)
    system = System(Bare(1, 2, 2), Function(answer), process)
    bound = variational_bound(system, x0, torch.Generator().manual_seed(5), variance)
    generator, kept = torch.Generator().manual_seed(5), torch.cumprod(1 - betas, 0)
    for t in range(6):
        x = process.noised(x0, torch.full((3,), t), generator).x
        guess = answer(x, torch.full((3,), t), None)
        if t == 0:
            before = kept[0] / kept[0]
            spread = betas[0] if variance == "beta" else betas[1] * (1 - kept[0]) / (1 - kept[1])
            expected = -Normal(guess, spread.sqrt()).log_prob(x0)
        else:
            before = kept[t - 1]
            spread = torch.full_like(x0, (1 - before).sqrt().item())
            slope, noise = (1 - betas[t]).sqrt().item(), betas[t].item()
            true, model = (bayes(Normal(before.sqrt() * each, spread), x, slope, noise) for each in (x0, guess))
            if variance == "beta":
                model = Normal(model.mean, math.sqrt(noise))
            expected = kl_divergence(true, model)
        torch.testing.assert_close(bound.by_level[t], expected.flatten(1).sum(1))
    prior = kl_divergence(Normal(kept[-1].sqrt() * x0, (1 - kept[-1]).sqrt()), Normal(0.0, 1.0))
    torch.testing.assert_close(bound.prior, prior.flatten(1).sum(1))
    torch.testing.assert_close(bound.total, bound.by_level.sum(0))


def expected_terms(betas: torch.Tensor, data: float, variance: str) -> torch.Tensor:
    """E[L_0], …, E[L_{T-1}], E[L_T] of one value of N(0, data) and its best denoiser, in nats.

    E[L_t] = (c² V / s + r - 1 - log r) / 2,  V = Var(x_0 | x_t),  r = β̃ / s,  c = √ᾱ_{t-1} β / (1 - ᾱ_t)
    """
    kept = torch.cumprod(1 - betas, 0)
    unknown = data * (1 - kept) / (kept * data + 1 - kept)
    true = betas[1:] * (1 - kept[:-1]) / (1 - kept[1:])
    spread = true if variance == "posterior" else betas[1:]
    first = true[0] if variance == "posterior" else betas[0]
    weight = (kept[:-1].sqrt() * betas[1:] / (1 - kept[1:])) ** 2 / spread
    steps = (weight * unknown[1:] + true / spread - 1 - (true / spread).log()) / 2
    item = ((2 * math.pi * first).log() + unknown[0] / first) / 2
    prior = (kept[-1] * data - kept[-1] - (1 - kept[-1]).log()) / 2
    return torch.cat([item[None], steps, prior[None]])


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_best_denoisers_terms_have_their_closed_form(variance, generator):
    """Of two values a item: each term, and their sum in bits per dimension."""
    schedule, data, draws = ScheduleConfig("linear", 20), 0.3, 4000
    x0 = math.sqrt(data) * torch.randn(draws, 1, 1, 2, dtype=DOUBLE, generator=generator)
    bound = variational_bound(independent(gaussian(schedule), data, data), x0, generator, variance)
    expected = expected_terms(schedule.betas(), data, variance)
    error = 4.5 * bound.by_level.std(1) / math.sqrt(draws) + 1e-12
    assert ((bound.by_level.mean(1) - 2 * expected).abs() < error).all()
    bits = bits_per_dimension(bound.total, 2)
    expected_bits = expected.sum().item() / math.log(2)
    assert abs(bits.mean().item() - expected_bits) < 4.5 * bits.std().item() / math.sqrt(draws)


def test_the_bound_of_a_gaussian_comes_down_to_its_entropy_with_variance_beta_alone():
    """½ log2(2πe Σ) bits: β̃ assumes that the item is known, which costs most where little noise is left."""
    data, gaps = 0.5, {variance: [] for variance in VARIANCES}
    for timesteps in (100, 200, 4000):
        betas = linear_betas(timesteps, 1 / timesteps, 30 / timesteps)
        for variance in VARIANCES:
            total = expected_terms(betas, data, variance).sum().item()
            gaps[variance].append(total - math.log(2 * math.pi * math.e * data) / 2)
    assert min(gaps["beta"]) > 0
    assert gaps["beta"][0] > 1.5 * gaps["beta"][1] > 15 * gaps["beta"][2]
    assert gaps["beta"][2] < 1e-3
    assert min(gaps["posterior"]) > 0.3


@pytest.mark.parametrize("variance", VARIANCES)
def test_a_worse_denoiser_has_a_larger_bound(variance, generator):
    """And never one below the entropy: of what is told, no model can know more."""
    schedule, data = ScheduleConfig("linear", 50), 0.3
    best = independent(gaussian(schedule), data)
    x0 = math.sqrt(data) * torch.randn(2000, 1, 1, 1, dtype=DOUBLE, generator=generator)
    worse = System(best.codec, Function(lambda x, t, labels: 0.9 * best.denoiser(x, t)[0]), best.process)
    bounds = [
        variational_bound(each, x0, torch.Generator().manual_seed(1), variance).total.mean() for each in (best, worse)
    ]
    entropy = math.log(2 * math.pi * math.e * data) / 2
    assert entropy - 0.1 < bounds[0] < bounds[1]


@pytest.mark.parametrize("std", [1e-3, 0.02, 0.5, 10.0])
@pytest.mark.parametrize("mean", [-1.3, -0.4, 0.0, 0.99])
def test_the_probabilities_of_all_bins_sum_to_one(mean, std):
    values = torch.linspace(-1, 1, 256, dtype=DOUBLE)
    logs = log_normal(values, torch.full_like(values, mean), std, Bins())
    assert not logs.isnan().any()
    assert logs.exp().sum().item() == pytest.approx(1, abs=1e-9)
    ends = torch.tensor([math.inf], dtype=DOUBLE)
    edges = torch.cat([-ends, (values[1:] + values[:-1]) / 2, ends])
    cdf = Normal(torch.tensor(mean, dtype=DOUBLE), torch.tensor(std, dtype=DOUBLE)).cdf(edges).diff()
    torch.testing.assert_close(logs.exp(), cdf, rtol=0, atol=1e-12)


def test_far_from_the_mean_a_bin_is_improbable_and_not_impossible():
    """Both tails alike: by the density in the bin's end that is nearest, to first order."""
    x, mean = torch.tensor([-0.5, 0.5], dtype=DOUBLE), torch.zeros(2, dtype=DOUBLE)
    logs = log_normal(x, mean, 0.005, Bins(-1.0, 1.0, 201))
    assert logs[0].item() == pytest.approx(logs[1].item(), rel=1e-9)
    assert -(99.0**2) / 2 - 10 < logs[0].item() < -(99.0**2) / 2


def test_the_predicted_item_is_clipped_where_asked():
    process, x0 = gaussian(SCHEDULE, "x0"), torch.full((1, 1, 2, 2), 0.9)
    far, near = (
        variational_bound(
            System(Bare(1, 2, 2), Function(lambda x, t, labels, value=value: torch.full_like(x, value)), process),
            x0,
            torch.Generator().manual_seed(1),
            clip=clip,
        )
        for value, clip in ((7.0, True), (1.0, False))
    )
    assert torch.equal(far.total, near.total)


def test_one_level_has_no_steps_between(generator):
    system = System(Bare(1), Function(lambda x, t, labels: x), GaussianProcess(torch.tensor([0.5]), "x0"))
    bound = variational_bound(system, torch.zeros(2, 1), generator)
    assert bound.steps.shape == (0, 2)
    torch.testing.assert_close(bound.total, bound.prior + bound.data)


def test_an_sde_has_no_levels_to_sum_over(generator):
    system = System(Bare(2), Function(lambda x, t, labels: x), SDEConfig().build(Bare(2).space, 0))
    with pytest.raises(UsageError, match="needs Gaussian noise in counted levels, but was given a VPSDE"):
        variational_bound(system, torch.zeros(1, 2), generator)
