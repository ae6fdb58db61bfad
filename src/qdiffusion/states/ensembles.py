"""Sets of states with something to learn."""

import torch
from jaxtyping import Complex64
from torch import Tensor

from qdiffusion.states.haar import normalised


def cluster(n: int, n_qubits: int, spread: float, generator: torch.Generator) -> Complex64[Tensor, "n d"]:
    """States around |0…0⟩: ψ ∝ |0…0⟩ + spread · Σ_{x≠0} (a_x + i b_x) |x⟩,  a_x, b_x ~ N(0, 1).

    Args:
        n: how many.
        n_qubits: of each state.
        spread: standard deviation of the real and of the imaginary parts.
        generator: draws a, then b.

    Returns:
        (N, 2^n_qubits) complex64, on the generator's device.

    Source: Zhang et al. 2024 (arXiv 2310.05866), the cluster state.
    """
    parts = torch.randn(2, n, 1 << n_qubits, generator=generator, device=generator.device)
    z = spread * torch.complex(*parts)
    z[:, 0] = 1
    return normalised(z)
