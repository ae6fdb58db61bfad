"""Objectives against what can be worked out by hand."""

import math

import pytest
import torch
from torch import nn

from diffusion_toys import Bare, Function, gaussian
from qdiffusion.diffusion import (
    DenoiseConfig,
    GaussianConfig,
    ReconstructConfig,
    ScheduleConfig,
    System,
    cosine_betas,
)
from qdiffusion.diffusion.system import Batch
from qdiffusion.errors import UsageError

SCHEDULE = ScheduleConfig("cosine", 20)
FORWARD = GaussianConfig(SCHEDULE)
X0 = torch.linspace(-1, 1, 6 * 2 * 3 * 3).view(6, 2, 3, 3)
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def system(answer=lambda x, t, labels: 0.25 * x, n_classes=0, prediction="epsilon") -> System:
    return System(Bare(2, 3, 3), Function(answer, n_classes), gaussian(SCHEDULE, prediction))


def batch(items: torch.Tensor, labels: torch.Tensor | None = None) -> Batch:
    return Batch(items, labels, torch.arange(len(items)))


@pytest.mark.parametrize(("gamma", "k"), [(0.0, 1.0), (1.0, 1.0), (0.5, 2.0)])
def test_p2_weight_follows_the_signal_to_noise_ratio(gamma, k):
    objective = DenoiseConfig(gamma, k).build(FORWARD, 0)
    survival = torch.cumprod(1 - cosine_betas(1000), dim=0)
    expected = (k + survival / (1 - survival)) ** -gamma
    weight = objective.weight(gaussian(ScheduleConfig()), torch.arange(1000))
    torch.testing.assert_close(weight.double(), expected, rtol=1e-5, atol=0)


def test_p2_weight_of_the_default_is_the_noise_variance():
    """(1 + ᾱ/(1-ᾱ))^-1 = 1 - ᾱ."""
    expected = 1 - torch.cumprod(1 - cosine_betas(1000), dim=0)
    weight = DenoiseConfig().build(FORWARD, 0).weight(gaussian(ScheduleConfig()), torch.arange(1000))
    torch.testing.assert_close(weight.double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v", "score"])
def test_loss_is_the_weighted_mean_of_each_items_error(prediction, generator):
    """The noise is recovered from what the denoiser was shown, so that the loss can be worked out by hand."""
    objective, whole = DenoiseConfig().build(FORWARD, 0), system(prediction=prediction)
    draw = objective.draw(whole, batch(X0, LABELS), {}, generator)
    loss, logged = objective.loss(whole, draw)
    (x_t, t, labels), *others = whole.denoiser.calls
    assert not others
    assert labels is None
    survival = torch.cumprod(1 - cosine_betas(20), dim=0)[t].view(6, 1, 1, 1)
    noise = (x_t - survival.sqrt() * X0) / (1 - survival).sqrt()
    target = {
        "epsilon": noise,
        "x0": X0,
        "v": survival.sqrt() * noise - (1 - survival).sqrt() * X0,
        "score": -noise / (1 - survival).sqrt(),
    }[prediction]
    errors = [((0.25 * x_t[i] - target[i]) ** 2).mean().item() for i in range(6)]
    weights = [1 - survival[i].item() for i in range(6)]
    assert loss.item() == pytest.approx(sum(w * e for w, e in zip(weights, errors, strict=True)) / 6, rel=1e-4)
    assert logged.keys() == {"mse"}
    assert logged["mse"].item() == pytest.approx(sum(errors) / 6, rel=1e-4)


def test_loss_trains_the_denoiser_and_what_is_logged_does_not():
    scale = nn.Parameter(torch.tensor(0.5))
    whole, objective = system(lambda x, t, labels: scale * x), DenoiseConfig().build(FORWARD, 0)
    loss, logged = objective.loss(whole, objective.draw(whole, batch(X0), {}, torch.Generator().manual_seed(1)))
    assert not logged["mse"].requires_grad
    assert torch.autograd.grad(loss, scale)[0] != 0


@pytest.mark.parametrize("n_classes", [0, 3])
def test_chance_is_drawn_as_it_always_was(n_classes):
    """Levels, then noise, then labels, if there are any: runs of before and after give the same losses, bit for bit."""
    whole, generator, same = (
        system(n_classes=n_classes),
        torch.Generator().manual_seed(7),
        torch.Generator().manual_seed(7),
    )
    draw = DenoiseConfig(label_dropout=0.5).build(FORWARD, 0).draw(whole, batch(X0, LABELS), {}, generator)
    t = torch.randint(20, (6,), generator=same)
    noise = torch.randn(6, 2, 3, 3, generator=same)
    process = whole.process
    columns = (process.signal_scale[t].view(6, 1, 1, 1), process.noise_scale[t].view(6, 1, 1, 1))
    expected = {"x0": X0, "x": columns[0] * X0 + columns[1] * noise, "t": t, "noise": noise}
    if n_classes:
        expected["labels"] = torch.where(torch.rand(6, generator=same) < 0.5, 3, LABELS)
    assert draw.keys() == expected.keys()
    assert all(torch.equal(draw[name], tensor) for name, tensor in expected.items())
    assert torch.equal(generator.get_state(), same.get_state())


@pytest.mark.parametrize("dropout", [0.0, 0.3, 1.0])
def test_labels_are_hidden_with_their_probability(dropout, generator):
    n = 20_000
    labels = torch.arange(n) % 3
    whole = system(n_classes=3)
    objective = DenoiseConfig(label_dropout=dropout).build(FORWARD, 0)
    draw = objective.draw(whole, batch(torch.zeros(n, 1), labels), {}, generator)
    hidden = draw["labels"] == 3
    assert torch.equal(draw["labels"][~hidden], labels[~hidden])
    assert abs(hidden.double().mean() - dropout) <= 5 * math.sqrt(dropout * (1 - dropout) / n)
    objective.loss(whole, draw)
    assert whole.denoiser.calls[0][2] is draw["labels"]


def test_the_loss_of_a_batch_is_the_mean_of_its_parts(generator):
    objective, whole = DenoiseConfig().build(FORWARD, 0), system()
    objective.check(whole)
    draw = objective.draw(whole, batch(X0), {}, generator)
    parts = [objective.loss(whole, {name: tensor[i : i + 2] for name, tensor in draw.items()})[0] for i in (0, 2, 4)]
    assert objective.splittable
    torch.testing.assert_close(torch.stack(parts).mean(), objective.loss(whole, draw)[0])


def test_the_codec_encodes_without_being_trained(generator):
    class Scaled(Bare):
        def __init__(self):
            super().__init__(2, 3, 3)
            self.factor = nn.Parameter(torch.tensor(0.5))

        def encode(self, items):
            return self.factor * items

    whole = System(Scaled(), Function(lambda x, t, labels: x), gaussian(SCHEDULE))
    draw = DenoiseConfig().build(FORWARD, 0).draw(whole, batch(X0), {}, generator)
    assert torch.equal(draw["x0"], 0.5 * X0)
    assert not any(tensor.requires_grad for tensor in draw.values())


def test_reconstruction_is_the_mean_squared_error(generator):
    class Affine(Bare):
        def __init__(self):
            super().__init__(4)
            self.factor = nn.Parameter(torch.tensor(0.5))

        def reconstruct(self, items):
            seen = items.float() / 10
            return seen, self.factor * seen

    items = torch.arange(12).view(3, 4)
    objective, whole = ReconstructConfig().build(FORWARD, 0), System(Affine(), nn.Identity(), gaussian(SCHEDULE))
    before = generator.get_state()
    objective.check(whole)
    assert objective.prepare(whole, items, 3, generator) == {}
    draw = objective.draw(whole, batch(items), {}, generator)
    assert torch.equal(generator.get_state(), before)
    loss, logged = objective.loss(whole, draw)
    expected = sum((0.05 * i) ** 2 for i in range(12)) / 12
    assert loss.item() == pytest.approx(expected)
    assert not logged
    # d/df (f - 1)² s² = 2 (f - 1) s² = -s², four times the loss at f = 1/2
    assert torch.autograd.grad(loss, whole.codec.factor)[0].item() == pytest.approx(-4 * expected)


@pytest.mark.parametrize(("config", "trained"), [(DenoiseConfig(), "denoiser.*"), (ReconstructConfig(), "codec.*")])
def test_one_round_trains_what_the_loss_depends_on(config, trained):
    assert config.rounds(object()) == 1
    assert config.build(FORWARD, 0).trained == trained


def test_objectives_refuse_systems_that_they_do_not_fit():
    with pytest.raises(UsageError, match="denoise needs Gaussian noise, but was given a Identity"):
        DenoiseConfig().build(FORWARD, 0).check(System(Bare(2), nn.Identity(), nn.Identity()))
    with pytest.raises(UsageError, match="a Bare has nothing to learn; choose an autoencoder"):
        ReconstructConfig().build(FORWARD, 0).check(system())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"p2_k": 0.0}, "p2_k is 0.0, but must be a number above 0."),
        ({"p2_gamma": math.nan}, "p2_gamma is nan, but must be a finite number."),
        ({"label_dropout": 1.5}, r"label_dropout is 1.5, but must be a number in \[0, 1\]."),
        ({"label_dropout": -0.1}, r"label_dropout is -0.1"),
    ],
)
def test_fields_out_of_range_are_refused(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        DenoiseConfig(**options)
