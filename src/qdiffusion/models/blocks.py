"""The parts of the U-Net of De Falco et al. 2024, section 3.

Feature maps are (N, C, H, W) floats, time embeddings (N, E); every part keeps the dtype of its input.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

GROUP_NORM_EPS = 1e-6


class WeightStandardisedConv2d(nn.Conv2d):
    """A convolution whose filters have mean 0 and variance 1.

    ŵ = (w - mean w) / √(var w + 1e-5), over each output filter, with the population variance

    Source: Qiao et al. 2019, eq. 7.
    """

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        return self._conv_forward(input, self.standardised(), self.bias)

    def standardised(self) -> Float[Tensor, "d c h w"]:
        """ŵ."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), correction=0, keepdim=True)
        return (self.weight - mean) * torch.rsqrt(variance + 1e-5)

    def frozen(self) -> nn.Conv2d:
        """A plain convolution with ŵ, for weights that no longer change."""
        with torch.device("meta"):  # draws no chance
            conv = nn.Conv2d(self.in_channels, self.out_channels, self.kernel_size)  # type: ignore[arg-type]
        conv.stride, conv.padding, conv.dilation, conv.groups = self.stride, self.padding, self.dilation, self.groups
        conv.weight, conv.bias = nn.Parameter(self.standardised().detach(), requires_grad=False), self.bias
        return conv


def standardised_conv(in_channels: int, out_channels: int) -> WeightStandardisedConv2d:
    """The 3×3 convolution of the residual blocks; keeps the size."""
    return WeightStandardisedConv2d(in_channels, out_channels, 3, padding=1)


class ChannelNorm(nn.Module):
    """Layer normalisation of the channels at each position: a gain, no bias, eps 1e-5."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        # var_mean over a strided dimension is 40 times slower here than two plain means.
        centred = x - x.mean(dim=1, keepdim=True)
        variance = centred.square().mean(dim=1, keepdim=True)
        return centred * (torch.rsqrt(variance + 1e-5) * self.gain)


class ResBlock(nn.Module):
    """Two spatial maps with a residual, told the noise level by a scale and a shift between them.

    h = SiLU(norm(first(x)) · (1 + scale(t)) + shift(t));  y = SiLU(norm(second(h))) + residual(x)

    forward: x (N, in_channels, H, W), time (N, time_dim) → (N, out_channels, H, W).

    Args:
        make_map: makes a spatial map of given input and output channels, called once for each of the two.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        time_dim: int,
        groups: int,
        make_map: Callable[[int, int], nn.Module] = standardised_conv,
    ) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, 2 * out_channels))
        self.first = make_map(in_channels, out_channels)
        self.first_norm = nn.GroupNorm(groups, out_channels, eps=GROUP_NORM_EPS)
        self.second = make_map(out_channels, out_channels)
        self.second_norm = nn.GroupNorm(groups, out_channels, eps=GROUP_NORM_EPS)
        same_width = in_channels == out_channels
        self.residual = nn.Identity() if same_width else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Float[Tensor, "n c h w"], time: Float[Tensor, "n features"]) -> Float[Tensor, "n d h w"]:
        scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
        first = self.first(x)
        hidden = nn.functional.silu(torch.addcmul(shift, self.first_norm(first), scale + 1))
        return nn.functional.silu(self.second_norm(self.second_map(hidden, x, first))) + self.residual(x)

    def second_map(
        self, hidden: Float[Tensor, "n c h w"], x: Float[Tensor, "n d h w"], first: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n c h w"]:
        """The second map of `hidden`; `x` is the block's input, `first` what the first map gave."""
        return self.second(hidden)


class LinearAttention(nn.Module):
    """Attention at a cost linear in the number n of positions, with its own norms and residual.

    q = softmax_features(W_q x̂) / √d,  k = softmax_positions(W_k x̂),  v = W_v x̂ / n,  x̂ = norm(x)
    y = x + norm(W_o (v kᵀ) q + b)

    Since v kᵀ = W_v (x̂ kᵀ) / n, neither v nor (v kᵀ) q is formed at every position: per head, W_v and W_o act on the
    small matrix k x̂ᵀ, and what comes out on q.

    Source: Shen et al. 2021, eq. 4, with softmax normalisation.
    """

    def __init__(self, channels: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        hidden = heads * head_dim
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Linear(channels, 3 * hidden, bias=False)
        self.out = nn.Linear(hidden, channels)
        self.out_norm = ChannelNorm(channels)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        batch, channels, height, width = x.shape
        heads, head_dim, positions = self.heads, self.head_dim, height * width
        normed = self.norm(x).flatten(2)
        to_q, to_k, to_v = self.qkv.weight.view(3, heads * head_dim, channels)
        # Batched products write their result in place; one with a shared matrix would copy it once more.
        q = (to_q.expand(batch, -1, -1) @ normed).unflatten(1, (heads, head_dim)).softmax(dim=2).flatten(1, 2)
        k = (to_k.expand(batch, -1, -1) @ normed).softmax(dim=2)

        context = (k @ normed.mT).unflatten(1, (heads, head_dim))
        values = context @ to_v.view(heads, head_dim, channels).mT * (head_dim**-0.5 / positions)
        to_out = self.out.weight.view(channels, heads, head_dim).permute(1, 2, 0)
        attended = (values @ to_out).flatten(1, 2).mT @ q + self.out.bias[:, None]
        return x + self.out_norm(attended.view_as(x))


class VertexAttention(nn.Module):
    """Attention between all positions, q and k of unit length, with its own norm and residual.

    y = x + W_o softmax(10 q̂ᵀ k̂) v + b,  q, k, v = W_qkv norm(x)

    Args:
        over_positions: take the length of q and k over the positions (per feature) instead of over the features.
    """

    def __init__(self, channels: int, heads: int, head_dim: int, over_positions: bool) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.over_positions = over_positions
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * heads * head_dim, 1, bias=False)
        self.out = nn.Conv2d(heads * head_dim, channels, 1)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        batch, _, height, width = x.shape
        split = (batch, 3, self.heads, self.head_dim, height * width)
        q, k, v = self.qkv(self.norm(x)).view(split).transpose(3, 4).unbind(1)
        length_dim = 2 if self.over_positions else 3
        q, k = nn.functional.normalize(q, dim=length_dim), nn.functional.normalize(k, dim=length_dim)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, scale=10.0)
        return x + self.out(attended.transpose(2, 3).reshape(batch, -1, height, width))


class Upsample(nn.Module):
    """Nearest-neighbour enlargement to a given size (half-pixel centres), then a 3×3 convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "n c h w"], size: int) -> Float[Tensor, "n d size size"]:
        return self.conv(nn.functional.interpolate(x, size=(size, size), mode="nearest-exact"))


def downsample(in_channels: int, out_channels: int, size: int) -> nn.Conv2d:
    """The strided convolution that takes a side of `size` to `sizes.halved(size)`."""
    kernel = 4 if size % 2 == 0 else 7
    return nn.Conv2d(in_channels, out_channels, kernel, stride=2, padding=1)
