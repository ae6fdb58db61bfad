"""The states and probabilities of branches, from what each outcome leaves."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from qdiffusion.circuits.angles.gradients import apply
from qdiffusion.circuits.plans.draw import draw
from qdiffusion.circuits.vectors.dense import largest

How = Literal["all", "sampled"]


def pure_branches(psi: Tensor, how: How, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Branches (…, B, 2^m), not normalised → their states, and their probabilities (…, B), or those of one of them.

    A branch without an amplitude above the smallest normal number counts as impossible.
    """
    if how == "sampled":
        psi = psi.gather(-2, _drawn(psi.abs().square().sum(-1), generator).unsqueeze(-1).expand_as(psi[..., :1, :]))
    return apply(_Normalisation(), psi), _squares(psi)


def mixed_branches(rho: Tensor, how: How, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """As `pure_branches`, of (…, B, 2^m, 2^m): density matrices, 0 where impossible, and their probabilities."""
    chances = rho.diagonal(dim1=-2, dim2=-1).real.sum(-1)
    if how == "sampled":
        index = _drawn(chances.clamp_min(0), generator)
        rho = rho.gather(-3, index[..., None, None].expand_as(rho[..., :1, :, :]))
        chances = chances.gather(-1, index)
    possible = chances > torch.finfo(chances.dtype).tiny
    return rho / torch.where(possible, chances, torch.inf)[..., None, None], chances


def _drawn(chances: Tensor, generator: torch.Generator | None) -> Tensor:
    """One of the outcomes of each row (…, B) → (…, 1)."""
    return draw(chances.detach().flatten(0, -2), 1, generator).view(*chances.shape[:-1], 1)


class _Normalisation:
    """ψ / ‖ψ‖ of states (…, d), or 0; a gradient g by it becomes (g - φ Re⟨φ|g⟩) / ‖ψ‖, φ = ψ / ‖ψ‖."""

    def run(self, psi: Tensor) -> tuple[Tensor, Tensor]:
        """The states, and ‖ψ‖ (…, 1), ∞ where it is 0."""
        size = largest(psi)
        squares = _squares(psi / size).unsqueeze(-1)
        norms = size * torch.where(squares > 0, squares, 1).sqrt()
        return psi / norms, norms.detach()

    def pull(self, tensors: Sequence[Tensor], value: Tensor, kept: Tensor, gradient: Tensor) -> tuple[Tensor]:
        along = _pairs(value) * _pairs(gradient)
        return ((gradient - value * along.sum((-2, -1)).unsqueeze(-1)) / kept,)


def _squares(psi: Tensor) -> Tensor:
    """‖ψ‖² (…) of states (…, d); the slope is 2ψ_i even where ψ_i is 0."""
    return _pairs(psi).square().sum((-2, -1))


def _pairs(psi: Tensor) -> Tensor:
    return torch.view_as_real(psi.resolve_conj())
