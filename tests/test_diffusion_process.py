"""Schedules, the forward process and the objective against their closed forms."""

import math

import pytest
import torch
from diffusers import DDPMScheduler
from torch import nn

from qdiffusion.diffusion import EpsilonObjective, GaussianProcess, ScheduleConfig, cosine_betas, linear_betas
from qdiffusion.errors import UsageError


class Constant(nn.Module):
    """A denoiser that always predicts the same number, and remembers what it was given."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value
        self.calls = []

    def forward(self, sample, timestep, class_labels=None, return_dict=True):
        self.calls.append((sample, timestep, class_labels))
        return (torch.full_like(sample, self.value),)


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
    noisy = process.sample(image.expand(draws, 1, 2, 2), torch.full((draws,), t), generator)
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
        assert process.alphas_cumprod[t].item() == pytest.approx(signal**2, rel=1e-6)


def test_chance_comes_from_the_generator_alone():
    process = GaussianProcess(cosine_betas(10))
    x0, t = torch.zeros(3, 1, 2, 2), torch.tensor([0, 5, 9])
    global_state = torch.random.get_rng_state()
    first, second = (process.sample(x0, t, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), global_state)


@pytest.mark.parametrize(("gamma", "k"), [(0.0, 1.0), (1.0, 1.0), (0.5, 2.0)])
def test_p2_weight_follows_the_signal_to_noise_ratio(gamma, k):
    objective = EpsilonObjective(GaussianProcess(cosine_betas(1000)), gamma, k)
    survival = torch.cumprod(1 - cosine_betas(1000), dim=0)
    expected = (k + survival / (1 - survival)) ** -gamma
    torch.testing.assert_close(objective.weight(torch.arange(1000)).double(), expected, rtol=1e-5, atol=0)


def test_p2_weight_of_the_default_is_the_noise_variance():
    """(1 + ᾱ/(1-ᾱ))^-1 = 1 - ᾱ."""
    process = GaussianProcess(cosine_betas(1000))
    expected = 1 - torch.cumprod(1 - cosine_betas(1000), dim=0)
    torch.testing.assert_close(
        EpsilonObjective(process).weight(torch.arange(1000)).double(), expected, rtol=1e-5, atol=0
    )


def test_loss_is_the_weighted_mean_of_each_images_error(generator):
    """The noise is recovered from what the model was shown, so that the loss can be worked out by hand."""
    objective = EpsilonObjective(GaussianProcess(cosine_betas(20)))
    x0 = torch.linspace(-1, 1, 6 * 2 * 3 * 3).view(6, 2, 3, 3)
    model, labels = Constant(0.25), torch.arange(6)
    loss, logged = objective.loss(model, x0, generator, labels)
    (x_t, t, given_labels), *others = model.calls
    assert not others
    assert torch.equal(given_labels, labels)
    survival = torch.cumprod(1 - cosine_betas(20), dim=0)[t].view(6, 1, 1, 1)
    noise = (x_t - survival.sqrt() * x0) / (1 - survival).sqrt()
    errors = [((0.25 - noise[i]) ** 2).mean().item() for i in range(6)]
    weights = [1 - survival[i].item() for i in range(6)]
    assert loss.item() == pytest.approx(sum(w * e for w, e in zip(weights, errors, strict=True)) / 6, rel=1e-4)
    assert logged["mse"].item() == pytest.approx(sum(errors) / 6, rel=1e-4)
    assert not logged["mse"].requires_grad


def test_noise_levels_are_uniform(generator):
    model = Constant(0.0)
    EpsilonObjective(GaussianProcess(cosine_betas(10))).loss(model, torch.zeros(20_000, 1, 1, 1), generator)
    counts = torch.bincount(model.calls[0][1], minlength=10)
    assert len(counts) == 10
    assert ((counts - 2000).abs() < 5 * math.sqrt(20_000 * 0.1 * 0.9)).all()
