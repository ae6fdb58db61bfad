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
