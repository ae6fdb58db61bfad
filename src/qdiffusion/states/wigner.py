r"""The discrete Wigner function of qubits: a real quasi-probability over the 4^n products of tetrahedra.

The Stratonovich-Weyl kernel of a qubit at the vertices r_k of a tetrahedron in the Bloch sphere,

.. math:: Δ_k = ½ (1 + \sqrt3 r_k·σ), \quad
    \sqrt3 r_k = (1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)

has Σ_k Δ_k = 2 · 1 and Σ_k Δ_k tr(Δ_k A) = 2 A; of n qubits Δ_k is the tensor product. So

.. math:: W_k = 2^{-n} \mathrm{tr} ρΔ_k, \quad \sum_k W_k = 1, \quad \mathrm{tr} ρA = \sum_k W_k \mathrm{tr} AΔ_k

These are Wootters' phase-point operators.

Sources: Stratonovich 1957 and Brif and Mann 1999 (arXiv quant-ph/9809052) for the kernel; Wootters 1987 for qubits.
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.circuits.gates import PAULI
from qdiffusion.states.checks import check_hermitian, matrix_qubits

VERTICES = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
"""√3 r_k."""


def wigner(density: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n k"]:
    """W of density matrices, or of Hermitian operators: (…, 2^n, 2^n) → (…, 4^n), which sum to the trace.

    Point k is a number of n digits to base 4, one vertex a qubit, qubit 0 the most significant. Pure states come as
    their `projector`. One 4×4 transform a qubit: 4^(n+1) n operations.

    Raises:
        UsageError: no matrices of qubits, or not Hermitian.
    """
    n_qubits = matrix_qubits(density)
    check_hermitian(density)
    lead = density.ndim - 2
    tensor = density.reshape(*density.shape[:-2], *(2,) * 2 * n_qubits)
    paired = [lead + half * n_qubits + qubit for qubit in range(n_qubits) for half in (0, 1)]
    values = tensor.permute(*range(lead), *paired).reshape(*density.shape[:-2], *(4,) * n_qubits)
    transform = _transform(density)
    for qubit in range(n_qubits):
        values = (values.movedim(lead + qubit, -1) @ transform).movedim(-1, lead + qubit)
    return values.flatten(lead).real


def negative_share(values: Float[Tensor, "*n k"]) -> Float[Tensor, "*n"]:
    """The share of points at which W is negative beyond rounding, (…, 4^n) → (…), in [0, 1).

    A count, without gradients. Of Haar-random states it is about 0.45 on 4 qubits already, on more nearer to ½.
    """
    rounding = values.abs().amax(-1, keepdim=True) * (16 * torch.finfo(values.dtype).eps)
    return (values < -rounding).to(values.dtype).mean(-1)


def sum_negativity(values: Float[Tensor, "*n k"]) -> Float[Tensor, "*n"]:
    """-Σ_{W_k<0} W_k = (Σ|W_k| - 1)/2, (…, 4^n) → (…): 0 of all products of eigenstates of X, Y, Z.

    Source: Veitch et al. 2014 (arXiv 1307.7171), section 4.
    """
    return (-values).clamp_min(0).sum(-1)


def _transform(like: Tensor) -> Complex[Tensor, "4 4"]:
    """tr ρΔ_k / 2 = Σ_ab ρ_ab (Δ_k)_ba / 2, rows ab, columns k."""
    paulis = torch.stack([torch.as_tensor(PAULI[letter]) for letter in "IXYZ"])
    signs = torch.tensor([(1, *vertex) for vertex in VERTICES], dtype=paulis.dtype)
    kernels = torch.einsum("kp,pba->abk", signs, paulis) / 4
    return kernels.reshape(4, 4).to(like)
