r"""How steep the costs of undoing a scrambler are where a training begins, against the number of qubits.

A scrambler S and a circuit V(θ), each of L layers with angles uniform in [0, 2π), and one random input φ: the slopes of

.. math:: C = 1 - |⟨φ| V S |φ⟩|^2, \quad C = 1 - \frac1n \sum_j ⟨φ_j| \mathrm{tr}_{\bar j} V S |φ⟩⟨φ| S^† V^† |φ_j⟩

global, with a Haar state φ, and local, with a product of one-qubit Haar states. A slope has the mean 0; what is
measured is its variance, E (∂C/∂θ_k)², in the mean over all angles θ_k: that of a single input, as a batch sees it. The
mean of the global cost over all inputs is flatter still: its slopes fall as 4^-n, their variance as 16^-n.

A flat landscape has a variance that falls as b^-n (a line of log₂ variance against n), a benign one as n^-p (a line
against log₂ n).

Source: McClean et al. 2018 (arXiv 1803.11173); Cerezo et al. 2021 (arXiv 2001.00550).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from qdiffusion.circuits import QuantumLayer, ladder_entangling, mirrored_ladder, state, state_preparation
from qdiffusion.diffusion.undo import local_fidelity
from qdiffusion.errors import require
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.states import LinearFit, derived, haar, infidelity, line_fit, product

Cost = Literal["global", "local"]
MOST_QUBITS = 14
_AMPLITUDES_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Landscape:
    """A cost and how deep its circuits are."""

    name: str
    cost: Cost
    deep: bool
    """2n layers of the log's ladder, in place of one mirrored layer."""

    def layers(self, n_qubits: int) -> int:
        """L."""
        return 2 * n_qubits if self.deep else 1


LANDSCAPES = (
    Landscape("global, deep", "global", True),
    Landscape("local, deep", "local", True),
    Landscape("global, one layer", "global", False),
    Landscape("local, one layer", "local", False),
)


@dataclass(frozen=True)
class Steepness:
    """One landscape: variance of the slopes and its standard error for each number of qubits."""

    landscape: Landscape
    n_qubits: tuple[int, ...]
    variances: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def exponential(self) -> LinearFit:
        """Of log₂ of the variances against n: the variance falls as 2^(slope · n)."""
        return self._fit([float(n) for n in self.n_qubits])

    @property
    def polynomial(self) -> LinearFit:
        """The same against log₂ n: the variance falls as n^slope."""
        return self._fit([math.log2(n) for n in self.n_qubits])

    def _fit(self, places: Sequence[float]) -> LinearFit:
        return line_fit(places, [math.log2(each) for each in self.variances])


def study_gradients(
    n_qubits: Sequence[int] = (2, 4, 6, 8, 10),
    draws: int = 100,
    seed: int = 0,
    landscapes: Sequence[Landscape] = LANDSCAPES,
    progress: Progress | None = None,
) -> tuple[Steepness, ...]:
    """The variances of all landscapes.

    Args:
        n_qubits: at least three numbers of qubits, rising, from 2 on.
        draws: of S, V and φ together, for each.
        seed: each landscape and number of qubits draws from it anew.

    Raises:
        UsageError: fewer or other numbers of qubits, or fewer than two draws.
    """
    rising = list(n_qubits) == sorted(set(n_qubits)) and len(n_qubits) >= 3
    fits = rising and n_qubits[0] >= 2 and n_qubits[-1] <= MOST_QUBITS
    require(fits, "qubits", tuple(n_qubits), f"at least three rising numbers from 2 to {MOST_QUBITS}")
    require(draws >= 2, "draws", draws, "at least 2")
    require(seed >= 0, "seed", seed, "at least 0")
    found = []
    with (progress or SilentProgress()).task("gradients", len(landscapes) * sum(1 << n for n in n_qubits)) as task:
        done = 0
        for landscape in landscapes:
            measured = []
            for n in n_qubits:
                measured.append(
                    squared_slopes(landscape, n, draws, derived(seed, landscape.deep, landscape.cost == "local", n))
                )
                done += 1 << n
                task.update(done)
            variances = tuple(float(each.mean()) for each in measured)
            errors = tuple(float(each.std()) / math.sqrt(draws) for each in measured)
            found.append(Steepness(landscape, tuple(n_qubits), variances, errors))
    return tuple(found)


def squared_slopes(
    landscape: Landscape, n_qubits: int, draws: int, generator: torch.Generator
) -> Float[Tensor, " draws"]:
    """(∂C/∂θ_k)², the mean over all angles, of each draw: (draws,) float64."""
    part = max(1, _AMPLITUDES_AT_ONCE >> n_qubits)
    sizes = [min(part, draws - begin) for begin in range(0, draws, part)]
    return torch.cat([_squared_slopes(landscape, n_qubits, size, generator) for size in sizes])


def _squared_slopes(landscape: Landscape, n_qubits: int, draws: int, generator: torch.Generator) -> Tensor:
    layers, given = landscape.layers(n_qubits), state_preparation(n_qubits)
    ansatz = ladder_entangling if landscape.deep else mirrored_ladder
    scrambler, denoiser = (
        QuantumLayer(given >> circuit(n_qubits, layers), state(), check_norms=False).double()
        for circuit in (ladder_entangling, ansatz)
    )
    inputs = (haar if landscape.cost == "global" else product)(draws, n_qubits, generator).to(torch.complex128)
    inputs = inputs / torch.linalg.vector_norm(inputs, dim=-1, keepdim=True)
    angles = 2 * math.pi * torch.rand(2, draws, 1, 3 * n_qubits * layers, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        scrambled = scrambler(inputs.unsqueeze(1), angles[0])
    theta = angles[1].requires_grad_()
    undone = denoiser(scrambled, theta).squeeze(1)
    cost = infidelity(inputs, undone) if landscape.cost == "global" else 1 - local_fidelity(inputs, undone)
    (slopes,) = torch.autograd.grad(cost.sum(), theta)
    return slopes.square().mean((-1, -2))
