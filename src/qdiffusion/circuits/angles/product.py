"""The product state that leading one-wire gates make of |0…0⟩."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.composition import GateProducts
from qdiffusion.circuits.angles.matrices import Constant, records_alone
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.structure import angle_indices, renumber


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
        gates = [[run[0] for run in prefix] for prefix in prefixes]
        self._shape = (len(prefixes), self._n_wires)
        self._index = Constant(np.array([angle_indices(row, n_weights) for row in gates]).ravel())
        angles = [gate.angle for gate in gates[0] if gate.angle]
        self._scale = Constant(np.tile([angle.scale / 2 for angle in angles], len(prefixes)))
        self._offset = Constant(np.tile([angle.offset / 2 for angle in angles], len(prefixes)))
        bits = np.arange(1 << self._n_wires)
        masks = 1 << np.arange(self._n_wires)[::-1, None]
        self._flips = Constant((bits ^ masks).ravel())
        self._signs = Constant(np.where(bits & masks, 1.0, -1.0))

    def __call__(self, angles: Tensor) -> Tensor:
        """Angles (W, C, R, n_angles) → (W, C, K, R, 2^n): the state, or its real part where there are `phases`."""
        if self.phases is None:
            return _outer(self._runs(angles)[..., 0].transpose(2, 3))
        found = _Rotate.apply(angles, self) if records_alone(angles) else self.rotated(angles)
        return found.unflatten(0, angles.shape[:3]).transpose(2, 3)

    def rotated(self, angles: Tensor) -> Tensor:
        """The real parts (N, K, 2^n) for angles (…, n_angles)."""
        picked = angles.reshape(-1, angles.shape[-1]).index_select(1, self._index.like(angles))
        half = torch.addcmul(self._offset.like(angles), picked, self._scale.like(angles))
        return _outer(torch.stack([half.cos(), half.sin()], -1).unflatten(1, self._shape))

    def pull(self, psi: Tensor, gradient: Tensor, n_angles: int) -> Tensor:
        r"""∂L/∂angles (N, n_angles): ∂ψ/∂(x_k/2) is ψ with |0⟩ → |1⟩, |1⟩ → -|0⟩ on wire k."""
        turned = psi.index_select(-1, self._flips.like(psi)).unflatten(-1, self._signs.like(psi).shape)
        slopes = (turned * self._signs.like(psi) * gradient.unsqueeze(-2)).sum(-1).flatten(1) * self._scale.like(psi)
        return slopes.new_zeros(len(slopes), n_angles).index_add_(1, self._index.like(psi), slopes)


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, angles: Tensor, product: ProductState) -> Tensor:
        psi = product.rotated(angles)
        ctx.product = product
        ctx.save_for_backward(angles, psi)
        return psi

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        angles, psi = ctx.saved_tensors
        if torch.is_grad_enabled():
            # Differentiated once more: every operation is recorded by autograd itself.
            again = ctx.product.rotated(angles)
            return torch.autograd.grad(again, angles, gradient, create_graph=True)[0], None
        return ctx.product.pull(psi, gradient, angles.shape[-1]).view(angles.shape), None


def _outer(vectors: Tensor) -> Tensor:
    """(…, n, 2) → (…, 2^n)."""
    return reduce(lambda psi, v: (psi.unsqueeze(-1) * v.unsqueeze(-2)).flatten(-2), vectors.unbind(-2))


def _phases(prefix: list[list[Gate]]) -> np.ndarray | None:
    axes = {"rx": -1j, "ry": 1.0}
    if any(len(run) != 1 or run[0].name not in axes or run[0].controls for run in prefix):
        return None
    return reduce(np.kron, ([1.0, axes[run[0].name]] for run in prefix), np.ones(1, dtype=complex))


def angle_row(weights: Tensor, inputs: Tensor | None = None) -> Tensor:
    """The row of angles that gates index: weights (W, C, n_weights), followed by the inputs of each sample where
    given.
    """
    if inputs is not None:
        weights = torch.cat([weights.unsqueeze(2).expand(*inputs.shape[:3], -1), inputs], -1)
    return weights if weights.shape[-1] else weights.new_zeros(*weights.shape[:-1], 1)
