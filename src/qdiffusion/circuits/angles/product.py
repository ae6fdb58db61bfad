"""The product state that leading one-wire gates make of |0…0⟩."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.composition import GateProducts
from qdiffusion.circuits.angles.gradients import apply
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.picking import GateAngles
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.structure import renumber


class ProductState:
    """The product states of K components alike, from the leading gates of each of their wires.

    Where every wire starts with one RX, or with one RY, the state is real up to constant phases: cos(x/2) |0⟩ - i
    sin(x/2) |1⟩ or cos(x/2) |0⟩ + sin(x/2) |1⟩. Then only the real part is computed, and whoever uses it multiplies
    by `phases` once per circuit.

    Attributes:
        phases: complex128 (2^n,), or None where the state is not of that form.
    """

    def __init__(self, prefixes: Sequence[list[list[Gate]]], n_weights: int) -> None:
        self._n_wires = len(prefixes[0])
        self.phases = _phases(prefixes[0])
        if self.phases is None:
            runs = [[renumber(run, run[0].targets) if run else () for run in prefix] for prefix in prefixes]
            self._runs = GateProducts(runs, (0,), n_weights)
            return
        gates = [run[0] for prefix in prefixes for run in prefix]
        self._shape = (len(prefixes), self._n_wires)
        self._halves = GateAngles(gates, n_weights, [0.5] * len(gates))
        bits = np.arange(1 << self._n_wires)
        masks = 1 << np.arange(self._n_wires)[::-1, None]
        self._flips = Constant((bits ^ masks).ravel())
        self._signs = Constant(np.where(bits & masks, 1.0, -1.0))

    def __call__(self, angles: Tensor) -> Tensor:
        """Angles (W, C, R, n_angles) → (W, C, K, R, 2^n): the state, or its real part where there are `phases`."""
        if self.phases is None:
            return _outer(self._runs(angles)[..., 0].transpose(2, 3))
        return apply(self, angles).unflatten(0, angles.shape[:3]).transpose(2, 3)

    def run(self, angles: Tensor) -> tuple[Tensor, None]:
        """The real parts (N, K, 2^n) for angles (…, n_angles)."""
        halves = self._halves(angles.flatten(0, -2))
        return _outer(torch.stack([halves.cos(), halves.sin()], -1).unflatten(1, self._shape)), None

    def pull(self, tensors: Sequence[Tensor], value: Tensor, kept: None, gradient: Tensor) -> tuple[Tensor]:
        r"""∂L/∂angles: ∂ψ/∂(x_k/2) is ψ with |0⟩ → |1⟩, |1⟩ → -|0⟩ on wire k."""
        (angles,) = tensors
        turned = value.index_select(-1, self._flips.like(value)).unflatten(-1, self._signs.like(value).shape)
        by_gate = (turned * self._signs.like(value) * gradient.unsqueeze(-2)).sum(-1).flatten(1)
        return (self._halves.pull(by_gate, angles.shape[-1]).view(angles.shape),)


def _outer(vectors: Tensor) -> Tensor:
    """(…, n, 2) → (…, 2^n)."""
    return reduce(lambda psi, v: (psi.unsqueeze(-1) * v.unsqueeze(-2)).flatten(-2), vectors.unbind(-2))


def _phases(prefix: list[list[Gate]]) -> np.ndarray | None:
    axes = {"rx": -1j, "ry": 1.0}
    if any(len(run) != 1 or run[0].name not in axes or run[0].controls for run in prefix):
        return None
    return reduce(np.kron, ([1.0, axes[run[0].name]] for run in prefix), np.ones(1, dtype=complex))
