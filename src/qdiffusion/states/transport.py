r"""Optimal transport between two sets of states, whose cost is the infidelity.

.. math:: W = \min_{P ≥ 0} \sum_{ij} P_{ij} C_{ij}, \quad C_{ij} = 1 - |⟨φ_i|ψ_j⟩|^2, \quad
    \sum_j P_{ij} = a_i, \; \sum_i P_{ij} = b_j

of states of mass a_i = 1/N and b_j = 1/M. A state may be a set of branches of known probability, of which a measurement
takes one: each is an atom of mass p_b/N, and W is that of the distribution which measuring leaves. Being convex, it is
at most the mean of W over measured sets.

By the envelope theorem the slope of W by C is the plan P, its slopes by a and b are the potentials f and g of the dual,

.. math:: W = \max_{f_i + g_j ≤ C_{ij}} \sum_i f_i a_i + \sum_j g_j b_j

Of density matrices the cost is 1 - G, G the super-fidelity, and of pure ones the same.

Plans and potentials are found in double precision on the CPU.

Source: Zhang et al. 2024 (arXiv 2310.05866), equation 7, for the cost, Kwun et al. 2024 (arXiv 2411.17608) for that of
density matrices; Peyré and Cuturi 2019 (arXiv 1803.00567),
sections 2.5 and 4; solved by POT.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.capacity import check_memory
from qdiffusion.errors import RunError, UsageError
from qdiffusion.states.branches import weighed
from qdiffusion.states.checks import check_sets, check_two
from qdiffusion.states.distances import super_fidelities
from qdiffusion.states.fidelity import fidelities

Array = np.ndarray[Any, np.dtype[np.float64]]
Likeness = Callable[[Tensor, Tensor], Tensor]
"""States (n, …) and (m, …) → (n, m), 1 where they are equal."""
Solver = Callable[[Array, Array, Array], tuple[Array, Array, Array]]
"""a (n,), b (m,) and C (n, m) → P (n, m), f (n,) and g (m,)."""

MOST_PIVOTS = 10_000_000
"""Of the network simplex: states by the thousand take some hundred thousand."""
BYTES_A_PAIR = 64
"""Cost, plan and kernel in double precision, and what becomes of them."""
FINEST = 0.01
"""Smallest ε: below, e^(-C/ε) and what it is scaled with leave double precision."""
MOST_SCALINGS = 1000
SMALLEST_ERROR = 1e-10
"""Of the masses that a plan moves; a plan that is further off gives a lower bound of W_ε."""


class Atoms(NamedTuple):
    """States of norm 1 (n, d), or density matrices (n, d, d), and their masses (n,) of sum 1."""

    states: Complex[Tensor, "n ..."]
    masses: Float[Tensor, " n"]


def wasserstein(
    first: Complex[Tensor, "n *b d"],
    second: Complex[Tensor, "m *c d"],
    *,
    first_probabilities: Float[Tensor, "n b"] | None = None,
    second_probabilities: Float[Tensor, "m c"] | None = None,
) -> Float[Tensor, ""]:
    """The exact W in [0, 1] of two sets of states of norm 1, or of branches with their probabilities; differentiable.

    Time and memory grow with N B × M C.

    Args:
        first, second: (N, d) and (M, d), or with branches (N, B, d) and (M, C, d).
        first_probabilities, second_probabilities: (N, B) and (M, C), rows sum to 1; None for sets without branches.

    Raises:
        UsageError: an empty set, branches without probabilities or the other way round, states of different sizes, or
            more pairs than memory holds.
        RunError: the solver gave up.
    """
    return _transported(*_atoms(first, second, first_probabilities, second_probabilities), fidelities, _exact)


def sinkhorn(
    first: Complex[Tensor, "n *b d"],
    second: Complex[Tensor, "m *c d"],
    *,
    regularisation: float = 0.05,
    first_probabilities: Float[Tensor, "n b"] | None = None,
    second_probabilities: Float[Tensor, "m c"] | None = None,
) -> Float[Tensor, ""]:
    r"""The Sinkhorn divergence of two sets of states, differentiable: 0 for equal sets, W as ε → 0.

    .. math:: S = W_ε(a, b) - \frac{W_ε(a, a) + W_ε(b, b)}2, \quad
        W_ε = \min_P \sum_{ij} P_{ij} \Big( C_{ij} + ε \log \frac{P_{ij}}{a_i b_j} \Big)

    Args:
        regularisation: ε, at least 0.01.
        first, second, first_probabilities, second_probabilities: as for `wasserstein`.

    Raises:
        UsageError: as `wasserstein`, or another ε.

    Source: Feydy et al. 2019 (arXiv 1810.08278).
    """
    _check_regularisation(regularisation)
    atoms = _atoms(first, second, first_probabilities, second_probabilities)
    return _divergence(*atoms, fidelities, regularisation)


def mixed_wasserstein(first: Complex[Tensor, "n d d"], second: Complex[Tensor, "m d d"]) -> Float[Tensor, ""]:
    """`wasserstein` of two sets of density matrices (N, d, d) and (M, d, d); raises what it raises."""
    return _transported(*_mixed_atoms(first, second), super_fidelities, _exact)


def mixed_sinkhorn(
    first: Complex[Tensor, "n d d"], second: Complex[Tensor, "m d d"], *, regularisation: float = 0.05
) -> Float[Tensor, ""]:
    """`sinkhorn` of two sets of density matrices (N, d, d) and (M, d, d); raises what it raises."""
    _check_regularisation(regularisation)
    return _divergence(*_mixed_atoms(first, second), super_fidelities, regularisation)


def _check_regularisation(regularisation: float) -> None:
    if not FINEST <= regularisation < float("inf"):
        raise UsageError(
            f"The regularisation of a Sinkhorn divergence is {regularisation}; give at least {FINEST}, or choose the "
            "Wasserstein distance, which has none."
        )


def _divergence(one: Atoms, two: Atoms, likeness: Likeness, regularisation: float) -> Float[Tensor, ""]:
    across = _transported(one, two, likeness, partial(_entropic, epsilon=regularisation))
    alone = partial(_symmetric, epsilon=regularisation)
    return across - sum(_transported(each, each, likeness, alone) for each in (one, two)) / 2


def _mixed_atoms(first: Tensor, second: Tensor) -> tuple[Atoms, Atoms]:
    check_sets(first, second)
    return Atoms(*weighed(first, None)), Atoms(*weighed(second, None))


def _atoms(
    first: Tensor, second: Tensor, first_probabilities: Tensor | None, second_probabilities: Tensor | None
) -> tuple[Atoms, Atoms]:
    check_two(first, first_probabilities, second, second_probabilities)
    return Atoms(*weighed(first, first_probabilities)), Atoms(*weighed(second, second_probabilities))


def _transported(one: Atoms, two: Atoms, likeness: Likeness, solve: Solver) -> Float[Tensor, ""]:
    """The dual's value, which is the primal's, with the slopes of both."""
    n, m = len(one.masses), len(two.masses)
    check_memory(BYTES_A_PAIR * n * m, f"Transport between {n:,} and {m:,} states or branches", "give fewer")
    cost = 1 - likeness(one.states, two.states)
    a, b, c = (tensor.detach().cpu().double().numpy() for tensor in (one.masses, two.masses, cost))
    # Probabilities in single precision of deep circuits add up to 1 but for some 1e-7, which the solver refuses.
    plan, f, g = (torch.from_numpy(array).to(cost) for array in solve(a / a.sum(), b / b.sum(), c))
    return (f * one.masses).sum() + (g * two.masses).sum() + (plan * (cost - cost.detach())).sum()


def _exact(a: Array, b: Array, cost: Array) -> tuple[Array, Array, Array]:
    import ot

    plan, log = ot.emd(a, b, cost, numItermax=MOST_PIVOTS, log=True)
    if log["warning"]:
        raise RunError(f"Optimal transport between {len(a)} and {len(b)} states was not found; give fewer states.")
    # Branches without mass have a potential, too: the steepest that is feasible, the cost of their first bit of mass.
    f = (cost - log["v"]).min(1)
    g = (cost - f[:, None]).min(0)
    return plan, f, g


def _entropic(a: Array, b: Array, cost: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """P_ij = u_i K_ij v_j with K = e^(-C/ε)."""
    import ot

    settings = {"numItermax": MOST_SCALINGS, "stopThr": SMALLEST_ERROR, "warn": False, "log": True}
    with np.errstate(divide="ignore"):  # 1 / (1 / a), also where a is 0
        plan, log = ot.sinkhorn(a, b, cost, epsilon, **settings)
    return _dual(plan, cost, log["u"], log["v"], epsilon)


def _symmetric(a: Array, b: Array, cost: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """The same of a set and itself, where u = v: u ← √(u a / Ku) converges where scaling in turn hardly moves."""
    kernel, u = np.exp(-cost / epsilon), np.sqrt(a)
    for _ in range(MOST_SCALINGS):
        each = kernel @ u
        if np.linalg.norm(u * each - a) < SMALLEST_ERROR:
            break
        u = np.sqrt(u * a / each)
    return _dual(u[:, None] * kernel * u, cost, u, u, epsilon)


def _dual(plan: Array, cost: Array, u: Array, v: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """f = -ε log Kv and g = -ε log Kᵀu, of atoms without mass, too."""
    kernel = np.exp(-cost / epsilon)
    return plan, -epsilon * np.log(kernel @ v), -epsilon * np.log(kernel.T @ u)
