"""How far two sets of states lie apart, pure or mixed ones, by the names that chains are trained with."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from qdiffusion.diffusion.state_objective_config import ChainLoss
from qdiffusion.states import (
    bitstring_mmd,
    mixed_mmd,
    mixed_sinkhorn,
    mixed_wasserstein,
    mmd,
    sinkhorn,
    wasserstein,
)

Apart = Callable[..., Float[Tensor, ""]]


class SetDistance(NamedTuple):
    """pure: of branches (N, B, 2^n) from states (M, 2^n), `first_probabilities` (N, B) by name, or of states (N, 2^n);
    mixed: of density matrices (N, 2^n, 2^n) from such (M, 2^n, 2^n), None where there is none."""

    pure: Apart
    mixed: Apart | None


MMD = SetDistance(mmd, mixed_mmd)


def set_distance(loss: ChainLoss, epsilon: float) -> SetDistance:
    """The distance of that name; epsilon: of Sinkhorn."""
    distances: dict[ChainLoss, SetDistance] = {
        "mmd": MMD,
        "mmd-unbiased": SetDistance(partial(mmd, unbiased=True), partial(mixed_mmd, unbiased=True)),
        "mmd-bitstrings": SetDistance(bitstring_mmd, None),
        "wasserstein": SetDistance(wasserstein, mixed_wasserstein),
        "sinkhorn": SetDistance(
            partial(sinkhorn, regularisation=epsilon), partial(mixed_sinkhorn, regularisation=epsilon)
        ),
    }
    return distances[loss]
