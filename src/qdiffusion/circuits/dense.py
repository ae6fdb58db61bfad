"""Components as state vectors: a product state, then fused blocks.

Axes: W (1, or the samples where weights differ per sample), C circuits of the bank, K components alike, R (the
samples where weights are shared, or 1), then what the tensor holds. W·R is the batch.
"""

from collections.abc import Sequence

from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.matrices import Constant, GateMatrices, chain
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.product import ProductState, angle_row
from qdiffusion.circuits.structure import Block, Component
from qdiffusion.circuits.words import WordValues


class DenseStates:
    """The final states of K components of one shape.

    Between blocks the wires stay in whatever order the last matrix product left them; `order` is the final one.
    """

    def __init__(self, components: Sequence[Component], n_weights: int) -> None:
        self.n_wires = len(components[0].wires)
        self.n_components = len(components)
        prefixes, rests = zip(*map(structure.split_prefix, components), strict=True)
        self._product = ProductState(prefixes, n_weights)
        fused = [structure.fuse(rest) for rest in rests]
        self._blocks = [BlockPlan(alike, n_weights) for alike in zip(*fused, strict=True)]
        self._phases = None if self._product.phases is None else Constant(self._product.phases)
        self.order = tuple(range(self.n_wires))
        for block in self._blocks:
            self.order = block.reorder(self.order)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, 2^n), wires in `order`."""
        psi = self._product(angle_row(weights, inputs))
        if self._phases is not None:
            psi = psi * self._phases.like(psi)
        order = tuple(range(self.n_wires))
        for block in self._blocks:
            psi = block(psi, order, weights, inputs)
            order = block.reorder(order)
        return psi

    def explain(self) -> str:
        blocks = ", ".join(f"{block.n_gates} gates on {len(block.wires)}" for block in self._blocks)
        return f"state vector, {f'fused blocks of {blocks} wires' if blocks else 'a product state'}"


class DenseWords:
    """Pauli words of K components alike, read off their state vectors."""

    def __init__(self, components: Sequence[Component], words: Sequence[PauliWord], n_weights: int) -> None:
        self._states = DenseStates(components, n_weights)
        self._read = WordValues(words, self._states.order)
        self.explain = self._states.explain

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, number of words)."""
        return self._read(self._states(weights, inputs))


class BlockPlan:
    """One fused matrix for each of K components, applied to its wires."""

    def __init__(self, alike: Sequence[Block], n_weights: int) -> None:
        self.wires = alike[0].wires
        self.n_gates = len(alike[0].gates)
        self._per_sample = alike[0].per_sample
        self._gates = GateMatrices([block.gates for block in alike], self.wires, n_weights)

    def reorder(self, order: tuple[int, ...]) -> tuple[int, ...]:
        return (*(wire for wire in order if wire not in self.wires), *self.wires)

    def __call__(self, psi: Tensor, order: tuple[int, ...], weights: Tensor, inputs: Tensor) -> Tensor:
        lead = psi.ndim - 1
        axes = [lead + order.index(wire) for wire in self.reorder(order)]
        wires = psi.unflatten(-1, (2,) * len(order)).permute(*range(lead), *axes)
        columns = wires.reshape(*psi.shape[:-1], -1, 1 << len(self.wires))
        return (columns @ self._matrix(weights, inputs).mT).flatten(-2)

    def _matrix(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """(W, C, K, R or 1, d, d)."""
        if self._per_sample:
            return chain(self._gates(angle_row(weights, inputs))).transpose(2, 3)
        return chain(self._gates(angle_row(weights))).unsqueeze(3)
