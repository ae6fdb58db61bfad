r"""Entropies of density matrices, of base 2 (bits) unless another is given; base e counts nats.

Eigenvalues at rounding count as 0, and with no slope, as the entropy has none there.
"""

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states.checks import check_density, density_spectrum
from qdiffusion.states.fidelity import squares


def purity(density: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    """tr ρ² of density matrices (…, d, d) → (…): 1 of pure states, 1/d of the maximally mixed one."""
    return squares(density).sum((-1, -2))


def von_neumann_entropy(density: Complex[Tensor, "*n d d"], base: float = 2) -> Float[Tensor, "*n"]:
    """-tr ρ log ρ of density matrices of qubits, (…, 2^n, 2^n) → (…), in [0, n] bits.

    Raises:
        UsageError: no density matrices of qubits, or a base of at most 1.
    """
    return shannon_entropy(density_spectrum(density), base)


def renyi2_entropy(density: Complex[Tensor, "*n d d"], base: float = 2) -> Float[Tensor, "*n"]:
    """-log tr ρ² of density matrices (…, d, d) → (…), at most the von Neumann entropy.

    Raises:
        UsageError: no density matrices of qubits, or a base of at most 1.
    """
    check_density(density)
    return -purity(density).log() / _log(base)


def shannon_entropy(probabilities: Float[Tensor, "*n d"], base: float = 2) -> Float[Tensor, "*n"]:
    """-Σ p log p, (…, d) → (…).

    Raises:
        UsageError: a base of at most 1.
    """
    kept = probabilities > torch.finfo(probabilities.dtype).eps
    return torch.special.entr(torch.where(kept, probabilities, 1)).sum(-1) / _log(base)


def page_entropy(m: int, n: int, base: float = 2) -> float:
    r"""The mean entropy of entanglement of Haar-random states, of dimension m n, between their parts m ≤ n:

    .. math:: S_{m,n} = \sum_{k=n+1}^{mn} \frac1k - \frac{m-1}{2n} \;\text{nats}

    Both parts have the same entropy: m > n are exchanged.

    Raises:
        UsageError: a dimension below 1, or a base of at most 1.

    Source: Page 1993 (arXiv gr-qc/9305007), conjecture; Foong and Kanno 1994, proof.
    """
    if min(m, n) < 1:
        raise UsageError(f"Parts of dimensions {m} and {n} are none; give dimensions of at least 1.")
    m, n = sorted((m, n))
    ends = torch.tensor([m * n + 1, n + 1], dtype=torch.float64)
    whole, part = torch.special.digamma(ends).tolist()  # ψ(k+1) = -γ + Σ_{j≤k} 1/j
    return (whole - part - (m - 1) / (2 * n)) / _log(base)


def _log(base: float) -> float:
    if not base > 1:
        raise UsageError(f"The entropy's base is {base}; give 2 for bits, e for nats, or another number above 1.")
    return math.log(base)
