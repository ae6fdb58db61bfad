"""Sampling with Gaussians as data, whose exact denoiser is known.

For x₀ ~ N(μ, Σ):  x_t ~ N(√ᾱ μ, ᾱ Σ + (1-ᾱ) 1),  E[ε | x_t] = √(1-ᾱ) (ᾱ Σ + (1-ᾱ) 1)⁻¹ (x_t - √ᾱ μ).
"""

import math
from itertools import pairwise

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from torch import nn

from qdiffusion.diffusion import SAMPLERS, ScheduleConfig, make_scheduler, sample, set_timesteps
from qdiffusion.diffusion.schedulers import trailing_timesteps
from qdiffusion.errors import UsageError

# diffusers' DPM-Solver++ hands a tensor to np.array in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SMALL = torch.tensor([[0.12, 0.0, 0.0], [0.06, 0.10, 0.0], [-0.05, 0.02, 0.13]], dtype=torch.float64)
LARGE = torch.tensor([[0.9, 0.0, 0.0], [0.6, 0.5, 0.0], [-0.5, 0.2, 0.7]], dtype=torch.float64)
MEAN = torch.tensor([0.1, -0.15, 0.05], dtype=torch.float64)


def survival(schedule: ScheduleConfig) -> torch.Tensor:
    return torch.cumprod(1 - schedule.betas(), dim=0)


class ExactDenoiser(nn.Module):
    """ε of Gaussian data N(mean, root rootᵀ), in float64; images are (N, 1, 1, len(mean))."""

    def __init__(self, schedule: ScheduleConfig, mean: torch.Tensor, root: torch.Tensor) -> None:
        super().__init__()
        self.mean = nn.Parameter(mean)
        self.alphas_cumprod = survival(schedule)
        self.covariance = root @ root.T

    def forward(self, sample, timestep, class_labels=None, return_dict=True):
        alpha = self.alphas_cumprod[timestep]
        marginal = alpha * self.covariance + (1 - alpha) * torch.eye(len(self.mean), dtype=torch.float64)
        centred = sample.flatten(1) - alpha.sqrt() * self.mean
        return ((1 - alpha).sqrt() * torch.linalg.solve(marginal, centred.T).T.view_as(sample),)


def independent_denoiser(schedule: ScheduleConfig, *variances: float) -> ExactDenoiser:
    root = torch.tensor(variances, dtype=torch.float64).sqrt().diag()
    return ExactDenoiser(schedule, torch.zeros(len(variances), dtype=torch.float64), root)


def gain(model: nn.Module, scheduler: object, steps: int) -> torch.Tensor:
    """What a deterministic sampler multiplies each independent pixel's noise by."""
    pixels = len(model.mean)
    noise = torch.randn(1, pixels, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    out = sample(model, scheduler, (1, 1, 1, pixels), steps, torch.Generator().manual_seed(1))
    return (out.flatten(1) / noise)[0]


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
@pytest.mark.parametrize(
    ("root", "clip", "timesteps"), [(SMALL, True, 4000), (LARGE, False, 1000)], ids=["clipped", "unclipped"]
)
def test_samples_have_the_datas_mean_and_covariance(sampler, root, clip, timesteps, generator):
    """Narrow data need more levels: the variance that T levels miss is of order 0.4 / (T Σ), relatively."""
    schedule, draws, steps = ScheduleConfig(timesteps=timesteps), 4000, timesteps
    model = ExactDenoiser(schedule, MEAN, root)
    x = sample(model, make_scheduler(sampler, schedule, clip), (draws, 1, 1, 3), steps, generator).flatten(1)
    white = torch.linalg.solve_triangular(root, (x - MEAN).T, upper=False).detach()
    assert (white.mean(1).abs() < 4 / math.sqrt(draws)).all()
    error = torch.cov(white) - torch.eye(3)
    standard_error = torch.full((3, 3), 1 / math.sqrt(draws)).fill_diagonal_(math.sqrt(2 / draws))
    assert (error.abs() < 4 * standard_error).all()


@pytest.mark.parametrize("steps", [7, 61, 100])
def test_ddim_follows_its_recursion_for_any_number_of_steps(steps):
    """61 of 1000 steps is where diffusers' own grid goes wrong, 7 does not divide T."""
    schedule, variance = ScheduleConfig(), 0.3
    alphas, expected = survival(schedule).tolist(), 1.0
    grid = [round(1000 * (steps - i) / steps) - 1 for i in range(steps)]
    for t, t_next in pairwise([*grid, -1]):
        alpha, alpha_next = alphas[t], alphas[t_next] if t_next >= 0 else 1.0
        marginal = alpha * variance + 1 - alpha
        x0, noise = math.sqrt(alpha) * variance / marginal, math.sqrt(1 - alpha) / marginal
        expected *= math.sqrt(alpha_next) * x0 + math.sqrt(1 - alpha_next) * noise
    measured = gain(independent_denoiser(schedule, variance), make_scheduler("ddim", schedule, clip=False), steps)
    assert measured.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("steps", [7, 61, 300])
def test_ddpm_variance_follows_the_posteriors_recursion(steps, generator):
    """x_next = c_0 x̂₀ + c_t x + √β̃ z, with the posterior's mean and variance between neighbouring levels."""
    schedule, variance, draws = ScheduleConfig(), 0.3, 20_000
    alphas, expected = survival(schedule).tolist(), 1.0
    grid = [round(1000 * (steps - i) / steps) - 1 for i in range(steps)]
    for t, t_next in pairwise([*grid, -1]):
        alpha, alpha_next = alphas[t], alphas[t_next] if t_next >= 0 else 1.0
        beta = 1 - alpha / alpha_next
        x0 = math.sqrt(alpha) * variance / (alpha * variance + 1 - alpha)
        slope = (math.sqrt(alpha_next) * beta * x0 + math.sqrt(1 - beta) * (1 - alpha_next)) / (1 - alpha)
        expected = slope**2 * expected + (1 - alpha_next) / (1 - alpha) * beta
    model = independent_denoiser(schedule, variance)
    x = sample(model, make_scheduler("ddpm", schedule, clip=False), (draws, 1, 1, 1), steps, generator)
    assert abs(x.var().item() / expected - 1) < 4 * math.sqrt(2 / draws)


@pytest.mark.parametrize(("sampler", "order"), [("ddim", 1), ("dpmpp", 2)])
def test_order_of_convergence(sampler, order):
    """Error at three quarters of the way, where the exact flow is x_t ∝ √(ᾱ_t Σ + 1 - ᾱ_t).

    The last quarter is left out: the step to no noise at all is of first order for every sampler.
    """
    schedule = ScheduleConfig("cosine", 20_000)
    alphas, variance = survival(schedule), 0.25
    errors = []
    for steps in (40, 80, 160, 320):
        scheduler, levels = make_scheduler(sampler, schedule, clip=False), {}
        model = independent_denoiser(schedule, variance)
        sample(model, scheduler, (1, 1, 1, 1), steps, torch.Generator().manual_seed(1), on_step=levels.__setitem__)
        done = steps * 3 // 4
        noise = torch.randn(1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        start, end = (alphas[scheduler.timesteps[i]] for i in (0, done))
        exact = ((end * variance + 1 - end) / (start * variance + 1 - start)).sqrt()
        errors.append(abs(levels[done].item() / (noise * exact).item() - 1))
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert orders[-1] == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp"])
def test_deterministic_samplers_end_at_the_flow_of_the_data(sampler):
    """x_0 = √(Σ / (ᾱ_T Σ + 1 - ᾱ_T)) x_T: pixel by pixel, so no statistics are needed."""
    schedule = ScheduleConfig("cosine", 4000)
    variances = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
    measured = gain(independent_denoiser(schedule, *variances), make_scheduler(sampler, schedule, clip=False), 1000)
    torch.testing.assert_close(measured, variances.sqrt(), rtol=5e-3, atol=0)


def test_schedulers_of_diffusers_with_another_scale_end_at_the_flow_of_the_data():
    """Euler's x is √(1 + σ²) times ours: the noise it starts from and what the model is shown must be scaled."""

    class OnWholeLevels(ExactDenoiser):
        def forward(self, sample, timestep, class_labels=None, return_dict=True):
            return super().forward(sample, timestep.long())

    schedule = ScheduleConfig("linear", 1000)
    variances = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
    model = OnWholeLevels(schedule, torch.zeros(3, dtype=torch.float64), variances.sqrt().diag())
    scheduler = EulerDiscreteScheduler(trained_betas=schedule.betas().numpy(), timestep_spacing="trailing")
    torch.testing.assert_close(gain(model, scheduler, 500), variances.sqrt(), rtol=0.02, atol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_clipping_keeps_a_wild_prediction_in_range(sampler, generator):
    """A model that always points far outside ends at exactly ±1 when clipped, beyond when not."""

    class Wild(nn.Module):
        def forward(self, sample, timestep, class_labels=None, return_dict=True):
            return (-100 * torch.ones_like(sample),)

    schedule = ScheduleConfig("cosine", 50)
    clipped, free = (
        sample(Wild(), make_scheduler(sampler, schedule, clip), (2, 1, 3, 3), 10, generator) for clip in (True, False)
    )
    torch.testing.assert_close(clipped, torch.ones(2, 1, 3, 3), rtol=0, atol=1e-6)
    assert free.min() > 1.5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sampling_repeats_bit_for_bit_from_its_generator(sampler):
    schedule = ScheduleConfig("cosine", 40)
    model = independent_denoiser(schedule, 0.2, 0.4)
    global_state = torch.random.get_rng_state()
    first, second, other = (
        sample(model, make_scheduler(sampler, schedule), (3, 1, 1, 2), 8, torch.Generator().manual_seed(seed))
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), global_state)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_step_is_reported_and_labels_reach_the_model(sampler, generator):
    seen = []

    class Labelled(nn.Module):
        def forward(self, sample, timestep, class_labels=None, return_dict=True):
            seen.append((int(timestep), class_labels))
            return (sample,)

    labels, steps = torch.tensor([3, 1]), []
    scheduler = make_scheduler(sampler, ScheduleConfig("linear", 30))
    out = sample(Labelled(), scheduler, (2, 1, 2, 2), 5, generator, labels, lambda done, x: steps.append((done, x)))
    assert [done for done, _ in steps] == [0, 1, 2, 3, 4, 5]
    noise = torch.randn(2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(steps[0][1], noise)
    assert torch.equal(steps[-1][1], out)
    assert seen[0][0] == 29
    assert all(given is labels for _, given in seen)


@pytest.mark.parametrize("timesteps", [1, 10, 97, 1000])
def test_the_grid_is_even_descending_and_starts_at_the_last_level(timesteps):
    for steps in range(1, timesteps + 1):
        grid = trailing_timesteps(timesteps, steps)
        gaps = {a - b for a, b in pairwise([*grid, -1])}
        assert len(grid) == steps
        assert grid[0] == timesteps - 1
        assert min(gaps) >= 1
        assert max(gaps) - min(gaps) <= 1


def test_samplers_are_diffusers_schedulers():
    kinds = {"ddpm": DDPMScheduler, "ddim": DDIMScheduler, "dpmpp": DPMSolverMultistepScheduler}
    assert set(kinds) == set(SAMPLERS)
    for name, kind in kinds.items():
        assert isinstance(make_scheduler(name, ScheduleConfig()), kind)


@pytest.mark.parametrize(("sampler", "steps"), [("ddpm", 0), ("ddim", -3), ("ddim", 41), ("dpmpp", 41), ("dpmpp", 40)])
def test_impossible_numbers_of_steps_are_refused_before_the_model_runs(sampler, steps, generator):
    class Never(nn.Module):
        def forward(self, *_):
            raise AssertionError("the model ran")

    with pytest.raises(UsageError, match=str(abs(steps))):
        sample(Never(), make_scheduler(sampler, ScheduleConfig("cosine", 40)), (1, 1, 2, 2), steps, generator)


@pytest.mark.parametrize("timesteps", [2, 5, 40, 1000])
@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_half_of_the_levels_is_always_possible(timesteps, name, generator):
    """What the refusal of too many steps advises; the last step lands on the clipped image itself."""
    schedule = ScheduleConfig(name, timesteps)
    scheduler = make_scheduler("dpmpp", schedule)
    set_timesteps(scheduler, timesteps // 2)
    out = sample(independent_denoiser(schedule, 0.2), scheduler, (1, 1, 1, 1), timesteps // 2, generator)
    assert out.abs().max() <= 1


def test_an_unknown_sampler_is_refused():
    with pytest.raises(UsageError, match="ddpm, ddim, dpmpp"):
        make_scheduler("euler", ScheduleConfig())
