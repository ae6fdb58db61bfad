"""The circuits that are compared, and the same numbers for everyone.

The gates are written out here from the published description (De Falco et al. 2024, figures 5 and 6, in the order of
the released program), not taken from qdiffusion: RX(x_j) on every wire j, then controlled rotations, each with the next
weight, then ⟨Z⟩ of every wire.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

N_WIRES = 12
Array = NDArray[np.floating]
Rotation = tuple[str, int, int]
"""("rx" or "rz", control, target)."""


@dataclass(frozen=True)
class Problem:
    """An ansatz for a batch of samples, drawn from a seed."""

    ansatz: str
    batch: int
    n_circuits: int = 1
    n_layers: int = 3
    seed: int = 0

    @property
    def rotations(self) -> list[Rotation]:
        """The controlled rotations in order; number i reads weight i."""
        return {"hqconv": _hqconv, "fqconv": _fqconv}[self.ansatz]() * self.n_layers

    def first(self, batch: int) -> "Problem":
        """The same problem on its first samples."""
        return replace(self, batch=min(batch, self.batch))

    def numbers(self, dtype: type[np.floating] = np.float32) -> tuple[Array, Array, Array]:
        """Inputs (batch, n_circuits, 12) and weights (n_circuits, n_weights) in radians, and the cotangent that the
        outputs are weighed with, (batch, n_circuits, 12).
        """
        shapes = ((self.batch, self.n_circuits, N_WIRES), (self.n_circuits, len(self.rotations)))
        x, weights, cotangent = (
            np.random.default_rng([self.seed, place]).standard_normal(shape, np.float32).astype(dtype)
            for place, shape in enumerate((*shapes, shapes[0]))
        )
        return x, weights, cotangent


@dataclass(frozen=True)
class Answer:
    """Outputs y, and the gradients of Σ cotangent · y: of the inputs and of the weights."""

    values: Array
    grad_x: Array
    grad_weights: Array

    def distance(self, other: "Answer") -> float:
        """The largest difference of any entry, relative to the largest entry of its array where that exceeds 1."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        # numpy's maximum keeps a NaN, Python's may drop it.
        return float(np.max([np.abs(mine - theirs).max() / max(1.0, np.abs(theirs).max()) for mine, theirs in pairs]))


def check(name: str, answer: Answer, expected: Answer, tolerance: float = 1e-4) -> None:
    """Ends the benchmark where a peer computes something else: its time would mean nothing."""
    distance = answer.distance(expected)
    if not distance <= tolerance:
        raise SystemExit(f"{name} differs from qdiffusion by {distance:.1e}, more than {tolerance:.0e}: not timed.")


def _hqconv() -> list[Rotation]:
    ring = [(4 * c + (i + 1) % 4, 4 * c + i) for c in range(3) for i in (3, 2, 1, 0)]
    return [(name, *pair) for pair in [*ring, (4, 8), (0, 4)] for name in ("rz", "rx")]


def _fqconv() -> list[Rotation]:
    rounds = [(0, 2), (2, 1), (1, 0)]
    return [
        (name, 4 * control + pixel, 4 * target + pixel)
        for control, target in rounds
        for name in ("rz", "rx")
        for pixel in (3, 2, 1, 0)
    ]
