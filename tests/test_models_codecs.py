"""Codecs without weights."""

import math

import pytest
import torch

from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import AmplitudesConfig, PixelsConfig, RawConfig

IMAGES = Space("images", (3, 16, 16), tuple(range(10)))
OTHERS = [Space("states", (8,)), Space("vectors", (5,), tuple(range(4)))]
EVERY = [(PixelsConfig(), IMAGES), (AmplitudesConfig(), IMAGES), *((RawConfig(), space) for space in OTHERS)]


def every_level() -> torch.Tensor:
    return torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(2, 3, 1, 1)


def items(space: Space, count: int = 2) -> torch.Tensor:
    dtype = torch.complex128 if space.kind == "states" else torch.float32
    return torch.randn((count, *space.shape), generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_pixels_are_exactly_undone():
    codec = PixelsConfig().build(IMAGES)
    x = codec.encode(every_level())
    assert x.dtype == torch.float32
    torch.testing.assert_close(x, every_level() * (2 / 255) - 1)
    assert torch.equal(codec.decode(x), every_level())
    assert codec.space == IMAGES


def test_pixels_beyond_the_range_are_clamped():
    codec = PixelsConfig().build(IMAGES)
    beyond = torch.tensor([-9.0, -1.0, 0.0, 1.0, 1.001]).view(5, 1, 1, 1).expand(5, 3, 16, 16)
    assert codec.decode(beyond)[:, 0, 0, 0].tolist() == [0, 0, 128, 255, 255]


def test_amplitudes_are_pixels_of_norm_1():
    """Three channels of 16×16 pixels lie in front, zeros behind them; brightness is lost, what is white stays white."""
    codec, images = AmplitudesConfig().build(IMAGES), every_level()
    x = codec.encode(images)
    assert codec.space == Space("states", (1024,), tuple(range(10)))
    pixels = images.flatten(1).double()
    torch.testing.assert_close(x[:, :768].real.double(), pixels / pixels.norm(dim=1, keepdim=True))
    assert (x[:, 768:] == 0).all()
    assert (x.imag == 0).all()
    turned = x * torch.polar(torch.rand(2, 1024), 6 * torch.rand(2, 1024)).sgn()
    assert torch.equal(codec.decode(3 * turned), images)
    assert codec.decode(torch.zeros_like(x)).max() == 0


def test_a_black_image_is_no_state():
    images = every_level()
    images[1] = 0
    with pytest.raises(UsageError, match="Image 1 of 2 is black"):
        AmplitudesConfig().build(IMAGES).encode(images)


@pytest.mark.parametrize("space", OTHERS, ids=str)
def test_raw_items_are_what_diffusion_sees(space):
    codec, x = RawConfig().build(space), items(space)
    assert codec.encode(x) is x
    assert codec.decode(x) is x
    assert codec.space == space


@pytest.mark.parametrize(
    ("config", "space"),
    [(PixelsConfig(), IMAGES), (AmplitudesConfig(), IMAGES), *((RawConfig(), space) for space in OTHERS)],
)
def test_a_codec_without_weights_has_none_and_draws_nothing(config, space):
    before = torch.random.get_rng_state()
    codec = config.build(space)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not codec.state_dict()


@pytest.mark.parametrize(
    ("config", "space"),
    [(PixelsConfig(), IMAGES), (AmplitudesConfig(), IMAGES), *((RawConfig(), space) for space in OTHERS)],
)
def test_arguments_make_the_codec(config, space):
    codec = config.build(space)
    assert type(codec).__name__ == config.class_name
    assert type(codec)(**config.arguments(space)).space == codec.space


@pytest.mark.parametrize(
    ("config", "space", "match"),
    [
        (PixelsConfig(), OTHERS[0], r"^The codec pixels takes images, but was given states of shape 8;.*\.$"),
        (PixelsConfig(), OTHERS[1], r"^The codec pixels takes images, but was given vectors of shape 5;.*\.$"),
        (RawConfig(), IMAGES, r"^The codec raw takes states or vectors, but was given images of shape 3×16×16;.*\.$"),
    ],
)
def test_a_space_that_does_not_fit_is_refused(config, space, match):
    with pytest.raises(UsageError, match=match):
        config.build(space)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 3, 16, 8), (3, 16, 16)])
def test_images_of_another_shape_are_refused(shape):
    codec = PixelsConfig().build(IMAGES)
    with pytest.raises(UsageError, match=r"takes images of shape \(3, 16, 16\)"):
        codec.encode(torch.zeros(shape, dtype=torch.uint8))
    with pytest.raises(UsageError, match=r"takes images of shape \(3, 16, 16\)"):
        codec.decode(torch.zeros(shape))


@pytest.mark.usefixtures("unchecked")
def test_pixels_that_are_no_levels_are_refused():
    codec = PixelsConfig().build(IMAGES)
    with pytest.raises(UsageError, match="uint8"):
        codec.encode(torch.zeros(2, 3, 16, 16))
    with pytest.raises(UsageError, match="nan"):
        codec.decode(torch.full((2, 3, 16, 16), math.nan))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("space", OTHERS, ids=str)
def test_raw_items_of_another_shape_are_refused(space):
    codec, longer = RawConfig().build(space), torch.zeros(2, space.shape[0] + 1)
    for through in (codec.encode, codec.decode):
        with pytest.raises(UsageError, match=f"takes {space.kind} of shape"):
            through(longer)
