r"""Maximum mean discrepancy of two sets of states under the fidelity kernel.

With r the mean of |⟨·|·⟩|² over pairs,

.. math:: MMD = 2(1 - r_{12}) - (1 - r_{11}) - (1 - r_{22}) = r_{11} + r_{22} - 2 r_{12}

The kernel is linear in each state's projector, |⟨φ|ψ⟩|² = tr(|φ⟩⟨φ| |ψ⟩⟨ψ|): with the mean states
ρ = Σ_i |φ_i⟩⟨φ_i| / N and σ, r₁₁ = tr ρ², r₁₂ = tr ρσ, and the MMD is ‖ρ - σ‖², the squared Hilbert-Schmidt distance.
It sees nothing of a set but its mean state.

A state may be a set of branches of known probability, of which a measurement takes one: the MMD is then the exact
expectation over independent measurements of all states. ρ is the mean over branches too; only where a state meets
itself it is one outcome and not two, |⟨φ|φ⟩|² = 1, which tr ρ² counts as tr ρ_i².

Of density matrices the kernel is the super-fidelity G(ρ, σ), an inner product, too: the MMD is the squared distance of
mean coordinates (`distances.super_fidelity_coordinates`), and of pure states the same as above.

Source: Zhang et al. 2024 (arXiv 2310.05866), equation 5, where pairs i = j are counted (biased); Kwun et al. 2024
(arXiv 2411.17608) for density matrices.
"""

from collections.abc import Sequence

from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states.checks import check_sets, check_two
from qdiffusion.states.distances import super_fidelity_coordinates
from qdiffusion.states.fidelity import squares


def mmd(
    first: Complex[Tensor, "n *b d"],
    second: Complex[Tensor, "m *c d"],
    *,
    first_probabilities: Float[Tensor, "n b"] | None = None,
    second_probabilities: Float[Tensor, "m c"] | None = None,
    unbiased: bool = False,
) -> Float[Tensor, ""]:
    """The MMD of two sets of states of norm 1, or of branches with their probabilities.

    Args:
        first, second: (N, d) and (M, d), or with branches (N, B, d) and (M, C, d).
        first_probabilities, second_probabilities: (N, B) and (M, C), rows sum to 1; None for sets without branches.
        unbiased: leave out the pairs of a state with itself, which give 1/N and 1/M: the result may be negative.

    Raises:
        UsageError: an empty set, branches without probabilities or the other way round, states of different sizes, or
            unbiased of fewer than two states.
    """
    check_two(first, first_probabilities, second, second_probabilities)
    one, one_repeated = _mean_state(first, first_probabilities)
    two, two_repeated = _mean_state(second, second_probabilities)
    biased = squares(one - two).sum() + one_repeated + two_repeated
    if not unbiased:
        return biased
    # (N² r₁₁ - N) / (N(N-1)) = r₁₁ - (1 - r₁₁) / (N-1)
    within = [1 - squares(mean).sum() - repeated for mean, repeated in ((one, one_repeated), (two, two_repeated))]
    return biased - _bias(within, (len(first), len(second)))


def mixed_mmd(
    first: Complex[Tensor, "n d d"], second: Complex[Tensor, "m d d"], *, unbiased: bool = False
) -> Float[Tensor, ""]:
    """The MMD of two sets of density matrices (N, d, d) and (M, d, d) under the super-fidelity.

    Differentiable; where a state is pure, √(1 - tr ρ²) counts as constant.

    Args:
        unbiased: as for `mmd`.

    Raises:
        UsageError: an empty set, or unbiased of fewer than two states.
    """
    check_sets(first, second)
    one, two = (super_fidelity_coordinates(each).mean(0) for each in (first, second))
    biased = (one - two).square().sum()
    if not unbiased:
        return biased
    return biased - _bias([1 - mean.square().sum() for mean in (one, two)], (len(first), len(second)))


def _bias(within: Sequence[Tensor], counts: tuple[int, int]) -> Tensor:
    """What the pairs of a state with itself add: Σ (1 - r) / (N - 1) of both sets."""
    if min(counts) < 2:
        raise UsageError(f"An unbiased MMD of {counts[0]} and {counts[1]} states; give at least 2 of each.")
    return sum((each / (count - 1) for each, count in zip(within, counts, strict=True)), within[0].new_zeros(()))


def _mean_state(
    states: Complex[Tensor, "n *b d"], probabilities: Float[Tensor, "n b"] | None
) -> tuple[Complex[Tensor, "d d"], Float[Tensor, ""] | float]:
    """ρ, and Σ_i (1 - tr ρ_i²) / N²: what tr ρ² lacks where a state meets itself."""
    count = len(states)
    if probabilities is None:
        return states.mT @ states.conj() / count, 0.0
    weighed = states * (probabilities / count).unsqueeze(-1)
    mean = weighed.flatten(0, 1).mT @ states.flatten(0, 1).conj()
    # tr ρ_i² / N² = Σ_bc p_b p_c |⟨ψ_b|ψ_c⟩|² / N²
    overlaps = weighed @ states.mH
    return mean, 1 / count - (overlaps * overlaps.mT).real.sum()
