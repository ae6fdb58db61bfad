"""How deep a ladder circuit scrambles: correlators between its ends, and entanglement, layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from qdiffusion.circuits import Plan, ladder_entangling, state, state_preparation
from qdiffusion.errors import require
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.states import (
    LinearFit,
    depth_fit,
    derived,
    entanglement_entropy,
    ladder_angles,
    ladder_decay,
    page_entropy,
    saturation_depth,
)
from qdiffusion.states.saturation import SATURATED

MOST_QUBITS = 18
LOGGED = {4: 5, 8: 13, 12: 19, 16: 25}
"""Saturation depths that the research log reports."""
LOGGED_SLOPE = 1.5
"""Layers a qubit that it states."""


@dataclass(frozen=True)
class ScramblingCurve:
    """One number of qubits."""

    n_qubits: int
    depths: tuple[int, ...]
    decay: tuple[float, ...]
    """1 - F at each depth: the mean over draws and the nine Pauli pairs of wires 0 and n-1."""
    entropies: tuple[float, ...]
    """Of half of the qubits at each depth, from |0…0⟩: the mean over draws, bits."""

    @property
    def saturated(self) -> int:
        """The depth from which on 1 - F stays at 0.9 or more."""
        return saturation_depth(self.depths, torch.tensor(self.decay))

    @property
    def page(self) -> float:
        """The mean entropy of a Haar state's half, bits."""
        half = self.n_qubits // 2
        return page_entropy(1 << half, 1 << (self.n_qubits - half))


@dataclass(frozen=True)
class ScramblingStudy:
    """The curves, and the line through their saturation depths where there are three or more."""

    draws: int
    seed: int
    curves: tuple[ScramblingCurve, ...]

    @property
    def fit(self) -> LinearFit | None:
        """Layers a qubit."""
        if len(self.curves) < 3:
            return None
        return depth_fit([each.n_qubits for each in self.curves], [each.saturated for each in self.curves])


def logged_fit() -> LinearFit:
    """The line through the log's own depths."""
    return depth_fit(list(LOGGED), list(LOGGED.values()))


def study_scrambling(
    n_qubits: Sequence[int] = (4, 8, 12), draws: int = 10, seed: int = 0, progress: Progress | None = None
) -> ScramblingStudy:
    """Circuits of depth 1 … 2n + 2 for every number of qubits n, nested.

    Args:
        n_qubits: rising numbers, from 2 to 18; 16 take minutes.
        draws: circuits of each.
        seed: each number of qubits draws from it anew.

    Raises:
        UsageError: other numbers of qubits, no draw, or circuits that are too shallow to saturate.
    """
    rising = len(n_qubits) >= 1 and list(n_qubits) == sorted(set(n_qubits))
    fits = rising and n_qubits[0] >= 2 and n_qubits[-1] <= MOST_QUBITS
    require(fits, "qubits", tuple(n_qubits), f"rising numbers from 2 to {MOST_QUBITS}")
    require(draws >= 1, "draws", draws, "at least 1")
    require(seed >= 0, "seed", seed, "at least 0")
    curves = []
    with (progress or SilentProgress()).task("scrambling", sum(draws << n for n in n_qubits)) as task:
        done = 0
        for n in n_qubits:
            depths = range(1, 2 * n + 3)
            decay = torch.zeros(len(depths), dtype=torch.float64)
            for draw in range(draws):
                # No circuit of fewer than n - 1 layers joins the ends: F = 1.
                deep = range(max(1, n - 1), depths.stop)
                decay[deep.start - 1 :] += ladder_decay(n, deep, 1, derived(seed, n, draw))[0] / draws
                done += 1 << n
                task.update(done)
            # The same circuits as for the correlators.
            angles = torch.cat([ladder_angles(n, depths[-1], 1, derived(seed, n, draw)) for draw in range(draws)])
            entropies = _entropies(n, angles)
            curves.append(ScramblingCurve(n, tuple(depths), tuple(decay.tolist()), tuple(entropies.tolist())))
    for curve in curves:
        require(curve.decay[-1] >= SATURATED, "draws", draws, f"more: {curve.n_qubits} qubits have not saturated")
    return ScramblingStudy(draws, seed, tuple(curves))


@torch.no_grad()
def _entropies(n_qubits: int, angles: Float[Tensor, "draws depth a"]) -> Float[Tensor, " depth"]:
    """Of half of the qubits after each layer, bits, the mean over draws."""
    plan = Plan(state_preparation(n_qubits) >> ladder_entangling(n_qubits, 1), state())
    x: Any = torch.zeros(len(angles), 1, 1, 1 << n_qubits, dtype=torch.complex128)
    x[..., 0] = 1
    found = []
    for layer in angles.double().transpose(0, 1):
        x = plan(layer.unsqueeze(1), x)
        found.append(entanglement_entropy(x[:, 0, 0], range(n_qubits // 2)).mean())
    return torch.stack(found)
