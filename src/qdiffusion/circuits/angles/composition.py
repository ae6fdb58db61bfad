r"""Products of runs of gates, differentiated as one step.

With every gate K₀ + cos φ K₁ + sin φ K₂ the product U = M_G … M_1 is a tree of log₂ G batched products. Its gradient
goes down the same tree. Let μ be the complex conjugate of the gradient of U, dL = Re Σ μ dU. For U = A B

.. math:: μ_A = μ B^T, \quad μ_B = A^T μ, \quad
    ∂L/∂φ_g = Re Σ μ_g ∘ (\cos φ_g K_2 - \sin φ_g K_1)

A run has a hundred small matrices and nearly no arithmetic: what counts is how few operations there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant, records_alone
from qdiffusion.circuits.circuit import Gate, constant
from qdiffusion.circuits.gates import embed
from qdiffusion.circuits.structure import angle_indices

_IDENTITY = Gate("rz", (0,), constant(0.0))


class GateProducts:
    """The products of P runs of gates on one register, for K lists of runs alike but for the indices of their angles.

    Gates come first in memory, in an order (`_memory`) in which each level of the tree multiplies one contiguous half
    with the other.

    Args:
        alike: K lists of P runs; shorter runs are filled up with identities.
        wires: the register that every gate acts on, most significant first.
        n_weights: where inputs begin in the row of angles (weights, inputs).
    """

    def __init__(self, alike: Sequence[Sequence[Sequence[Gate]]], wires: Sequence[int], n_weights: int) -> None:
        depth = max(1, *map(len, alike[0]))
        filled = [[[*run, *[_IDENTITY] * (depth - len(run))] for run in runs] for runs in alike]
        order = _memory(depth)
        # (gates, P) of the first list: the others differ in indices only.
        gates = [run[place] for place in order for run in filled[0]]
        kinds = [gate.kind for gate in gates]
        places = [tuple(wires.index(wire) for wire in gate.wires) for gate in gates]
        terms = np.stack([embed(kind.terms, place, len(wires)) for kind, place in zip(kinds, places, strict=True)])
        frequency = np.array([kind.frequency or 0.0 for kind in kinds])
        free = [gate.angle.scale if gate.angle and gate.angle.source != "constant" else 0.0 for gate in gates]
        offsets = [gate.angle.offset if gate.angle else 0.0 for gate in gates]
        self.shape = (len(alike), len(filled[0]))
        self.size = terms.shape[-1]
        per_gate = (depth, 1, 1, self.shape[1])
        flat = np.stack([terms.real, terms.imag], -1).reshape(*per_gate, 3, -1)
        self.terms = [Constant(flat[..., term, :]) for term in range(3)]
        indices = [[[run[place] for run in runs] for runs in filled] for place in order]
        row = [gate for lists in indices for runs in lists for gate in runs]
        self.index = Constant(np.array(angle_indices(row, n_weights)))
        self.scale = Constant((frequency * free).reshape(per_gate))
        self.offset = Constant((frequency * offsets).reshape(per_gate))

    def __call__(self, angles: Tensor) -> Tensor:
        """(…, n_angles) in radians → complex (…, K, P, 2^n, 2^n)."""
        flat = angles.reshape(-1, angles.shape[-1])
        found = _Compose.apply(flat, self) if records_alone(angles) else self.compose(flat)[0]
        return found.view(*angles.shape[:-1], *self.shape, self.size, self.size)

    def compose(self, angles: Tensor) -> tuple[Tensor, "Tree", Tensor]:
        """Angles (N, n_angles) → the products (N·K·P, 2^n, 2^n), their tree, and the gates' fθ (gates, N, K, P)."""
        picked = angles.index_select(1, self.index.like(angles)).unflatten(1, (-1, *self.shape))
        picked = picked.transpose(0, 1).contiguous()
        phase = torch.addcmul(self.offset.like(angles), picked, self.scale.like(angles))
        fixed, cosine, sine = (term.like(angles) for term in self.terms)
        even = torch.addcmul(fixed, phase.cos().unsqueeze(-1), cosine)
        parts = torch.addcmul(even, phase.sin().unsqueeze(-1), sine)
        matrices = torch.view_as_complex(parts.view(len(parts), -1, self.size, self.size, 2))
        return *multiply(matrices), phase

    def pull(self, mu: Tensor, phase: Tensor, n_angles: int) -> Tensor:
        """∂L/∂angles (N, n_angles) from the μ (gates, N·K·P, 2^n, 2^n) of every gate's matrix."""
        _, cosine, sine = (term.like(phase) for term in self.terms)
        slopes = phase.cos().unsqueeze(-1) * sine
        slopes = torch.addcmul(slopes, phase.sin().unsqueeze(-1), cosine, value=-1)
        # Re(μ K) is the product of μ's conjugate with K as pairs of real numbers.
        rows = torch.view_as_real(mu.conj().resolve_conj()).view(slopes.shape)
        found = (rows * slopes).sum(-1) * self.scale.like(phase)
        found = found.transpose(0, 1).flatten(1)
        return found.new_zeros(len(found), n_angles).index_add_(1, self.index.like(phase), found)


@dataclass(frozen=True)
class Tree:
    """What the gradient of a product M_G … M_1 needs, level by level. The product itself is not kept: it leads to
    autograd's node, and that would lead back here.

    Attributes:
        levels: the matrices of each level (count, B, d, d), in the order of `_memory`.
        waiting: the last matrix of a level of an odd count, and the product of all before it.
    """

    levels: list[Tensor]
    waiting: list[tuple[Tensor, Tensor] | None]

    def pull(self, mu: Tensor) -> Tensor:
        """The μ (G, B, d, d) of every matrix from that of the product (B, d, d)."""
        lasts: list[list[Tensor]] = []
        for pair in self.waiting:
            lasts.append([] if pair is None else [(mu @ pair[1].mT).unsqueeze(0)])
            mu = mu if pair is None else pair[0].mT @ mu
        mu = mu.unsqueeze(0)
        for level, rest in zip(reversed(self.levels), reversed(lasts), strict=True):
            first, second = level[: len(mu)], level[len(mu) : 2 * len(mu)]
            mu = torch.cat([second.mT @ mu, mu @ first.mT, *rest])
        return mu


def multiply(matrices: Tensor) -> tuple[Tensor, Tree]:
    """The product M_G … M_1 (B, d, d) of matrices (G, B, d, d) stored as `_memory` says; where a level's count is odd,
    its last matrix waits.
    """
    levels: list[Tensor] = []
    while (count := len(matrices)) > 1:
        levels.append(matrices)
        half = count // 2
        matrices = matrices[half : 2 * half] @ matrices[:half]
    product = matrices[0]
    waiting: list[tuple[Tensor, Tensor] | None] = []
    for level in reversed(levels):
        waiting.append((level[-1], product) if len(level) % 2 else None)
        product = level[-1] @ product if len(level) % 2 else product
    return product, Tree(levels, waiting[::-1])


def _memory(depth: int) -> list[int]:
    """Gates in the order in which they are stored: those at even places, those at odd places, what is left; the same
    again of their products.
    """
    if depth == 1:
        return [0]
    pairs = _memory(depth // 2)
    return [*(2 * p for p in pairs), *(2 * p + 1 for p in pairs), *([depth - 1] if depth % 2 else [])]


class _Compose(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, angles: Tensor, gates: GateProducts) -> Tensor:
        product, ctx.tree, ctx.phase = gates.compose(angles)
        ctx.gates = gates
        ctx.save_for_backward(angles)
        return product

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (angles,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            # Differentiated once more: every operation is recorded by autograd itself.
            again = ctx.gates.compose(angles)[0]
            return torch.autograd.grad(again, angles, gradient, create_graph=True)[0], None
        return ctx.gates.pull(ctx.tree.pull(gradient.conj().resolve_conj()), ctx.phase, angles.shape[-1]), None
