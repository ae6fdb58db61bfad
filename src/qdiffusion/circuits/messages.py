"""Expectation values on a tree of clusters, by messages.

For an operator O = ∏ o_c, one factor a cluster, with Φ as in `clusters`:

    m_{a→b}[s, s'] = Σ conj(Φ_a^{… s}) o_a (∏_{c ≠ b} m_{c→a} Φ_a)^{… s'}        ⟨O⟩ = Σ conj(Φ_b) o_b ∏_c m_{c→b} Φ_b

Messages, and clusters with the messages of their neighbours applied, are shared by all operators that agree on them.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from qdiffusion.circuits.gates import PAULI
from qdiffusion.circuits.matrices import Constant
from qdiffusion.circuits.paths import Factors, Paths
from qdiffusion.circuits.pullback import Conjugate, Dephase, Operator, Pauli, Pick

_PAULI = {letter: Constant(matrix) for letter, matrix in PAULI.items()}


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
        split = (1 << place, 2, -1)
        phi, dressed = self._states[root], self._dressed(root, around)
        return _overlaps(phi.unflatten(-1, split), dressed.unflatten(-1, split), -2)

    def _message(self, source: int, to: int, factors: Factors) -> Tensor:
        return self._once(("message", source, to, factors), lambda: self._send(source, to, factors))

    def _send(self, source: int, to: int, factors: Factors) -> Tensor:
        """m_{source→to}, (W, C, R, bond, bond)."""
        if not factors and (source, to) in self._halved:
            wire = self._halved[source, to]
            first, second = (self._message(source, to, ((wire, Pick(bit, None, bit)),)) for bit in (0, 1))
            return first + second
        waiting = self._through_later(source, to, factors)
        if waiting is not None:
            return waiting
        within = self._paths.within(source, factors)
        phi, dressed = self._states[source], self._dressed(source, self._paths.around(source, factors, to), to)
        axis = 3 + self._paths.neighbours[source].index(to)
        if len(within) == 1:
            return self._halves(within[0], phi, dressed, axis)
        return _overlaps(phi, self._apply(within, dressed), axis)

    def _through_later(self, source: int, to: int, factors: Factors) -> Tensor | None:
        """The message of a V that has links to pass yet: its elements see different messages from behind."""
        if len(factors) != 1 or not isinstance(turn := factors[0][1], Conjugate) or turn.inner is not None:
            return None
        wire = factors[0][0]
        if turn.row:
            return self._message(source, to, ((wire, replace(turn, row=0, column=1)),)).mH
        later = self._paths.later(wire, turn.link)
        if not later:
            return None
        links = self._paths.tree.links
        message = self._message(source, to, ((wire, Dephase(turn)),))
        for row, column in ((0, 1), (1, 0)):
            behind = [(links[index].target, Conjugate(index, row, None, column)) for index in later]
            message = message + self._message(source, to, ((wire, Pick(row, turn, column)), *behind))
        return message

    def _halves(self, factor: tuple[int, Operator], phi: Tensor, dressed: Tensor, axis: int) -> Tensor:
        """Σ_{a, b} o[a, b] Σ conj(Φ_a) dressed_b over the halves of both where the wire is a and b."""
        place, operator = factor
        pairs = [(a, b) for a in (0, 1) for b in (0, 1)]
        if isinstance(operator, Pick):
            pairs = [(operator.row, operator.column)]
        elif operator.is_diagonal:
            pairs = [(0, 0), (1, 1)]
        firsts, seconds = (psi.unflatten(-1, (1 << place, 2, -1)).unbind(-2) for psi in (phi, dressed))
        overlaps = [_overlaps(firsts[a].flatten(-2), seconds[b].flatten(-2), axis) for a, b in pairs]
        if isinstance(operator, Pick) and operator.is_projector:
            return overlaps[0]
        matrix = self._operator(operator)
        scaled = [matrix[..., a, b, None, None, None] * part for (a, b), part in zip(pairs, overlaps, strict=True)]
        return sum(scaled[1:], scaled[0])

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


def _overlaps(first: Tensor, second: Tensor, axis: int) -> Tensor:
    """Σ conj(first) second over all but the leading three axes and `axis`, which each keeps: (…, a, b)."""
    rows, columns = (psi.movedim(axis, 3).flatten(4) for psi in (first, second))
    return rows.conj() @ columns.mT
