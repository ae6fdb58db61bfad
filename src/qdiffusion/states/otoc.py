r"""Out-of-time-order correlators at infinite temperature: how much of what is done to one end reaches the other.

.. math:: F_{WV} = \frac1d \mathrm{tr}\, W_t^† V^† W_t V, \quad W_t = U^† W U

with a Pauli matrix W on qubit 0 and V on qubit n-1. F is real, 1 while U has not joined the two, and
-1/(d² - 1) in the mean over Haar-random U: 1 - F grows from 0 to about 1.

The trace is d times the mean over a basis, and over Haar-random states of ⟨V W_t ψ|W_t V ψ⟩, which one state misses by
about 1/√d.

Sources: Larkin and Ovchinnikov 1969; Hosur et al. 2016 (arXiv 1511.04021); typical states: Goldstein et al. 2006.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.circuits import Plan, ladder_entangling, state, state_preparation
from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.subcircuits import inverse
from qdiffusion.errors import UsageError
from qdiffusion.states.checks import matrix_qubits, qubits_of
from qdiffusion.states.haar import haar

TYPICAL_AMPLITUDES = 1 << 14
"""As many amplitudes as typical states have together at least: 1/√ of it, 0.8 %, is their error; or a whole basis."""


def otoc(unitaries: Complex[Tensor, "*n d d"]) -> Float[Tensor, "*n 3 3"]:
    """F of all Pauli pairs, exactly: U (…, 2^n, 2^n) → (…, 3, 3), W = X, Y, Z in rows, V = X, Y, Z in columns.

    F = tr (W_t V)² / d, since W and V are their own inverses. 3 d³ operations, nine matrices at once: to n = 10 or so.

    Raises:
        UsageError: no matrices of qubits.
    """
    last = matrix_qubits(unitaries) - 1
    turned = _paulis(unitaries.mT, 0).transpose(-2, -3)  # (W U)ᵀ
    evolved = turned @ unitaries.conj().unsqueeze(-3)  # W_tᵀ = (W U)ᵀ U*
    products = _paulis(evolved, last).transpose(-2, -3)  # W_tᵀ Vᵀ, whose square has the trace of (W_t V)²
    return (products * products.mT).sum((-1, -2)).real / unitaries.shape[-1]


def ladder_otoc(
    angles: Float[Tensor, "c l a"], depths: Sequence[int], states: Complex[Tensor, "s d"]
) -> Float[Tensor, "c t 3 3"]:
    """F of the first layers of ladder circuits (`circuits.ladder_entangling`), in the mean over given states.

    Args:
        angles: (C, L, 3n), of C circuits of L layers, in radians.
        depths: T rising numbers of layers, 0 … L; U is the first of them.
        states: (S, 2^n) of norm 1: Haar-random ones for an estimate, a basis (`torch.eye`) for F itself.

    Returns:
        (C, T, 3, 3), W = X, Y, Z before V = X, Y, Z. The work is 4 S states through the deepest circuit and 12 S back
        through each of the T.

    Raises:
        UsageError: no states of qubits, angles of another number of qubits, or depths that do not rise from 0 to L.
    """
    n_qubits = qubits_of(states)
    _check_layers(angles, depths, n_qubits)
    given, layer = state_preparation(n_qubits), ladder_entangling(n_qubits, 1)
    forward, backward = (Plan(given >> circuit, state()) for circuit in (layer, inverse(layer)))
    layers = angles.transpose(0, 1).unsqueeze(1)
    x = torch.cat([states.unsqueeze(1), _paulis(states, n_qubits - 1)], 1)  # ψ, Vψ
    x, found = x.flatten(0, 1).expand(1, len(angles), -1, -1), []
    for depth in range(depths[-1] + 1):
        x = _through(forward, layers[depth - 1 : depth], x)
        if depth in depths:
            back = _through(backward, layers[:depth].flip(0), _paulis(x, 0).flatten(2, 3))
            found.append(_correlated(back.view(*back.shape[1:2], len(states), 4, 3, -1)))
    return torch.stack(found, 1)


def ladder_decay(n_qubits: int, depths: Sequence[int], draws: int, generator: torch.Generator) -> Float[Tensor, "c t"]:
    """1 - F, the mean over the nine Pauli pairs, of ladder circuits of angles uniform in [0, 2π): (draws, T).

    Computed in complex64, from a basis up to 7 qubits, from Haar-random states beyond, within 0.8 % or so a draw.

    Args:
        n_qubits: of the circuits, at least 2.
        depths: T rising numbers of layers. F is 1 at all below n_qubits - 1, which the ladder needs.
        draws: circuits drawn, each cut at every depth.
        generator: draws the angles, then the states.

    Raises:
        UsageError: fewer than 2 qubits or 1 draw, or depths that do not rise from 0.
    """
    if n_qubits < 2 or draws < 1 or not depths or min(depths) < 0:
        raise UsageError(
            f"{draws} draws of {n_qubits} qubits at depths {tuple(depths)}; give at least 1 draw, 2 qubits and depths "
            "from 0 on."
        )
    angles = ladder_angles(n_qubits, max(depths), draws, generator)
    count = max(1, TYPICAL_AMPLITUDES >> n_qubits)
    if count >= 1 << n_qubits:
        states = torch.eye(1 << n_qubits, dtype=torch.complex64, device=generator.device)
    else:
        states = haar(count, n_qubits, generator)
    return 1 - ladder_otoc(angles, depths, states).mean((-1, -2))


def ladder_angles(n_qubits: int, depth: int, draws: int, generator: torch.Generator) -> Float[Tensor, "c l a"]:
    """Uniform in [0, 2π), of ladder circuits: (draws, depth, 3 n_qubits), which `ladder_decay` draws first."""
    return torch.rand(draws, depth, 3 * n_qubits, generator=generator, device=generator.device) * 2 * math.pi


def _through(plan: Plan, layers: Float[Tensor, "l 1 c a"], x: Complex[Tensor, "1 c r d"]) -> Complex[Tensor, "1 c r d"]:
    amplitudes: Any = x
    for row in layers:
        amplitudes = plan(row, amplitudes)
    return amplitudes


def _correlated(back: Complex[Tensor, "c s 4 3 d"]) -> Float[Tensor, "c 3 3"]:
    """Re ⟨V W_t ψ|W_t V ψ⟩, the mean over states, of W_t ψ and W_t V ψ: axis 2 is 1, X, Y, Z of V, axis 3 is W."""
    left = _paulis(back[:, :, 0], back.shape[-1].bit_length() - 2)
    return (left.conj() * back[:, :, 1:].transpose(2, 3)).sum(-1).real.mean(1)


def _paulis(states: Complex[Tensor, "*n d"], qubit: int) -> Complex[Tensor, "*n 3 d"]:
    """X, Y and Z on one qubit: (…, 2^n) → (…, 3, 2^n)."""
    matrices = torch.stack([torch.as_tensor(PAULI[letter]) for letter in "XYZ"]).to(states)
    parts = states.reshape(*states.shape[:-1], 1 << qubit, 2, -1)
    return torch.einsum("pab,...lbr->...plar", matrices, parts).flatten(-3)


def _check_layers(angles: Tensor, depths: Sequence[int], n_qubits: int) -> None:
    if angles.ndim != 3 or angles.shape[-1] != 3 * n_qubits:
        raise UsageError(
            f"Angles of shape {tuple(angles.shape)} came with {n_qubits} qubits; give (circuits, layers, "
            f"{3 * n_qubits})."
        )
    rising = list(depths) == sorted(set(depths))
    if not depths or not rising or depths[0] < 0 or depths[-1] > angles.shape[1]:
        raise UsageError(f"The depths are {tuple(depths)}; give rising numbers of layers from 0 to {angles.shape[1]}.")
