r"""What measured bitstrings tell of two sets of states apart: their maximum mean discrepancy in three bases.

With p_B(x) the probability of the bitstring x when every qubit is measured in the basis B, averaged over a set, q_B
that of the other set, and H(x, y) the number of bits in which x and y differ,

.. math:: MMD = \frac13 \sum_{B ∈ XYZ} \sum_{xy} (p_B - q_B)(x)\, e^{-H(x, y) / 2 σ^2}\, (p_B - q_B)(y)

exactly, without shots. Like the fidelity kernel's it sees nothing of a set but its mean state, and of that only what is
diagonal in one of the three bases; unlike it, it can be measured without states of the other set at hand.

Source: the kernel of Gretton et al. 2012 on bitstrings, as Liu and Wang 2018 (arXiv 1804.04168) train circuits by it.
"""

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states.branches import weighed
from qdiffusion.states.checks import check_two
from qdiffusion.states.fidelity import squares

_H = [[math.sqrt(0.5), math.sqrt(0.5)], [math.sqrt(0.5), -math.sqrt(0.5)]]
_TURNS: dict[str, list[list[complex]] | None] = {
    "X": [[complex(entry) for entry in row] for row in _H],
    "Y": [[row[0], -1j * row[1]] for row in _H],  # H S†
    "Z": None,
}
"""What each qubit goes through before it is read."""


def bitstring_mmd(
    first: Complex[Tensor, "n *b d"],
    second: Complex[Tensor, "m *c d"],
    *,
    first_probabilities: Float[Tensor, "n b"] | None = None,
    second_probabilities: Float[Tensor, "m c"] | None = None,
    bandwidth: float = 1.0,
) -> Float[Tensor, ""]:
    """The MMD of the bitstrings of two sets of states of norm 1, or of branches with their probabilities.

    Differentiable. It counts the pairs of a state with itself (biased).

    Args:
        first, second: (N, 2^n) and (M, 2^n), or with branches (N, B, 2^n) and (M, C, 2^n).
        first_probabilities, second_probabilities: (N, B) and (M, C), rows sum to 1; None for sets without branches.
        bandwidth: σ, in bits.

    Raises:
        UsageError: an empty set, branches without probabilities or the other way round, states of different sizes, or a
            bandwidth that is not positive.
    """
    if not 0 < bandwidth < math.inf:
        raise UsageError(f"The bandwidth of a bitstring kernel is {bandwidth}; give a number above 0.")
    check_two(first, first_probabilities, second, second_probabilities)
    sets = weighed(first, first_probabilities), weighed(second, second_probabilities)
    closeness = math.exp(-0.5 / bandwidth**2)
    dtype = torch.promote_types(sets[0][1].dtype, sets[1][1].dtype)
    kernel = sets[0][1].new_tensor([[1.0, closeness], [closeness, 1.0]], dtype=dtype)
    total = kernel.new_zeros(())
    for turn in _TURNS.values():
        one, two = (bitstring_probabilities(states, weights, turn) for states, weights in sets)
        total = total + ((one - two) * _on_every_qubit(kernel, one - two)).sum()
    return total / len(_TURNS)


def bitstring_probabilities(
    states: Complex[Tensor, "k d"], weights: Float[Tensor, " k"], turn: list[list[complex]] | None
) -> Float[Tensor, " d"]:
    """Σ_k w_k |⟨x|V^{⊗n}|ψ_k⟩|², (2^n,), V a 2×2 unitary that turns every qubit, None for none."""
    turned = states if turn is None else _on_every_qubit(states.new_tensor(turn), states)
    return weights @ squares(turned)


def _on_every_qubit(matrix: Tensor, values: Tensor) -> Tensor:
    """M ⊗ … ⊗ M on the last axis, 2^n long."""
    shape, n_qubits = values.shape, values.shape[-1].bit_length() - 1
    for qubit in range(n_qubits):
        values = torch.einsum("ij,ajb->aib", matrix, values.reshape(-1, 2, 1 << qubit))
    return values.reshape(shape)
