"""What the denoisers of a run restore, with and without its phases, of states that they learnt from and of others."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdiffusion.diffusion.system import System
from qdiffusion.metrics.undone import scrambled, undone
from qdiffusion.states import fidelity, haar_magnitude_fidelity, magnitude_fidelity


@dataclass(frozen=True)
class Overlap:
    """A mean over states, its standard error, and what Haar-random states in place of the restored ones would score."""

    mean: float
    error: float
    floor: float

    @property
    def share(self) -> float:
        """How far from the floor (0) to a perfect score (1)."""
        return (self.mean - self.floor) / (1 - self.floor)

    @property
    def share_error(self) -> float:
        """Its standard error; the floor has none."""
        return self.error / (1 - self.floor)


@dataclass(frozen=True)
class Restored:
    """How alike restored states are to the clean ones."""

    n_states: int
    fidelity: Overlap
    magnitudes: Overlap
    """(Σ|φ||ψ|)²: as if all phases were right."""


@dataclass(frozen=True)
class Snapshot:
    """What the weights after some steps restore."""

    step: int
    stage: str
    train: Restored
    held_out: Restored


def restored(system: System, items: Tensor) -> Restored:
    """Items (N, …) scrambled by the whole circuit and restored from there.

    The floors are exact: 1/d, and `haar_magnitude_fidelity` of the clean states at hand.
    """
    with torch.no_grad():
        x0 = system.codec.encode(items.to(system.process.strengths.device))
    found = undone(system, scrambled(system, x0))
    floors = 1 / x0.shape[-1], haar_magnitude_fidelity(x0).double().mean().item()
    overlaps = (_overlap(each(x0, found), floor) for each, floor in zip(_MEASURES, floors, strict=True))
    return Restored(len(x0), *overlaps)


_MEASURES = fidelity, magnitude_fidelity


def _overlap(values: Tensor, floor: float) -> Overlap:
    values = values.double()
    error = values.std(correction=0).item() / max(1, len(values) - 1) ** 0.5
    return Overlap(values.mean().item(), error, floor)
