"""States that know no direction.

ψ = z / ‖z‖,  z_x = a_x + i b_x,  a_x, b_x ~ N(0, 1)
"""

import torch
from jaxtyping import Complex, Complex64
from torch import Tensor


def haar(n: int, n_qubits: int, generator: torch.Generator) -> Complex64[Tensor, "n d"]:
    """Haar-random states (N, 2^n_qubits), complex64, on the generator's device.

    A unitary turns z into numbers of the same distribution, so that no state is preferred; E |⟨φ|ψ⟩|² = 2^-n_qubits.
    """
    z = torch.randn(n, 1 << n_qubits, dtype=torch.complex64, generator=generator, device=generator.device)
    return normalised(z)


def normalised(z: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d"]:
    """z / ‖z‖, row by row."""
    # As pairs of reals: torch's norm of complex numbers takes fifty times as long.
    pairs = torch.view_as_real(z)
    return torch.view_as_complex(pairs / torch.linalg.vector_norm(pairs, dim=(-2, -1), keepdim=True))


def haar_unitaries(
    n: int, n_qubits: int, generator: torch.Generator, dtype: torch.dtype = torch.complex64
) -> Complex[Tensor, "n d d"]:
    """Haar-random unitaries (N, 2^n_qubits, 2^n_qubits), on the generator's device.

    U = Q diag(R_ii / |R_ii|) of the QR decomposition of matrices of z: without the phases QR's own choice would show.

    Source: Mezzadri 2007 (arXiv math-ph/0609050).
    """
    size = 1 << n_qubits
    z = torch.randn(n, size, size, dtype=dtype, generator=generator, device=generator.device)
    q, r = torch.linalg.qr(z)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)
