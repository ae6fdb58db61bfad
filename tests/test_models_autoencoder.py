"""The autoencoder: what its latents are like, and that it learns."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from qdiffusion.data import Space, load_images, to_uint8, to_unit_range
from qdiffusion.data.config import ImagesConfig
from qdiffusion.errors import UsageError
from qdiffusion.models import AutoencoderConfig
from qdiffusion.models.autoencoder import AutoencoderNetwork

SPACE = Space("images", (1, 28, 28), tuple(range(10)))


def images(shape: tuple[int, ...], count: int = 8) -> Tensor:
    """Smooth random images of all levels."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand((count, shape[0], 3, 3), generator=generator)
    smooth = functional.interpolate(coarse, size=shape[1:], mode="bilinear", align_corners=True)
    return (255 * smooth).round().to(torch.uint8)


def train(codec: AutoencoderNetwork, items: Tensor, steps: int, batch: int, rate: float = 3e-3) -> Tensor:
    """The last mean squared error."""
    optimiser = torch.optim.Adam(codec.parameters(), lr=rate)
    for step in range(steps):
        places = (torch.arange(batch) + step * batch) % len(items)
        target, reconstruction = codec.reconstruct(items[places])
        loss = (target - reconstruction).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss.detach()


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return load_images(ImagesConfig("mnist-subset"), "train").images[:512]


def test_latents_over_the_training_set_have_mean_0_and_variance_1(digits):
    """In evaluation, once the weights have come to rest; before the norm they have not."""
    torch.manual_seed(0)
    codec = AutoencoderConfig(latent=8, width=8).build(SPACE)
    train(codec, digits, steps=40, batch=64)
    train(codec, digits, steps=40, batch=64, rate=1e-5)
    codec.eval()
    with torch.no_grad():
        latents, unnormed = codec.encode(digits), codec.encoder(to_unit_range(digits))
    assert latents.mean(dim=0).abs().max() < 0.05
    assert (latents.var(dim=0) - 1).abs().max() < 0.05
    assert (unnormed.var(dim=0) - 1).abs().min() > 0.2


def test_in_training_the_latents_of_a_batch_have_mean_0_and_variance_1():
    codec, items = AutoencoderConfig(latent=8, width=8).build(SPACE), images(SPACE.shape, 16)
    codec.encoder[-1].weight.data *= 100  # makes little of the norm's epsilon
    latents = codec.encode(items)
    torch.testing.assert_close(latents.mean(dim=0), torch.zeros(8), rtol=0, atol=1e-4)
    torch.testing.assert_close(latents.var(dim=0, correction=0), torch.ones(8), rtol=0, atol=1e-3)


def test_a_frozen_autoencoder_does_not_change_and_sees_images_alone():
    codec = AutoencoderConfig(latent=4, width=4).build(SPACE)
    items = images(SPACE.shape)
    codec.reconstruct(items)
    codec.eval()
    before = {name: value.clone() for name, value in codec.state_dict().items()}
    whole = codec.encode(items)
    torch.testing.assert_close(torch.cat([codec.encode(item[None]) for item in items]), whole)
    assert all(torch.equal(value, before[name]) for name, value in codec.state_dict().items())


def test_latents_that_are_states_have_norm_1_and_come_back_whatever_their_phases():
    codec, items = AutoencoderConfig(latent=8, width=4, space="states").build(SPACE), images(SPACE.shape)
    latents = codec.encode(items)
    hidden = codec.encoder(to_unit_range(items)).abs()
    torch.testing.assert_close(latents, (hidden / hidden.norm(dim=1, keepdim=True)).to(torch.complex64))
    phases = torch.exp(1j * torch.linspace(0, 5, 8))
    turned = codec.decode(phases * latents)
    assert (turned.int() - codec.decode(latents).int()).abs().max() <= 1
    target, reconstruction = codec.reconstruct(items)
    torch.testing.assert_close(target, to_unit_range(items))
    assert torch.equal(to_uint8(reconstruction), codec.decode(latents))


def test_eight_images_are_learnt_by_heart():
    items = images(SPACE.shape)
    torch.manual_seed(0)
    codec = AutoencoderConfig(latent=8, width=8).build(SPACE)
    variance = to_unit_range(items).var()
    assert train(codec, items, steps=300, batch=8) < 0.02 * variance
    codec.train()
    target, reconstruction = codec.reconstruct(items)
    assert torch.equal(target, to_unit_range(items))
    assert reconstruction.abs().max() <= 1


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 28, 28), (3, 32, 32)])
def test_spaces_lead_from_images_to_latents_and_back(shape):
    space = Space("images", shape, tuple(range(7)))
    codec, items = AutoencoderConfig(latent=5, width=3).build(space).eval(), images(shape)
    latents = codec.encode(items)
    assert codec.space == Space("vectors", (5,), tuple(range(7)))
    assert (latents.dtype, latents.shape) == (torch.float32, (8, *codec.space.shape))
    assert (codec.decode(latents).dtype, codec.decode(latents).shape) == (torch.uint8, items.shape)


def test_decoded_images_are_the_reconstruction_in_bytes():
    codec, items = AutoencoderConfig(latent=5, width=3).build(SPACE).eval(), images(SPACE.shape)
    _, reconstruction = codec.reconstruct(items)
    decoded = codec.decode(codec.encode(items))
    assert len(decoded.unique()) > 5
    torch.testing.assert_close(to_unit_range(decoded), reconstruction.detach(), rtol=0, atol=1.001 / 255)


def test_every_parameter_is_reached_by_the_loss():
    codec = AutoencoderConfig(latent=5, width=3).build(SPACE)
    target, reconstruction = codec.reconstruct(images(SPACE.shape))
    (reconstruction - target).square().mean().backward()
    for name, parameter in codec.named_parameters():
        assert parameter.grad.abs().max() > 1e-7, name


@pytest.mark.parametrize(
    ("options", "space", "match"),
    [
        ({}, Space("states", (16,)), r"^An autoencoder takes images, but was given states of shape 16;"),
        ({}, Space("images", (1, 30, 30)), r"30 pixels are no multiple of 4; use images of 28 or 32 pixels\.$"),
        ({}, Space("images", (1, 2, 2)), r"use images of 4 or 8 pixels\.$"),
        ({"latent": 0}, SPACE, "latent 0"),
        ({"width": 0}, SPACE, "width 0"),
        ({"latent": 6, "space": "states"}, SPACE, "got latent 6; give one of these"),
    ],
)
def test_autoencoders_that_cannot_be_built_are_refused(options, space, match):
    with pytest.raises(UsageError, match=match):
        AutoencoderConfig(**options).build(space)


def test_a_batch_of_one_cannot_be_normalised():
    codec = AutoencoderConfig(latent=5, width=3).build(SPACE)
    for use in (codec.encode, codec.reconstruct):
        with pytest.raises(UsageError, match="batches of 2 or more"):
            use(images(SPACE.shape, 1))


@pytest.mark.usefixtures("unchecked")
def test_what_is_of_another_shape_is_refused():
    codec = AutoencoderConfig(latent=5, width=3).build(SPACE)
    for use in (codec.encode, codec.reconstruct):
        with pytest.raises(UsageError, match=r"takes images of shape \(1, 28, 28\)"):
            use(images((1, 32, 32)))
    with pytest.raises(UsageError, match=r"takes latents of shape \(5,\)"):
        codec.decode(torch.zeros(2, 4))
