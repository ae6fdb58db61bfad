"""Layers of complex numbers."""

import torch
from jaxtyping import Complex
from torch import Tensor, nn


class ComplexLinear(nn.Module):
    """y = W x + b, all complex: (A + iB)(x_r + i x_i) mixes real and imaginary parts as a rotation does.

    Real and imaginary parts of weights and bias start in U(-1/√(2 in), 1/√(2 in)): |W| is as large as in torch's own.

    forward: complex (N, in_features) → complex (N, out_features).

    Attributes:
        weight: (out_features, in_features, 2), bias: (out_features, 2), real and imaginary parts.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features, 2))
        self.bias = nn.Parameter(torch.empty(out_features, 2))
        bound = (2 * in_features) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Complex[Tensor, "n d"]) -> Complex[Tensor, "n e"]:
        return nn.functional.linear(x, torch.view_as_complex(self.weight), torch.view_as_complex(self.bias))


class ComplexLeakyReLU(nn.Module):
    """LeakyReLU of slope 0.01 of real and imaginary parts."""

    def forward(self, x: Complex[Tensor, "*n"]) -> Complex[Tensor, "*n"]:
        return torch.view_as_complex(nn.functional.leaky_relu(torch.view_as_real(x)))


def unit(x: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d"]:
    """x / ‖x‖, row by row; a row of zeros stays one."""
    # As pairs of reals: torch's norm of complex numbers takes fifty times as long.
    pairs = torch.view_as_real(x)
    norm = torch.linalg.vector_norm(pairs, dim=(-2, -1), keepdim=True)
    return torch.view_as_complex(pairs / norm.clamp_min(torch.finfo(norm.dtype).tiny))
