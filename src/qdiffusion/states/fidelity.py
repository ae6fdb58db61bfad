"""How alike two pure states are: F = |⟨φ|ψ⟩|², 1 for equal states, 0 for orthogonal ones (not its square root)."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor


def fidelity(first: Complex[Tensor, "*n d"], second: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """|⟨first_i|second_i⟩|² of states of norm 1, both (…, d) → (…)."""
    return squares((first.conj() * second).sum(-1))


def fidelities(first: Complex[Tensor, "n d"], second: Complex[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """|⟨first_i|second_j⟩|² of every pair: (N, d) and (M, d) → (N, M)."""
    return squares(first.conj() @ second.mT)


def squares(z: Complex[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """|z|², with the slope 2z even at 0."""
    return torch.view_as_real(z).square().sum(-1)


def in_phase(x: Complex[Tensor, "n d"], reference: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d"]:
    """x e^{iφ} with ⟨reference|x⟩ e^{iφ} ≥ 0, row by row, (N, d); orthogonal rows stay as they are."""
    overlap = (reference.conj() * x).sum(-1, keepdim=True)
    return x * torch.where(overlap == 0, 1, overlap.sgn().conj())
