"""Whether tensors are states, density matrices or unitaries of qubits: sentences that refuse what is none."""

from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.errors import UsageError

TOLERANCE = 1e-4
"""Of norms, traces and eigenvalues: what complex64 keeps up to 20 qubits."""


def check_states(states: Complex[Tensor, "*n d"]) -> None:
    """Raise UsageError unless these are pure states (…, 2^n) of norm 1 to 1e-4."""
    qubits_of(states)
    norms = torch.linalg.vector_norm(states, dim=-1)
    if not bool(((norms - 1).abs() <= TOLERANCE).all()):  # NaN is refused, too
        raise UsageError(
            f"The states have norms {norms.min():.6g} to {norms.max():.6g}, expected 1; divide each by its norm."
        )


def check_density(density: Complex[Tensor, "*n d d"]) -> None:
    """Raise UsageError unless these are density matrices (…, 2^n, 2^n): ρ = ρ†, ρ ≥ 0 and tr ρ = 1 to 1e-4."""
    density_spectrum(density)


def density_spectrum(density: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n d"]:
    """The eigenvalues of density matrices (…, 2^n, 2^n) → (…, 2^n); raises as `check_density`."""
    matrix_qubits(density)
    check_hermitian(density)
    values = torch.linalg.eigvalsh(density)
    sums = values.sum(-1)
    if not bool(((sums - 1).abs() <= TOLERANCE).all()):
        raise UsageError(
            f"The density matrices have traces {sums.min():.6g} to {sums.max():.6g}, expected 1; divide each by its "
            "trace."
        )
    if not bool((values >= -TOLERANCE).all()):
        raise UsageError(f"The density matrices have an eigenvalue {values.min():.6g}; give positive ones.")
    return values


def check_hermitian(matrices: Complex[Tensor, "*n d d"]) -> None:
    """Raise UsageError unless ρ = ρ† to 1e-4, (…, d, d)."""
    if not bool(((matrices - matrices.mH).abs() <= TOLERANCE).all()):
        raise UsageError("The matrices are not Hermitian; give (ρ + ρ†)/2.")


def qubits_of(states: Complex[Tensor, "*n d"]) -> int:
    """How many qubits pure states (…, 2^n) have.

    Raises:
        UsageError: they are not complex, or the number of amplitudes is no power of two, or 1.
    """
    if not states.is_complex() or states.ndim < 1:
        raise UsageError(f"States are {states.dtype} of shape {tuple(states.shape)}; give complex (…, 2^n).")
    size = states.shape[-1]
    if size < 2 or size.bit_count() != 1:
        raise UsageError(f"States of {size} amplitudes are none of qubits; give 2, 4, 8, … amplitudes.")
    return size.bit_length() - 1


def matrix_qubits(matrices: Complex[Tensor, "*n d d"]) -> int:
    """How many qubits matrices (…, 2^n, 2^n) act on.

    Raises:
        UsageError: they are not complex, not square, or of a size that is no power of two, or 1.
    """
    shape = tuple(matrices.shape)
    square = matrices.is_complex() and len(shape) > 1 and shape[-1] == shape[-2]
    if not square or shape[-1] < 2 or shape[-1].bit_count() != 1:
        raise UsageError(f"Matrices are {matrices.dtype} of shape {shape}; give complex ones (…, 2^n, 2^n) of qubits.")
    return shape[-1].bit_length() - 1


def check_branches(states: Complex[Tensor, "n *b d"], probabilities: Float[Tensor, "n b"] | None) -> None:
    """Raise UsageError unless this is a set of states (N, d) alone, or of branches (N, B, d) with probabilities (N, B),
    and not an empty one."""
    shape = tuple(states.shape)
    fits = len(shape) == 2 if probabilities is None else len(shape) == 3 and probabilities.shape == shape[:-1]
    if not fits:
        given = "no probabilities" if probabilities is None else f"probabilities of shape {tuple(probabilities.shape)}"
        raise UsageError(
            f"States of shape {shape} came with {given}; give (N, d) alone, or branches (N, B, d) with probabilities "
            "(N, B)."
        )
    qubits_of(states)
    if not states.numel():
        raise UsageError(f"A set of states is empty, of shape {shape}; give at least one state.")


def check_two(
    first: Complex[Tensor, "n *b d"],
    first_probabilities: Float[Tensor, "n b"] | None,
    second: Complex[Tensor, "m *c e"],
    second_probabilities: Float[Tensor, "m c"] | None,
) -> None:
    """Raise UsageError unless both are what `check_branches` lets pass, of states of one size."""
    check_branches(first, first_probabilities)
    check_branches(second, second_probabilities)
    if first.shape[-1] != second.shape[-1]:
        raise UsageError(
            f"The two sets have states of {first.shape[-1]} and of {second.shape[-1]} amplitudes; give states of equal "
            "size."
        )


def check_sets(first: Complex[Tensor, "n d d"], second: Complex[Tensor, "m d d"]) -> None:
    """Raise UsageError unless these are two sets of matrices (N, d, d) and (M, d, d), neither of them empty."""
    for each in (first, second):
        matrix_qubits(each)
    shapes = tuple(first.shape), tuple(second.shape)
    if any(len(shape) != 3 or not shape[0] or shape[1:] != shapes[0][1:] for shape in shapes):
        raise UsageError(
            f"Sets of density matrices of shapes {shapes[0]} and {shapes[1]}; give (N, d, d) and (M, d, d)."
        )


def check_kept(keep: Sequence[int], n_qubits: int) -> None:
    """Raise UsageError unless `keep` names one or more distinct qubits."""
    if not keep or len(set(keep)) < len(keep) or not all(0 <= qubit < n_qubits for qubit in keep):
        raise UsageError(f"The kept qubits are {tuple(keep)}; give one or more distinct ones among 0 … {n_qubits - 1}.")
