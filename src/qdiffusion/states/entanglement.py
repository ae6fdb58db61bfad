"""How entangled a pure state is, and between which of its qubits."""

from collections.abc import Sequence
from itertools import combinations

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.states.checks import check_states, qubits_of
from qdiffusion.states.entropy import shannon_entropy, von_neumann_entropy
from qdiffusion.states.fidelity import squares
from qdiffusion.states.reduced import bipartite, qubit_states, reduced_density


def meyer_wallach(states: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    r"""The Meyer-Wallach measure of states of norm 1, (…, 2^n) → (…):

    .. math:: Q = 2 \Big(1 - \frac1n \sum_j \mathrm{tr} ρ_j^2\Big)

    with the qubits' reduced states ρ_j: 0 for product states alone, 1 where every qubit is maximally mixed (GHZ); Haar
    states have the mean (2^n - 2) / (2^n + 1).

    Source: Meyer and Wallach 2002 (arXiv quant-ph/0108104) in the form of Brennen 2003 (arXiv quant-ph/0305094).
    """
    purities = squares(qubit_states(states)).sum((-1, -2))
    return 2 * (1 - purities.mean(-1))


def schmidt_spectrum(states: Complex[Tensor, "*n d"], keep: Sequence[int]) -> Float[Tensor, "*n r"]:
    r"""The squared Schmidt coefficients λ of the cut between the kept qubits K and the others, descending:

    .. math:: |ψ⟩ = \sum_i \sqrt{λ_i} |a_i⟩ |b_i⟩, \quad \sum_i λ_i = 1

    States (…, 2^n) of norm 1 → (…, 2^min(|K|, n-|K|)); the eigenvalues of the smaller part's ρ.

    Raises:
        UsageError: states not of norm 1, or the kept qubits are not distinct ones among theirs.
    """
    matrix = bipartite(states, keep)
    check_states(states)
    return torch.linalg.svdvals(matrix).square()


def entanglement_entropy(states: Complex[Tensor, "*n d"], keep: Sequence[int], base: float = 2) -> Float[Tensor, "*n"]:
    """-Σ λ log λ over the Schmidt spectrum, in bits by default: (…, 2^n) → (…), in [0, min(|K|, n-|K|)] bits.

    `page_entropy` is its mean over Haar states.

    Raises:
        UsageError: states not of norm 1, the kept qubits are not distinct ones among theirs, or a base of at most 1.
    """
    return shannon_entropy(schmidt_spectrum(states, keep), base)


def mutual_information(states: Complex[Tensor, "*n d"], base: float = 2) -> Float[Tensor, "*n q q"]:
    """I_ij = S(ρ_i) + S(ρ_j) - S(ρ_ij) of every pair of qubits, in bits by default: (…, 2^q) → (…, q, q).

    Symmetric, in [0, 2] bits; the diagonal, which is no pair, is 0.

    Raises:
        UsageError: states not of norm 1, or a base of at most 1.
    """
    check_states(states)
    n_qubits = qubits_of(states)
    single = von_neumann_entropy(qubit_states(states), base)
    found = single.new_zeros(*single.shape, n_qubits)
    if n_qubits == 1:
        return found
    first, second = zip(*combinations(range(n_qubits), 2), strict=True)
    pairs = torch.stack([reduced_density(states, pair) for pair in zip(first, second, strict=True)], -3)
    values = single[..., first] + single[..., second] - von_neumann_entropy(pairs, base)
    found[..., first, second] = values
    found[..., second, first] = values
    return found
