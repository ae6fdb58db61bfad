"""Stochastic differential equations against their closed forms, and samplers with items of a known Gaussian mixture."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.integrate import quad
from torch import nn

from diffusion_toys import DOUBLE, Bare, Function, Mixture, gaussian, mixture_system
from qdiffusion.data.space import Space
from qdiffusion.diffusion import (
    SDE,
    VESDE,
    VPSDE,
    DenoiseConfig,
    GaussianProcess,
    ScheduleConfig,
    SchedulerConfig,
    SDEConfig,
    SDESamplingConfig,
    SubVPSDE,
    System,
    linear_betas,
)
from qdiffusion.diffusion.sde_steps import flow
from qdiffusion.diffusion.system import Batch, Noised
from qdiffusion.errors import UsageError

NAMES = ("vp", "sub-vp", "ve")
PREDICTIONS = ("epsilon", "x0", "v", "score")
THREE = Mixture([0.5, 0.3, 0.2], [[-0.8, 0.0], [0.6, 0.5], [0.3, -0.7]], [0.02, 0.01, 0.04])
TIMES = (1e-4, 0.01, 0.3, 0.77, 0.999)


def sde(name: str, **fields) -> SDE:
    return SDEConfig(name, **fields).build(Space("vectors", (2,)), 0)


def marginal(process: SDE, time: float) -> tuple[float, float]:
    return process.scales(process.level(time))


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("name", NAMES)
def test_mean_and_variance_move_as_the_equation_says(name, time):
    """α' = f α and (σ²)' = 2 f σ² + g² (Särkkä and Solin 2019, eq. 5.50 and 5.51)."""
    process, step = sde(name), 1e-4 * time
    (signal, sigma), before, after = (marginal(process, time + d) for d in (0, -step, step))
    f, g = process.drift(time), process.diffusion(time)
    assert (after[0] - before[0]) / (2 * step) == pytest.approx(f * signal, rel=1e-5, abs=1e-9)
    assert (after[1] ** 2 - before[1] ** 2) / (2 * step) == pytest.approx(2 * f * sigma**2 + g**2, rel=1e-5)


def test_the_marginals_are_those_published():
    """β integrated numerically; VE's is a geometric sequence."""
    for time in TIMES:
        grown = quad(lambda s: 0.1 + s * 19.9, 0, time)[0]
        kept = math.exp(-grown / 2)
        assert marginal(VPSDE(), time) == pytest.approx((kept, math.sqrt(1 - kept**2)), rel=1e-9)
        assert marginal(SubVPSDE(), time) == pytest.approx((kept, 1 - kept**2), rel=1e-9)
        assert marginal(VESDE(), time) == pytest.approx((1, 0.01 * 5000**time), rel=1e-9)


def test_the_discrete_process_becomes_vp_as_its_levels_grow():
    """β_i = β(i/T)/T: the error of ᾱ halves when T doubles (Song et al. 2021, appendix B)."""
    process, errors = VPSDE(0.1, 5.0), []
    for timesteps in (100, 200, 400, 800):
        times = torch.arange(1, timesteps + 1, dtype=DOUBLE) / timesteps
        discrete = GaussianProcess((0.1 + times * 4.9) / timesteps).alphas_cumprod
        errors.append((discrete - process.marginal(times)[0] ** 2).abs().max().item())
    assert [math.log2(a / b) for a, b in pairwise(errors)][-1] == pytest.approx(1, abs=0.02)


def test_levels_are_told_as_the_discrete_process_counts_them():
    """The linear schedule in 1000 levels is VP, level by level: a denoiser of one is asked as one of the other."""
    discrete, process = GaussianProcess(linear_betas(1000)), VPSDE()
    for level in (0, 1, 10, 100, 500, 999):
        assert process.scales(level) == pytest.approx(discrete.scales(level), rel=0.05)
    assert process.scales(-1) == discrete.scales(-1) == (1.0, 0.0)
    assert process.time(999) == 1
    assert process.level(process.time(17.25)) == pytest.approx(17.25)


@pytest.mark.parametrize("name", NAMES)
def test_items_are_noised_to_their_marginal(name, generator):
    process, draws = sde(name), 20_000
    for level in (0.0, 99.0, 900.5):
        x0 = torch.tensor([0.3, -1.0]).expand(draws, 2)
        noised = process.noised(x0, torch.full((draws,), level), generator)
        signal, sigma = process.scales(level)
        assert ((noised.x.mean(0) - signal * x0[0]).abs() < 5 * sigma / math.sqrt(draws)).all()
        assert ((noised.x.std(0) / sigma - 1).abs() < 5 / math.sqrt(2 * draws)).all()
        torch.testing.assert_close(noised.x, signal * x0 + sigma * noised.noise)


@pytest.mark.parametrize("name", NAMES)
def test_times_are_drawn_uniformly_from_t_min_to_1(name, generator):
    process = sde(name, t_min=0.1)
    times = (process.levels(20_000, generator) + 1) / 1000
    assert times.min() >= 0.1 - 1e-6
    assert times.max() <= 1
    shares = torch.histc(times, 9, 0.1, 1) / 20_000
    assert ((shares - 1 / 9).abs() < 5 * math.sqrt(1 / 9 * 8 / 9 / 20_000)).all()


def test_an_item_has_the_same_noise_at_every_time():
    process, x0 = sde("vp"), torch.ones(3, 2)
    low, high = (process.noised(x0, torch.full((3,), t), torch.Generator().manual_seed(4)) for t in (3.5, 29))
    assert torch.equal(low.noise, high.noise)


@pytest.mark.parametrize("level", [0.5, 400.0, 999.0])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_item_and_score_are_found_in_the_target(prediction, name, level, generator):
    process, t = sde(name, prediction=prediction, sigma_max=5.0), torch.full((5,), level, dtype=DOUBLE)
    x0, noise = torch.randn(2, 5, 2, dtype=DOUBLE, generator=generator)
    noised = Noised(x0, process.mix(x0, noise, t), t, noise)
    target, sigma = process.target(noised), process.scales(level)[1]
    torch.testing.assert_close(process.denoised(target, noised.x, level), noised.x0)
    torch.testing.assert_close(process.score(target, noised.x, level), -noised.noise / sigma, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_denoiser_is_shown_keeps_its_size(name, generator):
    """Of items of unit variance, at every time."""
    process, x0 = sde(name), torch.randn(4000, 2, generator=generator)
    for t in (torch.full((4000,), level) for level in (0.0, 500.0, 999.0)):
        x = process.noised(x0, t, generator).x
        assert 0.5 < process.shown(x, t).std() < 1.05
        assert torch.equal(process.shown(x, t), process.shown(x, t[0]))


def test_labels_are_time_and_signal_to_noise_ratio():
    assert VPSDE().label(-1) == ("data",)
    assert VESDE(0.5, 2.0).label(499) == ("t 0.5", "1")
    assert VPSDE().label(999) == ("t 1", "4·10⁻⁵")


# Samplers


def draw(system: System, config: SDESamplingConfig, count: int, generator: torch.Generator, **options) -> torch.Tensor:
    return config.build(system)(system, count, generator, **options)


@pytest.mark.parametrize(("sampler", "steps"), [("euler-maruyama", 1000), ("pc", 500), ("heun", 60), ("rk4", 40)])
@pytest.mark.parametrize("name", NAMES)
def test_a_mixture_is_recovered(name, sampler, steps, generator):
    """Means, covariances and shares of the parts, each within its statistical error."""
    draws = 4000
    x = draw(mixture_system(sde(name), THREE), SDESamplingConfig(sampler, steps), draws, generator)
    exact = THREE.draw(100_000, generator)
    for found, expected in (
        (x, exact),
        (products(x, exact.mean(0)), products(exact, exact.mean(0))),
        (THREE.shares(x), THREE.shares(exact)),
        (THREE.log_density(x)[:, None], THREE.log_density(exact)[:, None]),
    ):
        error = (found.mean(0) - expected.mean(0)).abs()
        assert (error < 4.5 * expected.std(0) / math.sqrt(draws)).all(), error / expected.std(0) * math.sqrt(draws)


def products(x: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """(N, 3): the products of two components, both less their mean."""
    a, b = (x - mean).T
    return torch.stack([a * a, a * b, b * b], dim=1)


WIDE = Mixture([0.6, 0.4], [[-0.5, 0.2], [0.7, -0.3]], [0.3, 0.2])


@pytest.mark.parametrize(("sampler", "order"), [("heun", 2), ("rk4", 4)])
@pytest.mark.parametrize("name", NAMES)
def test_order_of_convergence(name, sampler, order):
    """Against many steps of fourth order, from the same noise."""
    system = mixture_system(sde(name, beta_max=5.0, sigma_min=0.1, sigma_max=5.0, t_min=0.01), WIDE)

    def ends(sampler: str, steps: int) -> torch.Tensor:
        return draw(system, SDESamplingConfig(sampler, steps), 50, torch.Generator().manual_seed(1))

    exact = ends("rk4", 320)
    errors = [(ends(sampler, steps) - exact).norm().item() for steps in (40, 80)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_many_steps_of_the_flow_end_where_it_does(name):
    """One Gaussian, whose flow is known: x_t less its mean grows with its standard deviation."""
    one = Mixture([1.0], [[0.3, -0.2]], [0.25])
    process, x = sde(name), {}
    end = draw(
        mixture_system(process, one), SDESamplingConfig("rk4", 200), 20, torch.Generator(), on_step=x.__setitem__
    )
    signal, sigma = process.scales(999)
    widths = [math.sqrt(a**2 * 0.25 + s**2) for a, s in ((signal, sigma), (1, 0))]
    expected = one.means + (x[0] - signal * one.means) * widths[1] / widths[0]
    # E[x_0 | x] at t_min draws in by σ²/(α² Σ + σ²), to first order.
    torch.testing.assert_close(end, expected, rtol=0, atol=2e-3 if name == "ve" else 1e-4)


def spread_of_euler_maruyama(process: SDE, steps: int, variance: float) -> float:
    """The variance that the method ends with, for one item value of N(0, variance)."""
    spread = process.prior_scale**2
    for t, t_next in pairwise(process.grid(steps)):
        h, (signal, sigma) = t - t_next, marginal(process, t)
        factor = 1 - h * (process.drift(t) + process.diffusion(t) ** 2 / (signal**2 * variance + sigma**2))
        spread = factor**2 * spread + process.diffusion(t) ** 2 * h
    signal, sigma = marginal(process, process.t_min)
    return spread * (signal * variance / (signal**2 * variance + sigma**2)) ** 2


@pytest.mark.parametrize("name", NAMES)
def test_euler_maruyama_converges_weakly_with_order_1(name, generator):
    """The variance of one Gaussian is that of the method's recursion, whose error halves with twice the steps."""
    process, variance, draws = sde(name, beta_max=5.0, sigma_min=0.1, sigma_max=3.0, t_min=0.001), 0.1, 100_000
    system = mixture_system(process, Mixture([1.0], [[0.0]], [variance]))
    for steps in (10, 80):
        x = draw(system, SDESamplingConfig("euler-maruyama", steps), draws, generator)
        expected = spread_of_euler_maruyama(process, steps, variance)
        assert x.var().item() == pytest.approx(expected, rel=4.5 * math.sqrt(2 / draws))
    limit, *ends = (spread_of_euler_maruyama(process, steps, variance) for steps in (20_000, 320, 640))
    assert math.log2((ends[0] - limit) / (ends[1] - limit)) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_predicted_makes_no_difference(name, prediction):
    ends = [
        draw(mixture_system(sde(name, prediction=each), THREE), SDESamplingConfig("heun", 10), 5, torch.Generator())
        for each in ("epsilon", prediction)
    ]
    torch.testing.assert_close(*ends, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("sampler", "asked"), [("euler-maruyama", 1), ("pc", 2), ("heun", 2), ("rk4", 4)])
def test_every_step_is_told_and_asks_as_often_as_documented(sampler, asked, generator):
    system, seen = mixture_system(sde("vp"), THREE), {}
    built = SDESamplingConfig(sampler, 7).build(system)
    end = built(system, 3, generator, on_step=seen.__setitem__)
    assert list(seen) == list(range(8))
    assert torch.equal(seen[7], end)
    assert system.denoiser.asked == 7 * asked + 1
    assert len(built.levels) == 7
    assert built.levels[0] == 999
    assert all(a > b for a, b in pairwise((*built.levels, -1)))


def test_chance_comes_from_the_generator_alone():
    system, before = mixture_system(sde("vp"), THREE), torch.random.get_rng_state()
    first, again, other = (
        draw(system, SDESamplingConfig("pc", 5), 3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_items_of_a_batch_know_nothing_of_each_other(generator):
    """Of the corrector, too, whose steps Song et al. fit to the whole batch."""
    system = mixture_system(sde("ve"), THREE)
    step = SDESamplingConfig("pc", 5).build(system).step
    score = lambda x, t: -x.sign()  # noqa: E731
    x = torch.randn(2, 2, generator=generator)
    far = torch.stack([x[0], 100 * x[1]])
    ends = [step(system.process, score, each, 0.5, 0.4, torch.Generator().manual_seed(1))[0] for each in (x, far)]
    assert torch.equal(*ends)


def test_labels_and_guidance_reach_the_denoiser(generator):
    process = sde("vp")
    denoiser = Function(lambda x, t, labels: labels[:, None] * torch.ones_like(x), n_classes=3)
    system = System(Bare(2), denoiser, process)
    config = SDESamplingConfig("heun", 4, guidance=2.0)
    first = draw(system, config, 2, torch.Generator().manual_seed(1), labels=torch.tensor([0, 2]))
    guided_by = [3 + 2.0 * (label - 3) for label in (0, 2)]
    plain = Function(lambda x, t, labels: torch.tensor(guided_by)[:, None] * torch.ones_like(x))
    second = draw(System(Bare(2), plain, process), SDESamplingConfig("heun", 4), 2, torch.Generator().manual_seed(1))
    torch.testing.assert_close(first, second)
    with pytest.raises(UsageError, match="guidance 2, but the denoiser knows no classes"):
        config.build(mixture_system(process, THREE))


def test_the_flow_keeps_the_density(generator):
    """∂p/∂t = -∇·(p v), the continuity equation, of the mixture at some points."""
    for name in NAMES:
        process, time, step = sde(name, sigma_min=0.1, sigma_max=3.0), 0.4, 1e-5
        x = THREE.draw(20, generator).requires_grad_()

        def density(t: float, x: torch.Tensor, process: SDE = process) -> torch.Tensor:
            return THREE.noised(*process.marginal(torch.tensor(t, dtype=DOUBLE))).log_density(x).exp()

        def score(x: torch.Tensor, t: float, process: SDE = process) -> torch.Tensor:
            return THREE.noised(*process.marginal(torch.tensor(t, dtype=DOUBLE))).score(x)

        current = density(time, x)[:, None] * flow(process, score)(x, time)
        spread = sum(torch.autograd.grad(current[:, i].sum(), x, retain_graph=True)[0][:, i] for i in range(2))
        change = (density(time + step, x) - density(time - step, x)) / (2 * step)
        torch.testing.assert_close(change, -spread, rtol=1e-4, atol=1e-6)


def test_denoising_is_learnt_at_continuous_times(generator):
    """Batches hold fractions of levels, the denoiser is shown what the process shows, the loss weighs by the SNR."""
    process = sde("ve", sigma_max=3.0)
    system = System(Bare(2), Function(lambda x, t, labels: 0.25 * x), process)
    objective = DenoiseConfig(p2_gamma=0.5).build(object(), 0)
    objective.check(system)
    x0 = torch.randn(6, 2, generator=generator)
    drawn = objective.draw(system, Batch(x0, None, torch.arange(6)), {}, generator)
    loss, _ = objective.loss(system, drawn)
    sigma = 0.01 * 300 ** ((drawn["t"] + 1) / 1000)
    answer = 0.25 * drawn["x"] / (1 + sigma**2).sqrt()[:, None]
    errors = (answer - (drawn["x"] - x0) / sigma[:, None]).square().mean(1)
    torch.testing.assert_close(loss, ((1 + sigma**-2) ** -0.5 * errors).mean(), rtol=1e-4, atol=0)
    assert drawn["t"].is_floating_point()


# Refusals


def test_an_sde_sampler_on_a_discrete_process_is_refused():
    system = System(Bare(2), nn.Identity(), gaussian(ScheduleConfig()))
    with pytest.raises(UsageError, match="rk4 solves a stochastic differential equation, but was given a GaussianP"):
        SDESamplingConfig("rk4").build(system)


def test_a_scheduler_sampler_on_an_sde_is_refused():
    with pytest.raises(UsageError, match="ddim takes Gaussian noise away level by level, but was given a VPSDE"):
        SchedulerConfig("ddim").build(System(Bare(2), nn.Identity(), VPSDE()))


def test_states_take_no_gaussian_noise():
    with pytest.raises(UsageError, match="images or vectors, but was given states of shape 8"):
        SDEConfig().build(Space("states", (8,)), 0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "vpp"}, "name is 'vpp', but must be one of vp, sub-vp, ve."),
        ({"prediction": "noise"}, "prediction is 'noise'"),
        ({"beta_min": 0.0}, r"\(beta_min, beta_max\) is \(0.0, 20.0\), but must be rising"),
        ({"beta_min": 30.0}, "must be rising, above 0 and at most 1000"),
        ({"beta_max": math.nan}, "must be rising"),
        ({"sigma_min": 60.0}, r"\(sigma_min, sigma_max\) is \(60.0, 50.0\), but must be rising, above 0"),
        ({"sigma_max": math.inf}, "must be rising, above 0"),
        ({"t_min": 0.0}, "t_min is 0.0, but must be above 0 and at most 0.1"),
        ({"t_min": 0.5}, "t_min is 0.5"),
    ],
)
def test_fields_of_a_process_out_of_range_are_refused(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        SDEConfig(**options)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sampler": "ddim"}, "no sampler 'ddim' of an SDE; choose one of euler-maruyama, pc, heun, rk4."),
        ({"steps": 0}, "steps is 0, but must be at least 1."),
        ({"count": -1}, "count is -1, but must be at least 0."),
        ({"guidance": math.nan}, "guidance is nan"),
    ],
)
def test_fields_of_a_sampler_out_of_range_are_refused(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        SDESamplingConfig(**options)


def test_names_and_words_tell_what_differs():
    assert SDESamplingConfig().name == "heun-50"
    assert SDESamplingConfig("pc", 1000, guidance=2.5).name == "pc-1000-g2.5"
    assert SDESamplingConfig("pc", 1000, guidance=2.5).words == ["pc", "1000 steps", "guidance 2.5"]
