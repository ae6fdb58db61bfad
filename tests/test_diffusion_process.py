"""Schedules and the Gaussian forward process against their closed forms."""

import math

import pytest
import torch
from diffusers import DDPMScheduler

from diffusion_toys import gaussian
from qdiffusion.data.space import Space
from qdiffusion.diffusion import GaussianConfig, GaussianProcess, ScheduleConfig, cosine_betas, linear_betas
from qdiffusion.errors import UsageError

PREDICTIONS = ("epsilon", "x0", "v", "score")


@pytest.mark.parametrize("timesteps", [1, 7, 1000])
def test_cosine_betas_give_back_the_cosine(timesteps):
    alphas_cumprod = torch.cumprod(1 - cosine_betas(timesteps, max_beta=1.0), dim=0)
    for t in range(timesteps):
        angle = ((t + 1) / timesteps + 0.008) / 1.008 * math.pi / 2
        start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
        assert alphas_cumprod[t].item() == pytest.approx(math.cos(angle) ** 2 / start, abs=1e-12)


def test_cosine_betas_stop_short_of_destroying_everything_at_once():
    betas = cosine_betas(1000)
    assert betas.max() == 0.999
    assert (betas.diff() >= 0).all()


@pytest.mark.parametrize(("name", "theirs"), [("cosine", "squaredcos_cap_v2"), ("linear", "linear")])
def test_schedules_are_those_of_diffusers(name, theirs):
    expected = DDPMScheduler(num_train_timesteps=200, beta_schedule=theirs).betas
    torch.testing.assert_close(ScheduleConfig(name, 200).betas().float(), expected, rtol=1e-4, atol=1e-7)


def test_linear_betas_are_evenly_spaced():
    betas = linear_betas(11, start=0.1, end=0.2)
    torch.testing.assert_close(betas, torch.arange(11, dtype=torch.float64) * 0.01 + 0.1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "build", [lambda: ScheduleConfig("sine"), lambda: ScheduleConfig("linear", 0), lambda: cosine_betas(-1)]
)
def test_impossible_schedules_are_refused(build):
    with pytest.raises(UsageError):
        build()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("betas", [torch.tensor([0.1, 1.5]), torch.tensor([[0.1]]), torch.tensor([float("nan")])])
def test_betas_which_are_no_variances_are_refused(betas):
    with pytest.raises(UsageError, match="between 0 and 1"):
        GaussianProcess(betas)


@pytest.mark.parametrize("t", [0, 40, 99])
def test_forward_marginal_has_its_closed_form_mean_and_variance(t, generator):
    process = GaussianProcess(cosine_betas(100))
    draws, image = 20_000, torch.tensor([[-1.0, 0.3], [0.0, 0.9]])
    noisy = process.noised(image.expand(draws, 1, 2, 2), torch.full((draws,), t), generator).x
    survival = math.prod((1 - cosine_betas(100)[: t + 1]).tolist())
    standard_error = math.sqrt((1 - survival) / draws)
    assert ((noisy.mean(0) - math.sqrt(survival) * image).abs() < 5 * standard_error).all()
    assert ((noisy.var(0) / (1 - survival) - 1).abs() < 5 * math.sqrt(2 / draws)).all()


def test_forward_steps_chain_to_the_marginal(generator):
    """Adding the noise of one step after the other gives the same scales as jumping there."""
    betas = linear_betas(50)
    process = GaussianProcess(betas)
    signal, variance = 1.0, 0.0
    for t, beta in enumerate(betas.tolist()):
        signal, variance = signal * math.sqrt(1 - beta), variance * (1 - beta) + beta
        assert process.signal_scale[t].item() == pytest.approx(signal, rel=1e-6)
        assert process.noise_scale[t].item() ** 2 == pytest.approx(variance, rel=1e-6)
        assert process.scales(t) == pytest.approx((signal, math.sqrt(variance)), rel=1e-9)


def test_chance_comes_from_the_generator_alone():
    process = GaussianProcess(cosine_betas(10))
    x0, t = torch.zeros(3, 1, 2, 2), torch.tensor([0, 5, 9])
    global_state = torch.random.get_rng_state()
    first, second = (process.noised(x0, t, torch.Generator().manual_seed(3)).x for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(*(process.levels(50, torch.Generator().manual_seed(3)) for _ in range(2)))
    assert torch.equal(torch.random.get_rng_state(), global_state)


def test_levels_are_uniform(generator):
    counts = torch.bincount(GaussianProcess(cosine_betas(10)).levels(20_000, generator), minlength=10)
    assert len(counts) == 10
    assert ((counts - 2000).abs() < 5 * math.sqrt(20_000 * 0.1 * 0.9)).all()


def test_an_item_has_the_same_noise_at_every_level():
    process, x0 = gaussian(ScheduleConfig("cosine", 30)), torch.linspace(-1, 1, 8).view(2, 1, 2, 2)
    low, high = (process.noised(x0, torch.full((2,), t), torch.Generator().manual_seed(4)) for t in (3, 29))
    assert torch.equal(low.noise, high.noise)
    assert not torch.equal(low.x, high.x)


@pytest.mark.parametrize("t", [0, 17, 29])
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_item_and_noise_are_found_again_in_the_target(prediction, t, generator):
    """What the denoiser is trained to say is what sampling reads from it."""
    process = gaussian(ScheduleConfig("linear", 30), prediction)
    x0 = torch.randn(5, 1, 2, 2, generator=generator)
    noised = process.noised(x0, torch.full((5,), t), generator)
    found = process.denoised(process.target(noised), noised.x, t)
    torch.testing.assert_close(found, x0, rtol=0, atol=1e-4)
    torch.testing.assert_close(process.noise_beside(x0, noised.x, t), noised.noise, rtol=0, atol=1e-4)


@pytest.mark.parametrize("t", [0, 17, 29])
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_score_is_the_gradient_of_the_log_density(prediction, t, generator):
    """Of q(x_t | x_0) where the denoiser gives the target of one item, whatever it is asked for."""
    process = gaussian(ScheduleConfig("linear", 30), prediction)
    noised = process.noised(torch.randn(5, 1, 2, 2, generator=generator), torch.full((5,), t), generator)
    signal, noise = process.scales(t)
    x = noised.x.clone().requires_grad_()
    density = torch.distributions.Normal(signal * noised.x0, noise).log_prob(x).sum()
    (gradient,) = torch.autograd.grad(density, x)
    found = process.score(process.target(noised), noised.x, t)
    torch.testing.assert_close(found, gradient, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("t", [0, 500, 999])
def test_v_is_the_way_that_x_moves(t, generator):
    """With √ᾱ = cos φ and √(1 - ᾱ) = sin φ, v = dx/dφ (Salimans and Ho 2022, appendix D)."""
    process = gaussian(ScheduleConfig(), "v")
    noised = process.noised(torch.randn(5, 1, 2, 2, generator=generator), torch.full((5,), t), generator)
    signal, noise = process.scales(t)
    angle, x0, epsilon = math.atan2(noise, signal), noised.x0.double(), noised.noise.double()
    there, back = (math.cos(angle + step) * x0 + math.sin(angle + step) * epsilon for step in (1e-5, -1e-5))
    torch.testing.assert_close(process.target(noised).double(), (there - back) / 2e-5, rtol=0, atol=1e-5)


def test_the_ends_of_the_scale_of_noise():
    process = GaussianProcess(torch.tensor([0.5, 1.0]))
    assert process.scales(-1) == (1.0, 0.0)
    assert process.scales(1) == (0.0, 1.0)
    assert process.half_log_snr(-1) == math.inf
    assert process.half_log_snr(0) == pytest.approx(0, abs=1e-12)
    assert process.half_log_snr(1) == -math.inf


@pytest.mark.parametrize(
    ("betas", "t", "label"),
    [
        ([0.5, 0.5], -1, ("data",)),
        ([0.5, 0.5], 0, ("t 0", "1")),
        ([0.5, 0.5], 1, ("t 1", "0.33")),
        ([0.1, 1.0], 1, ("t 1", "0")),
        ([0.04], 0, ("t 0", "24")),
        ([5e-5], 0, ("t 0", "2·10⁴")),
        ([1 - 2e-4], 0, ("t 0", "2·10⁻⁴")),
        ([0.005], 0, ("t 0", "199")),
        ([0.0], 0, ("t 0", "inf")),
    ],
)
def test_labels_are_level_and_signal_to_noise_ratio(betas, t, label):
    assert GaussianProcess(torch.tensor(betas, dtype=torch.float64)).label(t) == label


def test_a_process_on_another_device_keeps_its_exact_numbers():
    """Sampling reads its coefficients as Python numbers: no wait for a device, no rounding with the weights."""
    process = gaussian(ScheduleConfig("cosine", 30))
    exact = [process.scales(t) for t in range(30)]
    moved = process.to(torch.float16).to("meta")
    assert moved.signal_scale.device.type == "meta"
    assert [moved.scales(t) for t in range(30)] == exact


@pytest.mark.parametrize("kind", ["images", "vectors"])
def test_items_of_real_numbers_take_gaussian_noise(kind):
    process = GaussianConfig(ScheduleConfig("linear", 20)).build(Space(kind, (8,)), 0)
    assert process.timesteps == GaussianConfig(ScheduleConfig("linear", 20)).timesteps == 20
    assert torch.equal(process.alphas_cumprod, torch.cumprod(1 - linear_betas(20), dim=0))


def test_states_take_no_gaussian_noise():
    with pytest.raises(UsageError, match="images or vectors, but was given states of shape 8"):
        GaussianConfig().build(Space("states", (8,)), 0)


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_prediction_is_refused():
    with pytest.raises(UsageError, match="prediction is 'noise', but must be one of epsilon, x0, v, score"):
        GaussianConfig(prediction="noise")
