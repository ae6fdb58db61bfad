r"""Products of runs of gates, differentiated as one step.

With every gate K₀ + cos φ K₁ + sin φ K₂ the product U = M_G … M_1 is a tree of log₂ G batched products. Its gradient
goes down the same tree. Let μ be the complex conjugate of the gradient of U, dL = Re Σ μ dU. For U = A B

.. math:: μ_A = μ B^T, \quad μ_B = A^T μ, \quad
    ∂L/∂φ_g = Re Σ μ_g ∘ (\cos φ_g K_2 - \sin φ_g K_1)

A run has a hundred small matrices and nearly no arithmetic: what counts is how few operations there are.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.gradients import apply
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.picking import GateAngles
from qdiffusion.circuits.circuit import Gate, constant
from qdiffusion.circuits.gates import Matrices, embed

_IDENTITY = Gate("rz", (0,), constant(0.0))


class Products(ABC):
    """The products of P runs of gates, for K lists of runs alike, as one step of autograd.

    Attributes:
        shape: (K, P).
        size: 2^n of n wires.
    """

    shape: tuple[int, int]
    size: int

    def __call__(self, angles: Tensor) -> Tensor:
        """(…, n_angles) in radians → complex (…, K, P, 2^n, 2^n)."""
        products = apply(self, angles.reshape(-1, angles.shape[-1]))
        return products.view(*angles.shape[:-1], *self.shape, self.size, self.size)

    @abstractmethod
    def run(self, angles: Tensor) -> tuple[Tensor, Any]:
        """Angles (N, n_angles) → the products (N·K·P, 2^n, 2^n), and what `pull` needs."""

    @abstractmethod
    def pull(self, tensors: Sequence[Tensor], value: Tensor, kept: Any, gradient: Tensor) -> tuple[Tensor]:
        """∂L/∂angles (N, n_angles)."""


class GateProducts(Products):
    """The products of P runs of gates on one register, for K lists of runs alike but for the indices of their angles.

    Gates without a free angle are multiplied into their neighbours' terms beforehand. Gates come first in memory, in an
    order (`memory_order`) in which each level of the tree multiplies one contiguous half with the other.

    Args:
        alike: K lists of P runs; shorter runs are filled up with identities.
        wires: the register that every gate acts on, most significant first.
        n_weights: where inputs begin in the row of angles (weights, inputs).
    """

    def __init__(self, alike: Sequence[Sequence[Sequence[Gate]]], wires: Sequence[int], n_weights: int) -> None:
        # The other lists differ from the first in indices only.
        folded = [_folded(run, wires) for run in alike[0]]
        depth = max(map(len, folded))
        nothing = _Slot(None, np.stack([np.eye(1 << len(wires)), *2 * [np.zeros((1 << len(wires),) * 2)]]))
        filled = [[*slots, *[nothing] * (depth - len(slots))] for slots in folded]
        order = memory_order(depth)
        terms = np.stack([slots[place].terms for place in order for slots in filled])
        self.shape = (len(alike), len(filled))
        self.size = terms.shape[-1]
        flat = np.stack([terms.real, terms.imag], -1).reshape(depth, 1, 1, self.shape[1], 3, -1)
        self.terms = [Constant(flat[..., term, :]) for term in range(3)]
        everywhere = [
            slots[place].gate(run) for place in order for runs in alike for run, slots in zip(runs, filled, strict=True)
        ]
        self.first = [[slots[place].gate(run) for run, slots in zip(alike[0], filled, strict=True)] for place in order]
        self.angles = GateAngles(everywhere, n_weights, [gate.kind.frequency or 0.0 for gate in everywhere])

    def run(self, angles: Tensor) -> tuple[Tensor, tuple["ProductTree", Tensor]]:
        """Angles (N, n_angles) → the products (N·K·P, 2^n, 2^n); their tree, and the gates' fθ (gates, N, K, P)."""
        phase = self.angles(angles).unflatten(1, (-1, *self.shape)).transpose(0, 1).contiguous()
        fixed, cosine, sine = (term.like(angles) for term in self.terms)
        first, second = self.factors(phase)
        even = torch.addcmul(fixed, first.unsqueeze(-1), cosine)
        parts = torch.addcmul(even, second.unsqueeze(-1), sine)
        matrices = torch.view_as_complex(parts.view(len(parts), -1, self.size, self.size, 2))
        product, tree = multiply(matrices)
        return product, (tree, phase)

    def pull(
        self, tensors: Sequence[Tensor], value: Tensor, kept: tuple["ProductTree", Tensor], gradient: Tensor
    ) -> tuple[Tensor]:
        """∂L/∂angles (N, n_angles)."""
        tree, phase = kept
        _, cosine, sine = (term.like(phase) for term in self.terms)
        mu = tree.pull(gradient.conj().resolve_conj())
        second, first = self.slopes(phase)
        slopes = second.unsqueeze(-1) * sine
        slopes = torch.addcmul(slopes, first.unsqueeze(-1), cosine, value=-1)
        # Re(μ K) is the product of μ's conjugate with K as pairs of real numbers.
        rows = torch.view_as_real(mu.conj().resolve_conj()).view(slopes.shape)
        by_gate = (rows * slopes).sum(-1).transpose(0, 1).flatten(1)
        return (self.angles.pull(by_gate, tensors[0].shape[-1]),)

    def factors(self, phase: Tensor) -> tuple[Tensor, Tensor]:
        """What K₁ and K₂ are multiplied by, each of phase's shape (gates, N, K, P)."""
        return phase.cos(), phase.sin()

    def slopes(self, phase: Tensor) -> tuple[Tensor, Tensor]:
        """The slope of K₂'s factor, and minus that of K₁'s."""
        return phase.cos(), phase.sin()


@dataclass(frozen=True)
class _Slot:
    """One gate of a run, at `place`, and the fixed ones multiplied into it; None: fixed ones alone."""

    place: int | None
    terms: Matrices

    def gate(self, run: Sequence[Gate]) -> Gate:
        """Whose angle decides."""
        return _IDENTITY if self.place is None else run[self.place]


def _folded(run: Sequence[Gate], wires: Sequence[int]) -> list[_Slot]:
    """The gates of a run that have a free angle, at least one slot; a fixed gate goes into the one before it, those in
    front into the first.
    """
    slots: list[_Slot] = []
    front = np.eye(1 << len(wires), dtype=complex)
    for place, gate in enumerate(run):
        on_wires = tuple(wires.index(wire) for wire in gate.wires)
        if gate.angle is not None and gate.angle.source != "constant":
            terms = embed(gate.kind.terms, on_wires, len(wires))
            slots.append(_Slot(place, terms if slots else terms @ front))
            continue
        fixed = embed(gate.kind.at(gate.angle.offset if gate.angle else 0.0)[None], on_wires, len(wires))[0]
        if slots:
            slots[-1] = _Slot(slots[-1].place, fixed @ slots[-1].terms)
        else:
            front = fixed @ front
    return slots or [_Slot(None, np.stack([front, 0 * front, 0 * front]))]


@dataclass(frozen=True)
class ProductTree:
    """What the gradient of a product M_G … M_1 needs, level by level. The product itself is not kept: it leads to
    autograd's node, and that would lead back here.

    Attributes:
        levels: the matrices of each level (count, B, d, d), in the order of `memory_order`.
        waiting: the last matrix of a level of an odd count, and the product of all before it.
    """

    levels: list[Tensor]
    waiting: list[tuple[Tensor, Tensor] | None]

    def pull(self, mu: Tensor) -> Tensor:
        """The μ (G, B, d, d) of every matrix from that of the product (B, d, d)."""
        lasts: list[list[Tensor]] = []
        for pair in self.waiting:
            lasts.append([] if pair is None else [mu @ pair[1].mT])
            mu = mu if pair is None else pair[0].mT @ mu
        mu = mu.unsqueeze(0)
        for level, rest in zip(reversed(self.levels), reversed(lasts), strict=True):
            half = len(mu)
            below = torch.empty_like(level)
            torch.matmul(level[half : 2 * half].mT, mu, out=below[:half])
            torch.matmul(mu, level[:half].mT, out=below[half : 2 * half])
            for last in rest:
                below[2 * half] = last
            mu = below
        return mu


def multiply(matrices: Tensor) -> tuple[Tensor, ProductTree]:
    """The product M_G … M_1 (B, d, d) of matrices (G, B, d, d) stored as `memory_order` says; where a level's count is
    odd, its last matrix waits.
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
    return product, ProductTree(levels, waiting[::-1])


def memory_order(depth: int) -> list[int]:
    """Gates in the order in which they are stored: those at even places, those at odd places, what is left; the same
    again of their products.
    """
    if depth == 1:
        return [0]
    pairs = memory_order(depth // 2)
    return [*(2 * p for p in pairs), *(2 * p + 1 for p in pairs), *([depth - 1] if depth % 2 else [])]
