"""Sampling with Gaussians as data, whose exact denoiser is known (`diffusion_toys.ExactDenoiser`)."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from diffusion_toys import DOUBLE, Bare, Function, exact_system, gaussian, independent
from qdiffusion.diffusion import (
    GaussianProcess,
    ScheduleConfig,
    SchedulerConfig,
    System,
    linear_betas,
    trailing_timesteps,
)
from qdiffusion.errors import UsageError

SAMPLERS = ("ddpm", "ddim", "dpmpp")
PREDICTIONS = ("epsilon", "x0", "v", "score")
SMALL = torch.tensor([[0.12, 0.0, 0.0], [0.06, 0.10, 0.0], [-0.05, 0.02, 0.13]], dtype=DOUBLE)
LARGE = torch.tensor([[0.9, 0.0, 0.0], [0.6, 0.5, 0.0], [-0.5, 0.2, 0.7]], dtype=DOUBLE)
MEAN = torch.tensor([0.1, -0.15, 0.05], dtype=DOUBLE)


def draw(system: System, config: SchedulerConfig, count: int, generator: torch.Generator, **options) -> torch.Tensor:
    return config.build(system)(system, count, generator, **options)


def gain(system: System, config: SchedulerConfig) -> torch.Tensor:
    """What a deterministic sampler multiplies each independent pixel's noise by."""
    steps = {}
    out = draw(system, config, 1, torch.Generator().manual_seed(1), on_step=steps.__setitem__)
    return (out / steps[0]).flatten()


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
@pytest.mark.parametrize(
    ("root", "clip", "timesteps"), [(SMALL, True, 4000), (LARGE, False, 1000)], ids=["clipped", "unclipped"]
)
def test_samples_have_the_datas_mean_and_covariance(sampler, root, clip, timesteps, generator):
    """Narrow data need more levels: the variance that T levels miss is of order 0.4 / (T Σ), relatively."""
    draws, process = 4000, gaussian(ScheduleConfig(timesteps=timesteps))
    config = SchedulerConfig(sampler, timesteps, clip=clip)
    x = draw(exact_system(process, MEAN, root), config, draws, generator).flatten(1)
    white = torch.linalg.solve_triangular(root, (x - MEAN).T, upper=False).detach()
    assert (white.mean(1).abs() < 4 / math.sqrt(draws)).all()
    error = torch.cov(white) - torch.eye(3)
    standard_error = torch.full((3, 3), 1 / math.sqrt(draws)).fill_diagonal_(math.sqrt(2 / draws))
    assert (error.abs() < 4 * standard_error).all()


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("steps", [1, 7, 61, 100])
def test_ddim_follows_its_recursion_for_any_number_of_steps(steps, prediction):
    """61 of 1000 steps is where a grid summed up in floating point goes wrong, 7 does not divide T."""
    process, variance = gaussian(ScheduleConfig(), prediction), 0.3
    alphas, expected = torch.cumprod(1 - ScheduleConfig().betas(), dim=0).tolist(), 1.0
    grid = [round(1000 * (steps - i) / steps) - 1 for i in range(steps)]
    for t, t_next in pairwise([*grid, -1]):
        alpha, alpha_next = alphas[t], alphas[t_next] if t_next >= 0 else 1.0
        marginal = alpha * variance + 1 - alpha
        x0, noise = math.sqrt(alpha) * variance / marginal, math.sqrt(1 - alpha) / marginal
        expected *= math.sqrt(alpha_next) * x0 + math.sqrt(1 - alpha_next) * noise
    measured = gain(independent(process, variance), SchedulerConfig("ddim", steps, clip=False))
    assert measured.item() == pytest.approx(expected, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("steps", [7, 61, 300])
def test_ddpm_variance_follows_the_posteriors_recursion(steps, generator):
    """x_next = c_0 x̂₀ + c_t x + √β̃ z, with the posterior's mean and variance between neighbouring levels."""
    process, variance, draws = gaussian(ScheduleConfig()), 0.3, 20_000
    alphas, expected = torch.cumprod(1 - ScheduleConfig().betas(), dim=0).tolist(), 1.0
    grid = [round(1000 * (steps - i) / steps) - 1 for i in range(steps)]
    for t, t_next in pairwise([*grid, -1]):
        alpha, alpha_next = alphas[t], alphas[t_next] if t_next >= 0 else 1.0
        beta = 1 - alpha / alpha_next
        x0 = math.sqrt(alpha) * variance / (alpha * variance + 1 - alpha)
        slope = (math.sqrt(alpha_next) * beta * x0 + math.sqrt(1 - beta) * (1 - alpha_next)) / (1 - alpha)
        expected = slope**2 * expected + (1 - alpha_next) / (1 - alpha) * beta
    x = draw(independent(process, variance), SchedulerConfig("ddpm", steps, clip=False), draws, generator)
    assert abs(x.var().item() / expected - 1) < 4 * math.sqrt(2 / draws)


FINE_LINEAR = linear_betas(20_000, 5e-6, 1e-3)
"""The linear schedule in twenty times as many levels: λ ends where it always does."""


@pytest.mark.parametrize(("sampler", "order"), [("ddim", 1), ("dpmpp", 2)])
def test_order_of_convergence(sampler, order):
    """Error at three quarters of the way, where the exact flow is x_t ∝ √(ᾱ_t Σ + 1 - ᾱ_t).

    The last quarter is left out: the step to no noise at all is of first order for every sampler. With the cosine
    schedule, whose λ = log(α/σ) comes from -∞, the first steps stay as long in λ however many there are, and the error
    of second order gains a factor log(steps).
    """
    process, variance = GaussianProcess(FINE_LINEAR), 0.25
    errors = []
    for steps in (80, 160, 320, 640):
        config, x = SchedulerConfig(sampler, steps, clip=False), {}
        system = independent(process, variance)
        levels = config.build(system).levels
        draw(system, config, 1, torch.Generator().manual_seed(1), on_step=x.__setitem__)
        done = steps * 3 // 4
        start, end = (process.alphas_cumprod[levels[i]] for i in (0, done))
        exact = ((end * variance + 1 - end) / (start * variance + 1 - start)).sqrt()
        errors.append(abs((x[done] / x[0] / exact).item() - 1))
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert orders[-1] == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_second_order_needs_fewer_steps(prediction, schedule):
    """From level T - 1 on, where the cosine schedule is pure noise: no level is left out."""
    process = gaussian(ScheduleConfig(schedule, 1000), prediction)
    variances = torch.tensor([0.05, 0.3, 1.5], dtype=DOUBLE)
    first, second = (
        gain(independent(process, *variances), SchedulerConfig(s, 50, clip=False)) for s in ("ddim", "dpmpp")
    )
    errors = [(measured / variances.sqrt() - 1).abs() for measured in (first, second)]
    assert (errors[1] < errors[0] / 2).all()


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp"])
def test_deterministic_samplers_end_at_the_flow_of_the_data(sampler):
    """x_0 = √(Σ / (ᾱ_T Σ + 1 - ᾱ_T)) x_T: pixel by pixel, so no statistics are needed."""
    variances = torch.tensor([0.1, 0.5, 1.0], dtype=DOUBLE)
    system = independent(gaussian(ScheduleConfig("cosine", 4000)), *variances)
    measured = gain(system, SchedulerConfig(sampler, 1000, clip=False))
    torch.testing.assert_close(measured, variances.sqrt(), rtol=5e-3, atol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("prediction", ["x0", "v"])
def test_a_last_level_of_pure_noise_is_no_obstacle(sampler, prediction, generator):
    """ᾱ = 0, λ = -∞ at the first step, where ε says nothing of x0, but x0 and v do."""
    process = GaussianProcess(torch.cat([linear_betas(99, 1e-3, 0.1), torch.ones(1, dtype=DOUBLE)]), prediction)
    system, draws = exact_system(process, MEAN, LARGE), 4000
    x = draw(system, SchedulerConfig(sampler, 100, clip=False), draws, generator).flatten(1)
    assert x.isfinite().all()
    assert ((x.mean(0) - MEAN).abs() < 5 * (LARGE @ LARGE.T).diag().sqrt() / math.sqrt(draws)).all()
    torch.testing.assert_close(torch.cov(x.T), LARGE @ LARGE.T, rtol=0.15, atol=0.03)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_clipping_keeps_a_wild_prediction_in_range(sampler, generator):
    """A denoiser that always points far outside ends at exactly ±1 when clipped, beyond when not."""
    system = System(
        Bare(1, 3, 3), Function(lambda x, t, labels: torch.full_like(x, -100.0)), gaussian(ScheduleConfig("cosine", 50))
    )
    clipped, free = (draw(system, SchedulerConfig(sampler, 10, clip=clip), 2, generator) for clip in (True, False))
    torch.testing.assert_close(clipped, torch.ones(2, 1, 3, 3), rtol=0, atol=1e-6)
    assert free.min() > 1.5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sampling_repeats_bit_for_bit_from_its_generator(sampler):
    system = independent(gaussian(ScheduleConfig("cosine", 40)), 0.2, 0.4)
    global_state = torch.random.get_rng_state()
    first, second, other = (
        draw(system, SchedulerConfig(sampler, 8), 3, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), global_state)


@pytest.mark.parametrize(("sampler", "draws"), [("ddpm", 5), ("ddim", 1), ("dpmpp", 1)])
def test_chance_is_drawn_as_it_always_was(sampler, draws, generator):
    """The first noise at once for all, then, for ancestral sampling alone, noise for each step but the last."""
    draw(independent(gaussian(ScheduleConfig("cosine", 40)), 0.2, 0.4), SchedulerConfig(sampler, 5), 3, generator)
    same = torch.Generator().manual_seed(0)
    for _ in range(draws):
        torch.randn(3, 1, 1, 2, generator=same)
    assert torch.equal(generator.get_state(), same.get_state())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_step_is_reported_and_asks_the_denoiser_once(sampler, generator):
    denoiser, steps = Function(lambda x, t, labels: x), []
    config = SchedulerConfig(sampler, 5)
    system = System(Bare(1, 2, 2), denoiser, gaussian(ScheduleConfig("linear", 30)))
    out = draw(system, config, 2, generator, on_step=lambda done, x: steps.append((done, x)))
    assert [done for done, _ in steps] == [0, 1, 2, 3, 4, 5]
    noise = torch.randn(2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(steps[0][1], noise)
    assert torch.equal(steps[-1][1], out)
    assert [int(t) for _, t, _ in denoiser.calls] == list(config.build(system).levels) == [29, 23, 17, 11, 5]
    assert all(x is before for (x, _, _), (_, before) in zip(denoiser.calls, steps[:-1], strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, DOUBLE])
def test_x_has_the_denoisers_precision_and_leaves_no_gradient(dtype, generator):
    denoiser = Function(lambda x, t, labels: denoiser.scale * x)
    denoiser.scale = nn.Parameter(torch.tensor(0.5, dtype=dtype))
    x = draw(System(Bare(7), denoiser, gaussian(ScheduleConfig())), SchedulerConfig("ddpm", 3), 2, generator)
    assert x.dtype == dtype
    assert x.shape == (2, 7)
    assert not x.requires_grad


@pytest.mark.parametrize("timesteps", [1, 10, 97, 1000])
def test_the_grid_is_even_descending_and_starts_at_the_last_level(timesteps):
    for steps in range(1, timesteps + 1):
        grid = trailing_timesteps(timesteps, steps)
        gaps = {a - b for a, b in pairwise([*grid, -1])}
        assert len(grid) == steps
        assert grid[0] == timesteps - 1
        assert min(gaps) >= 1
        assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("timesteps", [1, 2, 5, 17])
@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_number_of_steps_is_possible(sampler, schedule, timesteps, generator):
    """The last step lands on the clipped item itself."""
    system = independent(gaussian(ScheduleConfig(schedule, timesteps)), 0.2)
    for steps in range(1, timesteps + 1):
        assert draw(system, SchedulerConfig(sampler, steps), 1, generator).abs().max() <= 1 + 1e-12


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_more_steps_than_levels_are_refused(sampler):
    with pytest.raises(UsageError, match="Sampling got 41 steps; give 1 to 40, the noise levels of the training"):
        SchedulerConfig(sampler, 41).build(independent(gaussian(ScheduleConfig("cosine", 40)), 0.2))


def test_a_process_that_is_not_gaussian_is_refused():
    with pytest.raises(
        UsageError, match="ddim takes Gaussian noise away level by level, but was given a Identity; choose"
    ):
        SchedulerConfig().build(System(Bare(2), nn.Identity(), nn.Identity()))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sampler": "euler"}, "There is no sampler 'euler'; choose one of ddpm, ddim, dpmpp."),
        ({"steps": 0}, "steps is 0, but must be at least 1."),
        ({"count": -1}, "count is -1, but must be at least 0."),
        ({"guidance": -0.5}, "guidance is -0.5, but must be a number of at least 0."),
        ({"guidance": math.nan}, "guidance is nan"),
        ({"guidance": math.inf}, "guidance is inf"),
        ({"sampler": "ddpm", "variance": "large"}, "variance is 'large', but must be one of posterior, beta."),
        ({"variance": "beta"}, "variance beta was given for the sampler ddim, which adds no noise; choose ddpm"),
    ],
)
def test_fields_out_of_range_are_refused(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        SchedulerConfig(**options)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (SchedulerConfig(), "ddim-50"),
        (SchedulerConfig("dpmpp", 7, guidance=2.5), "dpmpp-7-g2.5"),
        (SchedulerConfig("ddpm", 1000, guidance=0.0), "ddpm-1000-g0"),
        (SchedulerConfig("ddpm", 7, variance="beta"), "ddpm-7-beta"),
    ],
)
def test_names_tell_what_differs(config, name):
    assert config.name == name


def test_people_are_told_the_same_in_words():
    assert SchedulerConfig().words == ["ddim", "50 steps"]
    assert SchedulerConfig("dpmpp", 7, guidance=2.5).words == ["dpmpp", "7 steps", "guidance 2.5"]
    assert SchedulerConfig("ddpm", 7, variance="beta").words == ["ddpm", "7 steps", "variance beta"]
