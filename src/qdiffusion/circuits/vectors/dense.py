"""Components as state vectors: a product state, then fused blocks.

Axes: W (1, or the samples where weights differ per sample), C circuits of the bank, K components alike, R (the
samples where weights are shared, or 1), then what the tensor holds. W·R is the batch, L = W·C·K.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import pad

from qdiffusion.circuits import structure
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.nested import products
from qdiffusion.circuits.angles.picking import angle_row
from qdiffusion.circuits.angles.product import ProductState
from qdiffusion.circuits.angles.samples import Once, Prepared, in_turns
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.structure import Block, Component, renumber
from qdiffusion.circuits.vectors.adjoint import Evolution, check_evolution, evolve
from qdiffusion.circuits.vectors.seating import route
from qdiffusion.circuits.vectors.words import WordValues
from qdiffusion.errors import UsageError

WHOLE_PRODUCT = 7
"""Product states on more wires are built from two halves: the gradient by angles then gathers n numbers for each of
2^(n/2) amplitudes and not of 2^n, and autograd keeps no whole state. Of 11 and 12 qubits, a batch of 128 takes a third
to two thirds of the time, one sample 5% longer.
"""

GROUP = 1 << 21
"""So many amplitudes (16 MB in complex64) are evolved and read before the next samples, so that passes over whole
states stay in the cache: 7% less time a sample at 20 qubits and a batch of 8.
"""

MOST_WIRES = 30
"""2^30 amplitudes are 8 GB in complex64, and as much again to differentiate."""


class DenseStates:
    """The final states of K components of one shape.

    They are normalised where post-selection left less than 1. Between blocks the wires stay in whatever order the last
    matrix product left them; `order` is the final one.

    Args:
        components: K components alike.
        n_weights: the circuit's count of weights.
        differentiation: "backprop", "adjoint" or "auto", see `adjoint.evolve`.

    Raises:
        UsageError: an unknown way of differentiation, "adjoint" where post-selection is not unitary, or more than 30
            wires.
    """

    def __init__(self, components: Sequence[Component], n_weights: int, *, differentiation: Evolution = "auto") -> None:
        self._is_unitary = components[0].is_unitary
        check_evolution(differentiation, self._is_unitary)
        self.n_wires = len(components[0].wires)
        if self.n_wires > MOST_WIRES:
            raise UsageError(
                f"A component of {self.n_wires} qubits needs a state of 2^{self.n_wires} amplitudes, beyond the "
                f"2^{MOST_WIRES} this machine's memory is trusted with; read fewer wires or use fewer layers."
            )
        self._n_components, self._differentiation = len(components), differentiation
        prefixes, rests = zip(*map(structure.split_prefix, components), strict=True)
        self._n_amplitudes = 1 << len(components[0].prepared) if components[0].prepared else 0
        free = [wire for wire in range(self.n_wires) if wire not in components[0].prepared]
        fused = list(zip(*map(structure.fuse, rests), strict=True))
        starts = [gate for wire in free for gate in prefixes[0][wire]]
        per_sample = any(block.per_sample for block in (alike[0] for alike in fused))
        self._inputs_only = not per_sample and all(map(structure.reads_input, starts))
        # Wires without a leading gate start in |0⟩: nothing is computed for them.
        self._n_idle = 0 if starts else len(free)
        cuts = (0, len(free) // 2, len(free)) if len(free) > WHOLE_PRODUCT else (0, len(free))
        self._products = [
            ProductPart(
                [[prefix[wire] for wire in free[start:stop]] for prefix in prefixes],
                0 if self._inputs_only else n_weights,
            )
            for start, stop in pairwise(cuts)
            if starts and stop > start
        ]
        self._n_gates = [(len(alike[0].gates), len(alike[0].wires)) for alike in fused]
        self._route = route((*components[0].prepared, *free), [alike[0].wires for alike in fused])
        self.order = self._route.order
        self._matrices = BlockMatrices(fused, self._route.registers, n_weights)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, 2^n), wires in `order`."""
        return self.prepared(weights)(inputs)

    def prepared(self, weights: Tensor) -> Callable[[Tensor], Tensor]:
        """The states as a function of the inputs; matrices that read no input are built here."""
        shared = self._matrices(angle_row(weights), weights) if self._inputs_only else None
        return partial(self._evolved, weights, shared)

    def _evolved(self, weights: Tensor, shared: list[Tensor] | None, inputs: Tensor) -> Tensor:
        # Most circuits meet their inputs in the prefix alone: no row of all angles is then made for every sample.
        row = inputs.real if self._inputs_only else angle_row(weights, inputs.real)
        psi = extended(reduce(_outer, self._starts(inputs, row)), self._n_idle)
        if self._route.sweeps:
            matrices = self._matrices(angle_row(weights), row) if shared is None else shared
            last = evolve(self._route, psi.flatten(0, 2), matrices, self._differentiation, self._is_unitary)
            psi = last.reshape(psi.shape)
        if self._is_unitary:
            return psi
        psi = psi / largest(psi)
        return psi / torch.linalg.vector_norm(psi, dim=-1, keepdim=True)

    def _starts(self, inputs: Tensor, row: Tensor) -> Iterator[Tensor]:
        """The given amplitudes, then the product states of the other wires, or a single 1 if there are neither."""
        if self._n_amplitudes:
            given = inputs[..., : self._n_amplitudes].to(row.dtype.to_complex()).unsqueeze(2)
            shape = (*row.shape[:2], self._n_components, *given.shape[3:])
            yield given.expand(shape)
        for part in self._products:
            yield part(row)
        if not self._n_amplitudes and not self._products:
            yield row.new_ones(*row.shape[:2], self._n_components, row.shape[2], 1, dtype=row.dtype.to_complex())

    def explain(self) -> str:
        blocks = ", ".join(f"{n_gates} gates on {n_wires}" for n_gates, n_wires in self._n_gates)
        return f"state vector, {f'fused blocks of {blocks} wires' if blocks else 'a product state'}"


def largest(psi: Tensor) -> Tensor:
    """The largest |amplitude| (…, 1) of states (…, 2^n), ∞ where none exceeds the smallest normal number; a constant.

    Squares of small amplitudes, and more so their slopes, would leave the range of numbers: divide by this first.
    """
    size = psi.detach().abs().amax(-1, keepdim=True)
    return torch.where(size > torch.finfo(size.dtype).tiny, size, torch.inf)


class DenseWords:
    """Pauli words of K components alike, read off their state vectors.

    fixed: the weights are the same in every call.
    """

    def __init__(
        self,
        components: Sequence[Component],
        words: Sequence[PauliWord],
        n_weights: int,
        *,
        differentiation: Evolution = "auto",
        fixed: bool = False,
    ) -> None:
        self._prepare: Prepared = Once(self._prepared) if fixed else self._unprepared
        self._states = DenseStates(components, n_weights, differentiation=differentiation)
        self._read = WordValues(words, self._states.order)
        self._size = len(components) << len(components[0].wires)
        self.explain = self._states.explain

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, number of words)."""
        most = max(1, GROUP // (weights.shape[1] * self._size))
        return in_turns(self._prepare, weights, inputs, most)

    def _prepared(self, weights: Tensor) -> Callable[[Tensor], Tensor]:
        states = self._states.prepared(weights)
        return lambda inputs: self._read(states(inputs))

    def _unprepared(self, weights: Tensor) -> Callable[[Tensor], Tensor]:
        # What a gradient passes is built anew for each part of the samples: kept, it would be summed in another order.
        return lambda inputs: self._read(self._states(weights, inputs))


def extended(psi: Tensor, n_wires: int) -> Tensor:
    """|ψ⟩|0…0⟩: (…, d) → (…, d · 2^n_wires)."""
    return pad(psi.unsqueeze(-1), (0, (1 << n_wires) - 1)).flatten(-2) if n_wires else psi


def _outer(first: Tensor, second: Tensor) -> Tensor:
    """(…, a) and (…, b) → (…, a·b)."""
    # As a product of matrices, so that the gradient of either needs no second array of this size.
    return (first.unsqueeze(-1) @ second.unsqueeze(-2)).flatten(-2)


class ProductPart:
    """The product state of some of the wires, phases included."""

    def __init__(self, prefixes: Sequence[list[list[Gate]]], n_weights: int) -> None:
        self._state = ProductState(prefixes, n_weights)
        self._phases = None if self._state.phases is None else Constant(self._state.phases)

    def __call__(self, row: Tensor) -> Tensor:
        """Angles (W, C, R, n_angles) → complex (W, C, K, R, 2^wires)."""
        psi = self._state(row)
        return psi if self._phases is None else psi * self._phases.like(psi)


class BlockMatrices:
    """The fused matrices of all blocks of K components alike.

    Blocks of one size and about as many gates are built together, the shorter ones filled up with identities: what
    a small matrix costs is the call and not the arithmetic.

    Args:
        blocks: for each block, the K blocks alike.
        registers: for each block, its wires in the order of the matrix's bits.
        n_weights: the circuit's count of weights.
    """

    def __init__(self, blocks: Sequence[Sequence[Block]], registers: Sequence[tuple[int, ...]], n_weights: int) -> None:
        self._count = len(blocks)
        groups: dict[tuple[int, bool, int], list[int]] = defaultdict(list)
        for index, (block, *_) in enumerate(blocks):
            groups[len(block.wires), block.per_sample, (len(block.gates) - 1).bit_length()].append(index)
        self._groups = []
        for (n_wires, per_sample, _), members in groups.items():
            alike = [
                [renumber(blocks[index][k].gates, registers[index]) for index in members]
                for k in range(len(blocks[members[0]]))
            ]
            self._groups.append((members, per_sample, products(alike, n_wires, n_weights)))

    def __call__(self, shared: Tensor, row: Tensor) -> list[Tensor]:
        """Weights (W, C, n) and angles of every sample (W, C, R, n_angles) → (L, R or 1, d, d) of each block."""
        by_block: dict[int, Tensor] = {}
        for members, per_sample, build in self._groups:
            matrices = build(row if per_sample else shared.unsqueeze(2)).transpose(2, 3).flatten(0, 2)
            by_block.update(zip(members, matrices.unbind(2), strict=True))
        return [by_block[index] for index in range(self._count)]
