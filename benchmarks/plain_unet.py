"""The plain form of the classical U-Net: the same function of the same parameters, in torch's own operators as the
paper's text reads, with linear attention formed position by position.

It is what ours is timed against, so it borrows only parameters and layers of torch from `qdiffusion.models`, never the
way that they are computed.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from qdiffusion.models.blocks import ChannelNorm, LinearAttention, ResBlock, VertexAttention
from qdiffusion.models.unet import UNetwork

GROUP_EPS, LAYER_EPS = 1e-6, 1e-5


class PlainUNet(nn.Module):
    """A classical `UNetwork` of the paper computed the plain way; the parameters are those of `net`."""

    def __init__(self, net: UNetwork) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, sample: Tensor, timestep: Tensor, class_labels: None = None, return_dict: bool = False
    ) -> tuple[Tensor]:
        """Noisy images (N, C, H, W) and noise levels (N,) → the noise, as the only element."""
        net: Any = self.net
        skips: list[Tensor] = []
        time = time_embedding(net, timestep)
        stem = x = net.conv_in(sample)
        for level in net.encoder:
            x = res_block(level.first, x, time)
            skips.append(x)
            x = linear_attention(level.attention, res_block(level.second, x, time))
            skips.append(x)
            x = level.down(x)
        x = res_block(net.vertex_in, x, time)
        x = vertex_attention(net.vertex_attention, x)
        x = res_block(net.vertex_out, x, time)
        for level, way_up in zip(net.decoder, [*net.ways_up, None], strict=True):
            x = res_block(level.first, torch.cat([x, skips.pop()], dim=1), time)
            x = res_block(level.second, torch.cat([x, skips.pop()], dim=1), time)
            x = linear_attention(level.attention, x)
            if way_up is not None:
                size = skips[-1].shape[-2:]
                x = way_up.conv(functional.interpolate(x, size=size, mode="nearest-exact"))
        x = torch.cat([net.conv_up(x), stem], dim=1)
        return (net.conv_out(res_block(net.last, x, time)),)


def time_embedding(net: Any, t: Tensor) -> Tensor:
    """Sinusoids of t through the two layers of the embedding."""
    dim, network = net.time_embedding.dim, net.time_embedding.network
    frequencies = torch.exp(-math.log(10000) / (dim // 2 - 1) * torch.arange(dim // 2))
    phases = t[:, None] * frequencies
    return network(torch.cat([phases.sin(), phases.cos()], dim=1).to(network[0].weight))


def channel_norm(m: ChannelNorm, x: Tensor) -> Tensor:
    """Layer normalisation over the channels, with a gain and no bias."""
    variance = x.var(dim=1, correction=0, keepdim=True)
    return (x - x.mean(dim=1, keepdim=True)) / (variance + LAYER_EPS).sqrt() * m.gain


def standardised_conv(m: Any, x: Tensor) -> Tensor:
    """A convolution by filters of mean 0 and variance 1."""
    mean = m.weight.mean(dim=(1, 2, 3), keepdim=True)
    variance = m.weight.var(dim=(1, 2, 3), correction=0, keepdim=True)
    return functional.conv2d(x, (m.weight - mean) / (variance + LAYER_EPS).sqrt(), m.bias, padding=1)


def group_norm(m: nn.GroupNorm, x: Tensor) -> Tensor:
    """torch's own."""
    return functional.group_norm(x, m.num_groups, m.weight, m.bias, GROUP_EPS)


def res_block(m: ResBlock, x: Tensor, time: Tensor) -> Tensor:
    """Two convolutions with norms, a scale and a shift by the noise level between them, and the residual."""
    scale, shift = m.time(time)[:, :, None, None].chunk(2, dim=1)
    h = group_norm(m.first_norm, standardised_conv(m.first, x))
    h = functional.silu(h * (scale + 1) + shift)
    h = functional.silu(group_norm(m.second_norm, standardised_conv(m.second, h)))
    return h + m.residual(x)


def linear_attention(m: LinearAttention, x: Tensor) -> Tensor:
    """q, k, v and the attended values, all 128 features at every position."""
    n, _, h, w = x.shape
    qkv = functional.conv2d(channel_norm(m.norm, x), m.qkv.weight[:, :, None, None])
    q, k, v = qkv.reshape(n, 3, m.heads, m.head_dim, h * w).unbind(1)
    q, k = q.softmax(dim=2) / math.sqrt(m.head_dim), k.softmax(dim=3)
    context = torch.einsum("bhdn,bhen->bhde", k, v / (h * w))
    attended = torch.einsum("bhde,bhdn->bhen", context, q).reshape(n, -1, h, w)
    return x + channel_norm(m.out_norm, functional.conv2d(attended, m.out.weight[:, :, None, None], m.out.bias))


def vertex_attention(m: VertexAttention, x: Tensor) -> Tensor:
    """Full attention between q and k of unit length."""
    n, _, h, w = x.shape
    qkv = functional.conv2d(channel_norm(m.norm, x), m.qkv.weight)
    q, k, v = qkv.reshape(n, 3, m.heads, m.head_dim, h * w).unbind(1)
    q, k = functional.normalize(q, dim=2), functional.normalize(k, dim=2)
    weights = (10 * torch.einsum("bhdi,bhdj->bhij", q, k)).softmax(dim=3)
    attended = torch.einsum("bhij,bhdj->bhdi", weights, v).reshape(n, -1, h, w)
    return x + functional.conv2d(attended, m.out.weight, m.out.bias)
