"""How entangled a pure state is."""

from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.states.fidelity import squares
from qdiffusion.states.reduced import qubit_states


def meyer_wallach(states: Complex[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    r"""The Meyer-Wallach measure of states of norm 1, (…, 2^n) → (…):

    .. math:: Q = 2 \Big(1 - \frac1n \sum_j \mathrm{tr} ρ_j^2\Big)

    with the qubits' reduced states ρ_j: 0 for product states alone, 1 where every qubit is maximally mixed (GHZ); Haar
    states have the mean (2^n - 2) / (2^n + 1).

    Source: Meyer and Wallach 2002 (arXiv quant-ph/0108104) in the form of Brennen 2003 (arXiv quant-ph/0305094).
    """
    purities = squares(qubit_states(states)).sum((-1, -2))
    return 2 * (1 - purities.mean(-1))
