"""Whether what a layer is given are states, density matrices and probabilities; waits for the device."""

import torch
from torch import Tensor

from qdiffusion.circuits.circuit import Angle
from qdiffusion.errors import UsageError

TOLERANCE = {torch.complex128: 1e-6, torch.float64: 1e-6}
"""Elsewhere 1e-3: a state's norm drifts by about 1e-7 a gate in float32."""


def check_amplitudes(amplitudes: Tensor) -> None:
    """Amplitudes (…, 2^k).

    Raises:
        UsageError: a norm is not 1.
    """
    norms = torch.linalg.vector_norm(amplitudes, dim=-1)
    if norms.numel() and not bool(((norms - 1).abs() <= TOLERANCE.get(amplitudes.dtype, 1e-3)).all()):
        raise UsageError(
            f"QuantumLayer got amplitudes of norm {norms.min():.9g} to {norms.max():.9g}; a state has norm 1, "
            "normalise them: x / x.norm(dim=-1, keepdim=True)."
        )


def check_densities(entries: Tensor) -> None:
    """Density matrices, row by row (…, 4^k).

    Raises:
        UsageError: a matrix is not Hermitian, has another trace than 1 or a negative eigenvalue.
    """
    if not entries.numel():
        return
    size = 1 << (entries.shape[-1].bit_length() - 1) // 2
    rho, tolerance = entries.unflatten(-1, (size, size)), TOLERANCE.get(entries.dtype, 1e-3)
    skew = (rho - rho.mH).abs().amax()
    if not bool(skew <= tolerance):
        raise UsageError(
            f"QuantumLayer got a matrix that differs from its adjoint by {skew:.3g}; a density matrix is Hermitian, "
            "give (ρ + ρ†)/2."
        )
    traces = rho.diagonal(dim1=-2, dim2=-1).real.sum(-1)
    if not bool(((traces - 1).abs() <= tolerance).all()):
        raise UsageError(
            f"QuantumLayer got density matrices of trace {traces.min():.9g} to {traces.max():.9g}; a state has trace "
            "1, divide by the trace."
        )
    # ρ + ε has a Cholesky decomposition where no eigenvalue of ρ is below -ε.
    _, failed = torch.linalg.cholesky_ex(rho + tolerance * torch.eye(size, dtype=rho.dtype, device=rho.device))
    if bool((failed > 0).any()):
        least = torch.linalg.eigvalsh(rho[failed > 0]).min()
        raise UsageError(
            f"QuantumLayer got a density matrix with the eigenvalue {least:.3g}; probabilities are not negative, give "
            "a positive matrix."
        )


def check_strength(strength: Angle, values: Tensor) -> None:
    """A channel's strength, of the weights or inputs (…, n) that it reads.

    Raises:
        UsageError: it is not within 0 and 1.
    """
    p = strength.offset + strength.scale * values[..., strength.index]
    # Rounding may lead an ulp or two beyond 1.
    slack = 4 * torch.finfo(p.dtype).eps
    if p.numel() and not bool(((p >= -slack) & (p <= 1 + slack)).all()):
        raise UsageError(
            f"QuantumLayer got strengths {strength} of {p.min():.6g} to {p.max():.6g}; a channel's strength is a "
            "probability, clamp it to 0 … 1."
        )
