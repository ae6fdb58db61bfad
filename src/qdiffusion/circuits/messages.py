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

Half = tuple[int, int]
"""A wire's place in its cluster, and its bit."""

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
            for axis, source in enumerate(self._paths.neighbours[root]):
                if not around[axis] and (source, root) in self._halved:
                    wire = self._halved[source, root]
                    first, second = (
                        self.probabilities(root, (*around[:axis], ((wire, Pick(bit, None, bit)),), *around[axis + 1 :]))
                        for bit in (0, 1)
                    )
                    return first + second
            phi, dressed = self._states[root], self._dressed(root, around)
            products = torch.view_as_real(phi) * torch.view_as_real(dressed)
            # Bonds first: whole rows are added, where real and imaginary parts alone would be added in pairs.
            over_bonds = products.reshape(*phi.shape[:3], -1, 2 * phi.shape[-1]).sum(3)
            return over_bonds.unflatten(-1, (-1, 2)).sum(-1)

        return self._once(("probabilities", root, around), compute)

    def value(self, root: int, around: tuple[Factors, ...], within: Factors, is_hermitian: bool) -> Tensor:
        """Re⟨O⟩, (W, C, R), by the factors `within` the root and those behind its neighbours.

        Where O is Hermitian, so is each factor, and a diagonal one needs the probabilities alone.
        """
        if len(within) == 1 and is_hermitian and within[0][1].is_diagonal:
            place, operator = within[0]
            halves = self.probabilities(root, around).unflatten(-1, (1 << place, 2, -1)).sum((-3, -1))
            return (halves * self._operator(operator).diagonal(dim1=-2, dim2=-1).real.unsqueeze(-2)).sum(-1)
        return self._overlap(root, around, within, None)[..., 0, 0].real

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
        if len(within) == 1 and within[0][1].is_diagonal and not _is_projector(within[0][1]):
            return self._dephased(source, to, factors)
        return self._overlap(source, self._paths.around(source, factors, to), within, to)

    def _dephased(self, source: int, to: int, factors: Factors) -> Tensor:
        """The message of a diagonal operator, from those of its two projectors."""
        (wire, operator), *others = sorted(factors, key=lambda factor: self._paths.home[factor[0]] != source)
        diagonal = self._operator(operator).diagonal(dim1=-2, dim2=-1)[..., None, None, None]
        projected = [tuple(sorted([(wire, Pick(bit, None, bit)), *others], key=_wire)) for bit in (0, 1)]
        first, second = (self._message(source, to, each) for each in projected)
        return diagonal[..., 0, :, :, :] * first + diagonal[..., 1, :, :, :] * second

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

    def _overlap(self, cluster: int, around: tuple[Factors, ...], within: Factors, to: int | None) -> Tensor:
        """Σ conj(Φ) o ∏ m Φ over all but the bond to `to`: (W, C, R, bond, bond), (…, 1, 1) where `to` is None."""
        phi = self._states[cluster]
        axis = None if to is None else 3 + self._paths.neighbours[cluster].index(to)
        place, pick = within[0] if len(within) == 1 else (0, None)
        if not isinstance(pick, Pick):
            return _overlaps(phi, self._apply(within, self._dressed(cluster, around, to)), axis)
        row = _half(phi, (place, pick.row))
        if pick.is_projector:
            return _overlaps(row, _half(self._dressed(cluster, around, to), (place, pick.row)), axis)
        column = self._dressed(cluster, around, to, (place, pick.column))
        return self._operator(pick)[..., pick.row, pick.column, None, None, None] * _overlaps(row, column, axis)

    def _dressed(
        self, cluster: int, around: tuple[Factors, ...], skip: int | None = None, half: Half | None = None
    ) -> Tensor:
        """Φ, or a half of it, with the messages of all neighbours but `skip` applied."""
        neighbours = self._paths.neighbours[cluster]
        return self._partly(cluster, around, [axis for axis, there in enumerate(neighbours) if there != skip], half)

    def _partly(self, cluster: int, around: tuple[Factors, ...], axes: Sequence[int], half: Half | None) -> Tensor:
        if not axes:
            return self._states[cluster] if half is None else _half(self._states[cluster], half)
        *before, last = axes
        key = ("dressed", cluster, half, tuple((axis, around[axis]) for axis in axes))
        return self._once(key, lambda: self._receive(cluster, last, around, before, half))

    def _receive(
        self, cluster: int, axis: int, around: tuple[Factors, ...], before: Sequence[int], half: Half | None
    ) -> Tensor:
        """One message more than those of `before`: Σ_{s'} m[s, s'] psi^{… s' …}."""
        message = self._message(self._paths.neighbours[cluster][axis], cluster, around[axis])
        psi = self._partly(cluster, around, before, half)
        shape = psi.movedim(3 + axis, 3).shape
        # Several messages along one bond meet the same state: it is laid out for them once.
        key = ("rows", cluster, half, axis, tuple((other, around[other]) for other in before))
        rows = self._once(key, lambda: psi.movedim(3 + axis, 3).flatten(4))
        return (message @ rows).view(shape).movedim(3, 3 + axis)

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


def _is_projector(operator: Operator) -> bool:
    return isinstance(operator, Pick) and operator.is_projector


def _wire(factor: tuple[int, Operator]) -> int:
    return factor[0]


def _half(psi: Tensor, half: Half) -> Tensor:
    """The amplitudes whose wire has the bit, (…, 2^n) → (…, 2^(n-1))."""
    place, bit = half
    return psi.unflatten(-1, (1 << place, 2, -1)).select(-2, bit).flatten(-2)


def _overlaps(first: Tensor, second: Tensor, axis: int | None) -> Tensor:
    """Σ conj(first) second over all but the leading three axes and `axis`, which each keeps: (…, a, b)."""
    rows, columns = (psi.unsqueeze(3) if axis is None else psi.movedim(axis, 3) for psi in (first, second))
    return rows.flatten(4).conj() @ columns.flatten(4).mT
