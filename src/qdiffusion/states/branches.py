"""Sets of states of which some are branches: what a measurement may leave of a state."""

from jaxtyping import Complex, Float
from torch import Tensor


def weighed(
    states: Complex[Tensor, "n ..."], probabilities: Float[Tensor, "n b"] | None
) -> tuple[Complex[Tensor, "k ..."], Float[Tensor, " k"]]:
    """All states, or all branches (N, B, d) as (N B, d), and what each counts, 1 in sum."""
    if probabilities is None:
        return states, states.real.new_full((len(states),), 1 / len(states))
    return states.flatten(0, 1), probabilities.flatten() / len(states)
