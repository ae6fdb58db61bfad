"""Components as state vectors: a product state, then fused blocks.

Axes: W (1, or the samples where weights differ per sample), C circuits of the bank, K components alike, R (the
samples where weights are shared, or 1), then what the tensor holds. W·R is the batch, L = W·C·K.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.adjoint import Differentiation, evolve, seat, uses_adjoint
from qdiffusion.circuits.circuit import Gate, constant
from qdiffusion.circuits.matrices import Constant, GateMatrices, chain
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.product import ProductState, angle_row
from qdiffusion.circuits.structure import Block, Component, renumber
from qdiffusion.circuits.words import WordValues

WHOLE_PRODUCT = 12
"""Product states on more wires are built from two halves, so that autograd keeps the halves and no whole state."""

_IDENTITY = Gate("rz", (0,), constant(0.0))


class DenseStates:
    """The final states of K components of one shape.

    Between blocks the wires stay in whatever order the last matrix product left them; `order` is the final one.

    Args:
        components: K components alike.
        n_weights: the circuit's count of weights.
        differentiation: "backprop", "adjoint" or "auto", see `adjoint.evolve`.

    Raises:
        UsageError: an unknown way of differentiation.
    """

    def __init__(
        self, components: Sequence[Component], n_weights: int, *, differentiation: Differentiation = "auto"
    ) -> None:
        uses_adjoint(differentiation, 0)
        self.n_wires = len(components[0].wires)
        self.n_components = len(components)
        self.differentiation = differentiation
        prefixes, rests = zip(*map(structure.split_prefix, components), strict=True)
        cuts = (0, self.n_wires // 2, self.n_wires) if self.n_wires > WHOLE_PRODUCT else (0, self.n_wires)
        self._products = [
            ProductPart([prefix[start:stop] for prefix in prefixes], n_weights) for start, stop in pairwise(cuts)
        ]
        fused = list(zip(*map(structure.fuse, rests), strict=True))
        self._n_gates = [(len(alike[0].gates), len(alike[0].wires)) for alike in fused]
        order = tuple(range(self.n_wires))
        self._seats, registers = [], []
        for alike in fused:
            place, register, order = seat(order, alike[0].wires)
            self._seats.append(place)
            registers.append(register)
        self.order = order
        self._matrices = BlockMatrices(fused, registers, n_weights)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, 2^n), wires in `order`."""
        row = angle_row(weights, inputs)
        psi = self._products[0](row)
        for part in self._products[1:]:
            psi = (psi.unsqueeze(-1) * part(row).unsqueeze(-2)).flatten(-2)
        if not self._seats:
            return psi
        matrices = self._matrices(angle_row(weights), row)
        return evolve(self._seats, psi.flatten(0, 2), matrices, self.differentiation).reshape(psi.shape)

    def explain(self) -> str:
        blocks = ", ".join(f"{n_gates} gates on {n_wires}" for n_gates, n_wires in self._n_gates)
        return f"state vector, {f'fused blocks of {blocks} wires' if blocks else 'a product state'}"


class DenseWords:
    """Pauli words of K components alike, read off their state vectors."""

    def __init__(
        self,
        components: Sequence[Component],
        words: Sequence[PauliWord],
        n_weights: int,
        *,
        differentiation: Differentiation = "auto",
    ) -> None:
        self._states = DenseStates(components, n_weights, differentiation=differentiation)
        self._read = WordValues(words, self._states.order)
        self.explain = self._states.explain

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, number of words)."""
        return self._read(self._states(weights, inputs))


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
            depth = max(len(blocks[index][0].gates) for index in members)
            gates = [
                [g for index in members for g in _padded(blocks[index][k], registers[index], depth)]
                for k in range(len(blocks[members[0]]))
            ]
            self._groups.append((members, per_sample, depth, GateMatrices(gates, tuple(range(n_wires)), n_weights)))

    def __call__(self, shared: Tensor, row: Tensor) -> list[Tensor]:
        """Weights (W, C, n) and angles of every sample (W, C, R, n_angles) → (L, R or 1, d, d) of each block."""
        found: dict[int, Tensor] = {}
        for members, per_sample, depth, gates in self._groups:
            steps = gates(row if per_sample else shared.unsqueeze(2)).unflatten(-3, (len(members), depth))
            matrices = chain(steps).transpose(2, 3).flatten(0, 2)
            found.update(zip(members, matrices.unbind(2), strict=True))
        return [found[index] for index in range(self._count)]


def _padded(block: Block, register: tuple[int, ...], depth: int) -> list[Gate]:
    """The block's gates on its own register, followed by identities up to `depth` gates."""
    return [*renumber(block.gates, register), *[_IDENTITY] * (depth - len(block.gates))]
