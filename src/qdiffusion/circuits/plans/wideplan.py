"""Trainable Hermitians on many wires: read off the density matrix ρ of their wires rather than 4^k Pauli words.

⟨(M + M†)/2⟩ = Re tr(M ρ) = Σ_ij Re M_ij Re ρ_ji - Im M_ij Im ρ_ji
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from qdiffusion.circuits.observables import DensityMatrix, Expectations, Hermitian, Readout
from qdiffusion.circuits.plans.computation import Computation


class WidePlan:
    """The plan for `Expectations` of which some are wide Hermitians.

    Args:
        readout: what is read.
        compiled: makes the plan of another readout of the same circuit.
    """

    def __init__(self, readout: Expectations, compiled: Callable[[Readout], Computation]) -> None:
        outputs = readout.outputs
        self._wide: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, output in enumerate(outputs):
            if isinstance(output, Hermitian) and output.is_wide:
                self._wide[output.wires].append(place)
        apart = {place for places in self._wide.values() for place in places}
        self._narrow = [place for place in range(len(outputs)) if place not in apart]
        self._sizes = [output.n_weights if isinstance(output, Hermitian) else 0 for output in outputs]
        order = [place for places in self._wide.values() for place in places] + self._narrow
        self._columns = [order.index(place) for place in range(len(outputs))]
        rest = Expectations(tuple(outputs[place] for place in self._narrow))
        self._words = compiled(rest) if self._narrow else None
        self._densities = {wires: compiled(DensityMatrix(wires)) for wires in self._wide}

    def read(self, weights: Tensor, inputs: Tensor, generator: torch.Generator | None) -> Any:
        """→ the narrow outputs' words, and ρ (W, C, R, 2^k, 2^k) of each group of wires."""
        words = None if self._words is None else self._words.read(weights, inputs, generator)
        return words, [plan.read(weights, inputs, generator) for plan in self._densities.values()]

    def combine(self, values: Any, observable_weights: Tensor | None) -> Any:
        """The outputs (W, C, R, n_outputs), in their order."""
        assert observable_weights is not None  # a Hermitian has weights
        words, densities = values
        parts = observable_weights.split(self._sizes, -1)
        columns = [
            _traces([parts[k] for k in own], rho) for own, rho in zip(self._wide.values(), densities, strict=True)
        ]
        if self._words is not None:
            columns.append(self._words.combine(words, torch.cat([parts[place] for place in self._narrow], -1)))
        return torch.cat(columns, -1)[..., self._columns]

    def explain(self, samples: int) -> list[str]:
        """The lines of the narrow outputs' plan, and of each density matrix what is read off it."""
        lines = [] if self._words is None else self._words.explain(samples)
        for (wires, places), plan in zip(self._wide.items(), self._densities.values(), strict=True):
            lines += plan.explain(samples)
            lines.append(f"{len(places)} Hermitians on {len(wires)} wires, of the density matrix of these")
        return lines


def _traces(parts: list[Tensor], rho: Tensor) -> Tensor:
    """Re tr(M_k ρ) of K matrices, each (C, 2 · 4^k), and ρ (W, C, R, 2^k, 2^k) → (W, C, R, K)."""
    real, imaginary = torch.stack(parts, 1).to(rho.real.dtype).chunk(2, -1)
    turned = rho.mT.flatten(-2)
    return turned.real @ real.mT - turned.imag @ imaginary.mT
