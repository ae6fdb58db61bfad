r"""State evolution whose memory does not grow with the number of gates.

.. math:: ψ_b = U_b ψ_{b-1}, \quad b = 1 … B, \quad ψ_0 = φ

Backprop keeps every ψ_b. Since the U_b are unitary, only ψ_B need be kept; the backward pass un-computes the rest while
it carries λ_b, the gradient by ψ_b:

.. math::
    (ψ_{b-1}, λ_{b-1}) = U_b^† (ψ_b, λ_b), \quad ∂L/∂U_b = Σ λ_b ψ_{b-1}^†

The sum runs over the samples and the wires that U_b leaves alone. Derivation: docs/adjoint.md.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from qdiffusion.circuits.angles.gradients import transformed
from qdiffusion.circuits.vectors.chunks import chunked_back, chunked_forth
from qdiffusion.circuits.vectors.route import Route, Sweep
from qdiffusion.errors import UsageError

Evolution = Literal["auto", "backprop", "adjoint"]
"""How a state that evolves is differentiated."""

CHEAP_TO_KEEP = 1 << 19
"""Backprop where all states between blocks are at most this many amplitudes (4 MB in complex64). Measured for 4 to 16
qubits on one core: below, un-computing takes 7 to 20% longer than reading what stays in a processor's cache; above, up
to 20% less.
"""


def evolve(
    route: Route,
    psi: Tensor,
    matrices: Sequence[Tensor],
    differentiation: Evolution = "auto",
    unitary: bool = True,
) -> Tensor:
    """U_B … U_1 ψ.

    Args:
        route: where each block meets the state.
        psi: (L, R, 2^n) complex.
        matrices: one (L, R or 1, d, d) for each block, of psi's dtype.
        differentiation: "adjoint" keeps the final state alone and, while it un-computes, differentiates along unitary
            matrices only; "backprop" keeps every state; "auto" is adjoint where more than `CHEAP_TO_KEEP` amplitudes
            would be kept.
        unitary: whether every matrix is unitary; where one is not, "auto" is backprop.

    Returns:
        (L, R, 2^n), the wires in the order `route.order`.

    Raises:
        UsageError: "adjoint" was asked for matrices that are not unitary, or an unknown way of differentiation.
    """
    if uses_adjoint(differentiation, psi.numel() * len(matrices), unitary) and not transformed():
        return psi if not matrices else _Adjoint.apply(route.sweeps, psi, *matrices)
    for sweep in route.sweeps:
        part = sweep.split(sweep.arrange(psi)).unsqueeze(0)
        for index, seat in sweep.steps:
            part = seat.apply(matrices[index], seat.arrange(part))
        psi = part.reshape(psi.shape)
    return psi


def uses_adjoint(differentiation: Evolution, kept: int, unitary: bool) -> bool:
    """Whether to un-compute, where backprop would keep `kept` amplitudes."""
    check_evolution(differentiation, unitary)
    return differentiation == "adjoint" or (differentiation == "auto" and unitary and kept > CHEAP_TO_KEEP)


def check_evolution(differentiation: Evolution, unitary: bool) -> None:
    """Raises `UsageError` for an unknown way, and for "adjoint" where a gate is not unitary."""
    if differentiation not in ("auto", "backprop", "adjoint"):
        raise UsageError(
            f"Unknown differentiation {differentiation!r}; choose 'auto', 'backprop', 'adjoint' or 'parameter-shift'."
        )
    if differentiation == "adjoint" and not unitary:
        raise UsageError(
            "Adjoint differentiation needs unitary gates, and post-selection is none, nor are channels; use 'backprop'."
        )


class _Adjoint(torch.autograd.Function):
    """The evolution as one step of autograd.

    Under create_graph the same backward pass is itself recorded: that ψ_{b-1} = U_b† ψ_b holds at all angles, so its
    derivatives along angles are right too, and ψ_B depends on φ and U through this very function.
    """

    @staticmethod
    def forward(ctx: Any, sweeps: tuple[Sweep, ...], psi: Tensor, *matrices: Tensor) -> Tensor:
        out = chunked_forth(sweeps, psi, matrices)
        ctx.sweeps = sweeps
        ctx.save_for_backward(out, *matrices)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        psi, *matrices = ctx.saved_tensors
        back = _recorded_back if torch.is_grad_enabled() else chunked_back
        first, sums = back(ctx.sweeps, psi, gradient, matrices, ctx.needs_input_grad[2:])
        return None, first, *sums


def _recorded_back(
    sweeps: Sequence[Sweep], psi: Tensor, gradient: Tensor, matrices: Sequence[Tensor], need: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """`chunked_back` in steps that autograd can record."""
    sums: list[Tensor | None] = [None] * len(matrices)
    whole = torch.stack([psi, gradient])
    for sweep in reversed(sweeps):
        pair = sweep.split(whole)
        for index, seat in reversed(sweep.steps):
            matrix = matrices[index]
            before = seat.apply(matrix.mH, pair)
            if need[index]:
                sums[index] = seat.outer(pair[1], before[0].conj(), matrix.shape[1])
            pair = seat.arrange.undo(before)
        whole = sweep.arrange.undo(pair.reshape(whole.shape))
    return whole[1], sums
