"""The parts of the U-Net against plain formulas, in float64."""

import pytest
import torch
from torch import nn

import unet_reference as reference
from qdiffusion.models.blocks import (
    ChannelNorm,
    LinearAttention,
    ResBlock,
    Upsample,
    VertexAttention,
    WeightStandardisedConv2d,
    downsample,
)
from qdiffusion.models.embedding import TimeEmbedding
from qdiffusion.models.sizes import halved


def shaken(module: nn.Module) -> nn.Module:
    """The module in float64 with random weights, so that no gain is 1 and no bias 0."""
    generator = torch.Generator().manual_seed(7)
    module.double()
    for parameter in module.parameters():
        parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return module


def maps(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(8), dtype=torch.float64)


def assert_same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)


def test_standardised_filters_have_no_mean_and_unit_variance():
    conv, x = shaken(WeightStandardisedConv2d(3, 5, 3, padding=1)), maps(2, 3, 6, 6)
    conv.weight.data *= 1e-2
    assert_same(conv(x), reference.standardised_conv(x, conv.weight, conv.bias))


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_channel_norm_is_layer_norm_over_channels(scale):
    norm, x = shaken(ChannelNorm(6)), maps(2, 6, 3, 4, scale=scale)
    gain = norm.gain.flatten()
    expected = nn.functional.layer_norm(x.movedim(1, -1), (6,), gain, eps=1e-5).movedim(-1, 1)
    assert_same(norm(x), expected)


@pytest.mark.parametrize(("width_in", "width_out"), [(6, 6), (9, 6)])
def test_res_block(width_in, width_out):
    block = shaken(ResBlock(width_in, width_out, time_dim=8, groups=3))
    block.first.weight.data *= 1e-3
    x, time = maps(2, width_in, 5, 5, scale=1e-3), maps(2, 8)
    assert_same(block(x, time), reference.res_block(x, time, dict(block.named_parameters()), groups=3))


@pytest.mark.parametrize("size", [(7, 7), (3, 5)])
def test_linear_attention_equals_the_form_with_explicit_values(size):
    attention, x = shaken(LinearAttention(6, heads=2, head_dim=5)), maps(3, 6, *size)
    assert_same(attention(x), reference.linear_attention(x, dict(attention.named_parameters()), 2, 5))


@pytest.mark.parametrize("over_positions", [False, True])
def test_vertex_attention(over_positions):
    attention = shaken(VertexAttention(6, heads=2, head_dim=5, over_positions=over_positions))
    x = maps(3, 6, 2, 2)
    parameters = dict(attention.named_parameters())
    assert_same(attention(x), reference.vertex_attention(x, parameters, 2, 5, over_positions))
    assert not torch.allclose(attention(x), reference.vertex_attention(x, parameters, 2, 5, not over_positions))


@pytest.mark.parametrize("dim", [4, 10])
def test_time_embedding_is_sines_then_cosines(dim):
    embedding, t = shaken(TimeEmbedding(dim)), torch.tensor([0, 1, 17, 999])
    expected = reference.time_embedding(t, dict(embedding.named_parameters()), dim)
    torch.testing.assert_close(embedding(t), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("size", "new_size"), [(2, 7), (7, 14), (4, 11)])
def test_upsampling_takes_the_nearest_pixel_centre(size, new_size):
    upsample, x = Upsample(3, 3).double(), maps(2, 3, size, size)
    nn.init.dirac_(upsample.conv.weight)
    nn.init.zeros_(upsample.conv.bias)
    assert_same(upsample(x, new_size), reference.nearest(x, new_size))


def test_two_pixels_become_seven_with_the_middle_from_the_second():
    """Half-pixel centres: floor((i + ½) · 2/7) = 0 0 0 1 1 1 1."""
    row = reference.nearest(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]), 7)[0, 0, 0]
    assert row.tolist() == [0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("size", range(5, 40))
def test_downsampling_gives_the_size_that_is_planned_for(size):
    assert downsample(1, 1, size)(torch.zeros(1, 1, size, size)).shape[-1] == halved(size)
