"""Expectation values on a tree of clusters, by messages.

For an operator O = ∏ o_c, one factor a cluster, with Φ as in `clusters`:

    m_{a→b}[s, s'] = Σ conj(Φ_a^{… s}) o_a (∏_{c ≠ b} m_{c→a} Φ_a)^{… s'}        ⟨O⟩ = Σ conj(Φ_b) o_b ∏_c m_{c→b} Φ_b

Messages, and clusters with the messages of their neighbours applied, are shared by all operators that agree on them.
"""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.matrices import Constant
from qdiffusion.circuits.pullback import Dephase, Operator, Pauli, Pick
from qdiffusion.circuits.tree import ClusterTree

Factors = tuple[tuple[int, Operator], ...]
"""Operators on distinct wires, sorted by wire."""

_PAULI = {letter: Constant(matrix) for letter, matrix in PAULI.items()}


class Paths:
    """Who is whose neighbour in a cluster tree, and what lies behind each neighbour."""

    def __init__(self, tree: ClusterTree) -> None:
        self.clusters = tree.clusters
        self.home = tree.home()
        self.neighbours = {index: list(edges) for index, edges in tree.edges().items()}
        self._behind = {
            (here, there): self._wires(here, there) for here, near in self.neighbours.items() for there in near
        }

    def _wires(self, here: int, there: int) -> frozenset[int]:
        seen, todo = {here, there}, [there]
        while todo:
            new = [other for other in self.neighbours[todo.pop()] if other not in seen]
            seen.update(new)
            todo.extend(new)
        return frozenset(wire for cluster in seen - {here} for wire in self.clusters[cluster])

    def around(self, cluster: int, factors: Factors, skip: int | None = None) -> tuple[Factors, ...]:
        """The factors behind each neighbour; none behind `skip`."""
        return tuple(
            () if there == skip else tuple(f for f in factors if f[0] in self._behind[cluster, there])
            for there in self.neighbours[cluster]
        )

    def within(self, cluster: int, factors: Factors) -> Factors:
        """The factors on the cluster's own wires, renumbered to it."""
        wires = self.clusters[cluster]
        return tuple((wires.index(wire), operator) for wire, operator in factors if wire in wires)


class Messages:
    """The messages of one call, each computed once.

    Args:
        paths: the tree.
        states: Φ of each cluster, (W, C, R, bonds …, 2^n).
        turns: V of each link, (W, C, 2, 2).
        halved: for pairs (a, b) the wire of a, both of whose projections will be asked of m_{a→b}: their sum is the
        plain message.
    """

    def __init__(
        self, paths: Paths, states: dict[int, Tensor], turns: dict[int, Tensor], halved: dict[tuple[int, int], int]
    ) -> None:
        self._paths, self._states, self._turns, self._halved = paths, states, turns, halved
        self._found: dict[Hashable, Tensor] = {}

    def probabilities(self, root: int, around: tuple[Factors, ...]) -> Tensor:
        """Re conj(Φ) (∏ m Φ), summed over bonds: (W, C, R, 2^n)."""

        def compute() -> Tensor:
            phi, dressed = self._states[root], self._dressed(root, around)
            products = torch.view_as_real(phi) * torch.view_as_real(dressed)
            return products.sum(-1).reshape(*phi.shape[:3], -1, phi.shape[-1]).sum(3)

        return self._once(("probabilities", root, around), compute)

    def value(self, root: int, around: tuple[Factors, ...], within: Factors, is_hermitian: bool) -> Tensor:
        """Re⟨O⟩, (W, C, R), by the factors `within` the root and those behind its neighbours.

        Where O is Hermitian, so is each factor, and a diagonal one needs the probabilities alone.
        """
        if len(within) != 1:
            dressed = self._apply(within, self._dressed(root, around))
            products = torch.view_as_real(self._states[root]) * torch.view_as_real(dressed)
            return products.flatten(3).sum(-1)
        place, operator = within[0]
        matrix = self._operator(operator)
        if is_hermitian and operator.is_diagonal:
            halves = self.probabilities(root, around).unflatten(-1, (1 << place, 2, -1)).sum((-3, -1))
            return (halves * matrix.diagonal(dim1=-2, dim2=-1).real.unsqueeze(-2)).sum(-1)
        density = self._once(("density", root, around, place), lambda: self._density(root, around, place))
        return (density * matrix.unsqueeze(-3)).sum((-1, -2)).real

    def _density(self, root: int, around: tuple[Factors, ...], place: int) -> Tensor:
        """ρ[a, b] = Σ conj(Φ_a) (∏ m Φ)_b over all but the wire: (W, C, R, 2, 2)."""
        return _overlaps(
            *(
                psi.unflatten(-1, (1 << place, 2, -1)).movedim(-2, 3).flatten(4)
                for psi in (self._states[root], self._dressed(root, around))
            )
        )

    def _message(self, source: int, to: int, factors: Factors) -> Tensor:
        return self._once(("message", source, to, factors), lambda: self._send(source, to, factors))

    def _send(self, source: int, to: int, factors: Factors) -> Tensor:
        """m_{source→to}, (W, C, R, bond, bond)."""
        if not factors and (source, to) in self._halved:
            wire = self._halved[source, to]
            first, second = (self._message(source, to, ((wire, Pick(bit, None, bit)),)) for bit in (0, 1))
            return first + second
        around = self._paths.around(source, factors, skip=to)
        within = self._paths.within(source, factors)
        pair = (self._states[source], self._dressed(source, around, to))
        projected = _projected(within)
        if projected is not None:
            place, bit = projected
            pair = tuple(psi.unflatten(-1, (1 << place, 2, -1)).select(-2, bit).flatten(-2) for psi in pair)
        else:
            pair = (pair[0], self._apply(within, pair[1]))
        axis = 3 + self._paths.neighbours[source].index(to)
        return _overlaps(*(psi.movedim(axis, 3).flatten(4) for psi in pair))

    def _dressed(self, cluster: int, around: tuple[Factors, ...], skip: int | None = None) -> Tensor:
        """Φ with the messages of all neighbours but `skip` applied; those before the last may be shared."""
        neighbours = self._paths.neighbours[cluster]
        return self._partly(cluster, around, [axis for axis, there in enumerate(neighbours) if there != skip])

    def _partly(self, cluster: int, around: tuple[Factors, ...], axes: Sequence[int]) -> Tensor:
        if not axes:
            return self._states[cluster]
        *before, last = axes
        key = ("dressed", cluster, tuple((axis, around[axis]) for axis in axes))
        return self._once(key, lambda: self._receive(cluster, last, around, self._partly(cluster, around, before)))

    def _receive(self, cluster: int, axis: int, around: tuple[Factors, ...], psi: Tensor) -> Tensor:
        """One message more: Σ_{s'} m[s, s'] psi^{… s' …}."""
        message = self._message(self._paths.neighbours[cluster][axis], cluster, around[axis])
        message = message.reshape(*message.shape[:3], *(1,) * axis, *message.shape[-2:])
        return (message @ psi.flatten(4 + axis)).view_as(psi)

    def _operator(self, operator: Operator | None) -> Tensor:
        """(2, 2) or (W, C, 2, 2)."""
        return self._once(("operator", operator), lambda: self._build(operator))

    def _build(self, operator: Operator | None) -> Tensor:
        real = self._states[0].real
        if operator is None or isinstance(operator, Pauli):
            return _PAULI[operator.letter if operator else "I"].like(real)
        inner = self._operator(operator.inner)
        if isinstance(operator, Dephase):
            return inner * torch.eye(2, dtype=real.dtype, device=real.device)
        if isinstance(operator, Pick):
            mask = torch.zeros(2, 2, dtype=real.dtype, device=real.device)
            mask[operator.row, operator.column] = 1
            return inner * mask
        turn = self._turns[operator.link]
        inner = turn.mH @ inner if operator.row else inner
        return inner @ turn if operator.column else inner

    def _apply(self, within: Factors, psi: Tensor) -> Tensor:
        for place, operator in within:
            split = psi.unflatten(-1, (1 << place, 2, -1))
            matrix = self._operator(operator)
            if matrix.ndim > 2:
                matrix = matrix.reshape(*matrix.shape[:2], *(1,) * (split.ndim - 4), 2, 2)
            psi = (matrix @ split).flatten(-3)
        return psi

    def _once(self, key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        if key not in self._found:
            self._found[key] = compute()
        return self._found[key]


def _overlaps(first: Tensor, second: Tensor) -> Tensor:
    """(…, a, n), (…, b, n) → (…, a, b): Σ conj(first) second."""
    return first.conj() @ second.mT


def _projected(within: Factors) -> tuple[int, int] | None:
    """Place and bit of a lone projector."""
    if len(within) == 1:
        place, operator = within[0]
        if isinstance(operator, Pick) and operator.is_projector:
            return place, operator.row
    return None
