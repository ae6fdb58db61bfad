"""Data as the inputs of encodings: vectors as amplitudes, whole numbers as bits, numbers with their products."""

import torch
from torch import Tensor

from qdiffusion.circuits.angles.gradients import transformed
from qdiffusion.circuits.encodings import wires_for
from qdiffusion.errors import UsageError


def amplitudes(x: Tensor, n_wires: int | None = None) -> Tensor:
    """x / ‖x‖, filled up with zeros: what `state_preparation` and `amplitude_encoding` take.

    Any finite vector but 0 is normalised to rounding, however small or large its numbers are.

    Args:
        x: (…, N), real or complex floating point.
        n_wires: of the state, ⌈log₂ N⌉ by default.

    Returns:
        (…, 2^n_wires), of x's dtype; differentiable.

    Raises:
        UsageError: x has no numbers or whole ones, more than 2^n_wires, or a vector is 0 or not finite (under
            torch.func's transforms, which cannot look at values, such a vector becomes NaN).
    """
    if not (x.ndim and x.shape[-1] and (x.is_floating_point() or x.is_complex())):
        raise UsageError(
            f"Amplitude encoding got {x.dtype} of shape {tuple(x.shape)}; it takes real or complex "
            "vectors (…, N) with N > 0."
        )
    size = 1 << (wires_for(x.shape[-1]) if n_wires is None else n_wires)
    if x.shape[-1] > size:
        raise UsageError(
            f"{n_wires} wires have {size} amplitudes and cannot hold {x.shape[-1]} numbers; give more wires."
        )
    # Squares of small numbers vanish, those of large ones overflow; the scale changes nothing in x / ‖x‖.
    peak = x.detach().abs().amax(-1, keepdim=True)
    if not transformed():
        _check_vectors(peak.flatten())
    scaled = x / peak
    unit = scaled / torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return torch.nn.functional.pad(unit, (0, size - x.shape[-1]))


def bits(numbers: Tensor, n_bits: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Whole numbers 0 … 2^n_bits - 1 of any shape (…) as bits 0. and 1. (…, n_bits), the most significant first: what
    `basis_encoding` takes.

    Raises:
        UsageError: no bits or more than 62, numbers that are not whole, or out of range.
    """
    if not 1 <= n_bits <= 62 or numbers.is_floating_point() or numbers.is_complex():
        raise UsageError(f"Basis encoding got {numbers.dtype} and {n_bits} bits; it takes integers and 1 to 62 bits.")
    wide = numbers.long()
    if wide.numel() and not 0 <= int(wide.min()) <= int(wide.max()) < 1 << n_bits:
        raise UsageError(
            f"Basis encoding got numbers from {wide.min()} to {wide.max()}; "
            f"{n_bits} bits hold 0 to {(1 << n_bits) - 1}."
        )
    places = torch.arange(n_bits - 1, -1, -1, device=numbers.device)
    return (wide.unsqueeze(-1) >> places & 1).to(dtype)


def with_products(x: Tensor) -> Tensor:
    """x (…, n) and behind it x_j x_k of the pairs j < k, (…, n(n+1)/2): what `iqp_encoding` takes."""
    first, second = torch.triu_indices(x.shape[-1], x.shape[-1], offset=1, device=x.device)
    return torch.cat([x, x[..., first] * x[..., second]], -1)


def _check_vectors(peaks: Tensor) -> None:
    """peaks: the largest absolute value of each vector."""
    for wrong, what in ((~peaks.isfinite(), "that is not finite"), (peaks == 0, "of norm 0")):
        if bool(wrong.any()):
            raise UsageError(
                f"Amplitude encoding got a vector {what} (number {int(wrong.nonzero()[0])} of {len(peaks)}); "
                "only finite vectors other than 0 can be made a state, leave such ones out."
            )
