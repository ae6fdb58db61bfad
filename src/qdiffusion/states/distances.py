r"""How far apart two states are.

Pure states are vectors ψ (…, d) of norm 1, mixed ones density matrices ρ (…, d, d) of trace 1; `projector` makes the
one the other. Leading axes broadcast. Fidelities are squared: F = |⟨φ|ψ⟩|².
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states.fidelity import fidelity, squares
from qdiffusion.states.reduced import qubit_states


def projector(states: Complex[Tensor, "*n d"]) -> Complex[Tensor, "*n d d"]:
    """|ψ⟩⟨ψ|: (…, d) → (…, d, d)."""
    return states.unsqueeze(-1) * states.conj().unsqueeze(-2)


def infidelity(first: Complex[Tensor, "*n d"], second: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """1 - |⟨first|second⟩|² of pure states, both (…, d) → (…), in [0, 1]."""
    return 1 - fidelity(first, second)


def local_infidelity(first: Complex[Tensor, "*n d"], second: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    r"""One minus the mean fidelity of the qubits' reduced states ρ_j and σ_j, pure states (…, 2^n) → (…), in [0, 1]:

    .. math:: 1 - \frac1n \sum_j F(ρ_j, σ_j), \quad F(ρ, σ) = \mathrm{tr} ρσ + 2 \sqrt{\det ρ \det σ}

    For first = |0…0⟩ it is the local cost 1 - (1/n) Σ_j ⟨ψ| |0⟩⟨0|_j |ψ⟩ of Cerezo et al. 2021 (arXiv 2001.00550), the
    counterpart for states of the local Hilbert-Schmidt test of Khatri et al. 2019 (arXiv 1807.00800); in shallow
    circuits its gradients vanish more slowly with n than those of the infidelity, which it never exceeds.

    It is 0 not only for equal states but for all with equal reduced states: strongly entangled ones, such as Haar
    states, whose qubits are nearly maximally mixed, it hardly tells apart.

    Differentiable; at the pure σ_j of a product state, where √det has no slope, the term counts as constant.
    """
    one, two = qubit_states(first), qubit_states(second)
    overlap = (one * two.mT).sum((-1, -2)).real
    return 1 - (overlap + 2 * _root(_determinant(one) * _determinant(two))).mean(-1)


def trace_distance(first: Complex[Tensor, "*n d d"], second: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    """½ ‖ρ - σ‖₁ = ½ tr |ρ - σ| of density matrices, (…, d, d) → (…), in [0, 1]; √(1 - F) for pure states."""
    return torch.linalg.eigvalsh(first - second).abs().sum(-1) / 2


def hilbert_schmidt_distance(
    first: Complex[Tensor, "*n d d"], second: Complex[Tensor, "*n d d"]
) -> Float[Tensor, "*n"]:
    """√tr (ρ - σ)² = ‖ρ - σ‖_F of density matrices, (…, d, d) → (…), in [0, √2]; √(2 - 2F) for pure states.

    Its square is what other texts call by the same name; that of two sets' mean states is their `mmd`.
    """
    return torch.linalg.matrix_norm(first - second)


def super_fidelity(first: Complex[Tensor, "*n d d"], second: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    r"""G = tr ρσ + √((1 - tr ρ²)(1 - tr σ²)) of density matrices, (…, d, d) → (…), in [0, 1].

    At least the Uhlmann fidelity, and equal to it where one state is pure and for d = 2, but without eigenvalues, so
    that a circuit on two copies can measure it. Differentiable; where a state is pure the root counts as constant.

    Source: Miszczak et al. 2009 (arXiv 0805.2037).
    """
    overlap = (first.conj() * second).sum((-1, -2)).real  # tr ρσ of ρ = ρ†
    return overlap + _root((1 - squares(first).sum((-1, -2))) * (1 - squares(second).sum((-1, -2))))


def super_fidelities(first: Complex[Tensor, "n d d"], second: Complex[Tensor, "m d d"]) -> Float[Tensor, "n m"]:
    """`super_fidelity` of every pair: (N, d, d) and (M, d, d) → (N, M)."""
    dtype = torch.promote_types(first.dtype, second.dtype)
    return super_fidelity_coordinates(first.to(dtype)) @ super_fidelity_coordinates(second.to(dtype)).mT


def super_fidelity_coordinates(density: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n k"]:
    """(Re ρ, Im ρ, √(1 - tr ρ²)), (…, 2 d² + 1): the super-fidelity is the inner product of two of these."""
    entries = torch.view_as_real(density.contiguous()).flatten(-3)
    return torch.cat([entries, _root(1 - entries.square().sum(-1, keepdim=True))], dim=-1)


def uhlmann_fidelity(first: Complex[Tensor, "*n d d"], second: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    r"""F = (tr √(√ρ σ √ρ))² of density matrices, (…, d, d) → (…), in [0, 1]; |⟨φ|ψ⟩|² for pure states.

    Differentiable by `second` alone (F is symmetric): the slope of √ρ does not exist where eigenvalues of ρ coincide,
    as those of pure states do, and that of √ρ σ √ρ is not needed.

    Raises:
        UsageError: `first` requires a gradient.

    Source: Jozsa 1994, who squares it as QAMP 2025, section 2.2.3, does; Nielsen and Chuang do not.
    """
    if first.requires_grad and torch.is_grad_enabled():
        raise UsageError("uhlmann_fidelity is differentiated by its second state alone; swap the two, or detach one.")
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp_min(0).sqrt().unsqueeze(-2)
    # √ρ = V√ΛV†, and √Λ V†σV √Λ has the eigenvalues of √ρ σ √ρ.
    return _root_sum(torch.linalg.eigvalsh(root.mH @ second @ root)).square()


def _root(values: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """√x where x > 0, else a constant 0: rounding may go below, and √ has no slope there."""
    positive = values > 0
    return torch.where(positive, values, 1).sqrt() * positive


def _root_sum(values: Float[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """Σ √λ over those above rounding: √ has no slope at 0."""
    floor = values.detach().amax(-1, keepdim=True) * (values.shape[-1] * torch.finfo(values.dtype).eps)
    kept = values > floor.clamp_min(0)
    return (torch.where(kept, values, 1).sqrt() * kept).sum(-1)


def _determinant(matrices: Complex[Tensor, "*n 2 2"]) -> Float[Tensor, "*n"]:
    """det ρ of 2×2 density matrices: ρ₀₀ρ₁₁ - |ρ₀₁|²."""
    return (matrices[..., 0, 0] * matrices[..., 1, 1] - matrices[..., 0, 1] * matrices[..., 1, 0]).real
