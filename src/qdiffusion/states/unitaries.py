r"""How alike two unitaries are, whatever their global phases.

Unitaries are (…, d, d), complex64 or complex128; leading axes broadcast. V is the target, W = V†U the identity where U
does what V does.
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.errors import UsageError
from qdiffusion.states.checks import matrix_qubits
from qdiffusion.states.fidelity import squares


def process_fidelity(first: Complex[Tensor, "*n d d"], second: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    r"""|tr V†U|²/d² of unitaries, both (…, d, d) → (…), in [0, 1].

    It is the entanglement fidelity of V†U: how well U turns one half of a maximally entangled pair as V does. One minus
    it is the Hilbert-Schmidt test of Khatri et al. 2019.

    Raises:
        UsageError: no matrices of qubits, or of different numbers.
    """
    sizes = matrix_qubits(first), matrix_qubits(second)
    if sizes[0] != sizes[1]:
        raise UsageError(f"Unitaries of {sizes[0]} and of {sizes[1]} qubits cannot be compared; give equal ones.")
    return squares((first.conj() * second).sum((-1, -2)) / first.shape[-1])


def average_gate_fidelity(first: Complex[Tensor, "*n d d"], second: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    r"""The mean over Haar-random ψ of |⟨ψ|V†U|ψ⟩|², both (…, d, d) → (…), in [1/(d+1), 1]:

    .. math:: \frac{|\mathrm{tr} V^†U|^2/d + 1}{d + 1}

    Raises:
        UsageError: as `process_fidelity`.

    Source: Nielsen 2002 (arXiv quant-ph/0205035), equation 3.
    """
    d = first.shape[-1]
    return (d * process_fidelity(first, second) + 1) / (d + 1)


def local_hilbert_schmidt_test(unitaries: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    r"""How far W = V†U is from the identity, qubit by qubit, (…, 2^n, 2^n) → (…), in [0, 1]:

    .. math:: 1 - \frac1n \sum_q \frac{‖\mathrm{tr}_q W‖_F^2}{2^{n+1}}

    Each term is the entanglement fidelity with which W keeps qubit q while the others are maximally mixed. It is 0 for
    W = 1 alone, up to a phase, and unlike `local_infidelity`, which strongly entangled targets blind, it sees all of
    W; it never exceeds 1 - `process_fidelity`, of which it is at least the n-th part.

    Raises:
        UsageError: no matrices of qubits.

    Source: Khatri et al. 2019 (arXiv 1807.00800), section 3.2, the cost C_LHST.
    """
    n_qubits = matrix_qubits(unitaries)
    kept = []
    for qubit in range(n_qubits):
        sides = (1 << qubit, 2, 1 << n_qubits - qubit - 1)
        traced = unitaries.reshape(*unitaries.shape[:-2], *sides, *sides).diagonal(dim1=-5, dim2=-2).sum(-1)
        kept.append(squares(traced).sum((-4, -3, -2, -1)))
    return 1 - torch.stack(kept, -1).mean(-1) / (2 << n_qubits)
