"""Sets of states with something to learn, complex64, on the generator's device.

Source: Zhang et al. 2024 (arXiv 2310.05866), but for `xxz`.
"""

import math

import torch
from jaxtyping import Complex64, Float
from torch import Tensor

from qdiffusion.states.ground_states import tfim_ground_states, xxz_ground_states
from qdiffusion.states.haar import normalised

CORRELATED = (0.1**0.5, 0.8), (0.55**0.5, 1.7), (0.0, 0.0), (0.35**0.5, 2.4)
"""Absolute value and phase of the amplitudes that correlated noise acts on."""
MOST_KICK = math.pi / 3
X_SHARE = 0.8


def cluster(n: int, n_qubits: int, spread: float, generator: torch.Generator) -> Complex64[Tensor, "n d"]:
    """States around |0…0⟩: ψ ∝ |0…0⟩ + spread · Σ_{x≠0} (a_x + i b_x) |x⟩,  a_x, b_x ~ N(0, 1).

    Args:
        n: how many.
        n_qubits: of each state.
        spread: standard deviation of the real and of the imaginary parts.
        generator: draws a, then b.

    Returns:
        (N, 2^n_qubits).
    """
    parts = torch.randn(2, n, 1 << n_qubits, generator=generator, device=generator.device)
    z = spread * torch.complex(*parts)
    z[:, 0] = 1
    return normalised(z)


def circle(n: int, generator: torch.Generator) -> Complex64[Tensor, "n 2"]:
    """One-qubit states cos φ |0⟩ + sin φ |1⟩,  φ ~ U(0, 2π): (N, 2), a great circle of the Bloch sphere."""
    phi = _uniform(n, 0, 2 * math.pi, generator)
    return torch.stack([phi.cos(), phi.sin()], -1).to(torch.complex64)


def correlated(n: int, generator: torch.Generator) -> Complex64[Tensor, "n 4"]:
    r"""Two-qubit states under correlated noise, (N, 4), ε ~ U(-π/3, π/3):

    .. math:: e^{-iε XX} ψ_0 \text{ with probability } 0.8, \text{ else } e^{-iε ZZ} ψ_0, \quad
        ψ_0 = (\sqrt{.1} e^{.8i}, \sqrt{.55} e^{1.7i}, 0, \sqrt{.35} e^{2.4i})

    The generator draws which, then ε.
    """
    kicked = torch.rand(n, 1, generator=generator, device=generator.device) < X_SHARE
    epsilon = _uniform(n, -MOST_KICK, MOST_KICK, generator).unsqueeze(-1)
    start = torch.polar(*torch.tensor(CORRELATED, device=generator.device).unbind(-1))
    signs = torch.tensor([1.0, -1, -1, 1], device=generator.device)
    # e^{-iεP} = cos ε - i sin ε P, and XX turns the order of the amplitudes round.
    turned = torch.where(kicked, start.flip(-1), signs * start)
    return epsilon.cos() * start - 1j * epsilon.sin() * turned


def tfim(n: int, n_qubits: int, fields: tuple[float, float], generator: torch.Generator) -> Complex64[Tensor, "n d"]:
    """Ground states of `tfim_ground_states`, g ~ U(fields): (N, 2^n_qubits).

    Raises:
        UsageError: a negative field, or not 1 to 12 qubits.
    """
    return tfim_ground_states(_uniform(n, *fields, generator), n_qubits).to(torch.complex64)


def xxz(
    n: int, n_qubits: int, anisotropies: tuple[float, float], generator: torch.Generator
) -> Complex64[Tensor, "n d"]:
    """Ground states of `xxz_ground_states`, Δ ~ U(anisotropies): (N, 2^n_qubits).

    Raises:
        UsageError: an anisotropy of at most -1, or not an even number of 2 to 12 qubits.
    """
    return xxz_ground_states(_uniform(n, *anisotropies, generator), n_qubits).to(torch.complex64)


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, " n"]:
    return low + (high - low) * torch.rand(n, generator=generator, device=generator.device)
