"""How alike two pure states are: F = |⟨φ|ψ⟩|², 1 for equal states, 0 for orthogonal ones (not its square root)."""

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor


def fidelity(first: Complex[Tensor, "*n d"], second: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """|⟨first_i|second_i⟩|² of states of norm 1, both (…, d) → (…)."""
    return squares((first.conj() * second).sum(-1))


def fidelities(first: Complex[Tensor, "n d"], second: Complex[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """|⟨first_i|second_j⟩|² of every pair: (N, d) and (M, d) → (N, M)."""
    dtype = torch.promote_types(first.dtype, second.dtype)
    return squares(first.to(dtype).conj() @ second.to(dtype).mT)


def magnitude_fidelity(first: Complex[Tensor, "*n d"], second: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """(Σ_x |φ_x| |ψ_x|)², both (…, d) → (…): the fidelity that would be left if all phases were right.

    It is 1 where the populations agree, and never below `fidelity`. States of norm 1.
    """
    return (first.abs() * second.abs()).sum(-1).square()


def haar_magnitude_fidelity(states: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    r"""The mean `magnitude_fidelity` of given states φ of norm 1 with Haar-random ψ, (…, d) → (…), exactly:

    .. math:: \frac1d \Big(1 + \frac π4 \Big[\big(\sum_x |φ_x|\big)^2 - 1\Big]\Big)

    since E|ψ_x|² = 1/d, and E|ψ_x||ψ_y| = (E|z|)²/d = π/4d of complex normal z, whose norm says nothing of their
    direction. Where φ is Haar-random, too, the mean is (1 + (d - 1) π²/16)/d.
    """
    d = states.shape[-1]
    return (1 + math.pi / 4 * (states.abs().sum(-1).square() - 1)) / d


def squares(z: Complex[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """|z|², with the slope 2z even at 0."""
    return torch.view_as_real(z).square().sum(-1)


def in_phase(x: Complex[Tensor, "n d"], reference: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d"]:
    """x e^{iφ} with ⟨reference|x⟩ e^{iφ} ≥ 0, row by row, (N, d); orthogonal rows stay as they are."""
    overlap = (reference.conj() * x).sum(-1, keepdim=True)
    return x * torch.where(overlap == 0, 1, overlap.sgn().conj())
