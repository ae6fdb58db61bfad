"""Components as density matrices: a state vector as long as no channel acts, then fused blocks on rows and columns.

Axes as in `dense`; ρ lies as a vector (…, 4^n) on 2n wires, wire w's rows at w and its columns at n + w.
"""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from qdiffusion.circuits import structure
from qdiffusion.circuits.angles.picking import angle_row
from qdiffusion.circuits.angles.samples import Once, Prepared, in_turns
from qdiffusion.circuits.doubling import doubled, split_noise
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.structure import Component
from qdiffusion.circuits.vectors.adjoint import Evolution, check_evolution, evolve
from qdiffusion.circuits.vectors.dense import GROUP, MOST_WIRES, BlockMatrices, DenseStates, largest
from qdiffusion.circuits.vectors.marginals import MixedWordValues, marginal
from qdiffusion.circuits.vectors.seating import route
from qdiffusion.errors import UsageError


class MixedStates:
    """The final density matrices of K components of one shape, of trace 1; `order` are the 2n wires as they then stand.

    Args:
        components: K components alike.
        n_weights: the circuit's count of weights.
        differentiation: "backprop", "adjoint" or "auto", see `adjoint.evolve`.

    Raises:
        UsageError: an unknown way of differentiation, "adjoint" where a gate is not unitary, or more than 15 wires.
    """

    def __init__(self, components: Sequence[Component], n_weights: int, *, differentiation: Evolution = "auto") -> None:
        first = components[0]
        self._is_unitary = first.is_unitary
        check_evolution(differentiation, self._is_unitary)
        self.n_wires = len(first.wires)
        if 2 * self.n_wires > MOST_WIRES:
            raise UsageError(
                f"A mixed component of {self.n_wires} qubits needs a density matrix of 2^{2 * self.n_wires} numbers, "
                f"beyond the 2^{MOST_WIRES} this machine's memory is trusted with; read fewer wires, or join at most "
                f"{MOST_WIRES // 2} of them with a channel."
            )
        self._n_components, self._differentiation = len(components), differentiation
        self._keeps_trace = all(gate.is_unitary or gate.is_channel for gate in first.gates)
        leading, rests = zip(*map(split_noise, components), strict=True)
        free = leading[0].wires
        self._n_leading = len(leading[0].gates)
        self._pure = DenseStates(leading, n_weights, differentiation=differentiation) if free else None
        fused = list(zip(*(structure.fuse(doubled(rest, self.n_wires)) for rest in rests), strict=True))
        self._blocks = [(len(alike[0].gates), len(alike[0].wires)) for alike in fused]
        self._shares_matrices = not any(alike[0].per_sample for alike in fused)
        given = first.prepared if first.density else ()
        self._n_given = 4 ** len(given) if given else 0
        pure = tuple(free[wire] for wire in self._pure.order) if self._pure else ()
        start = (*given, *self._columns(given), *pure, *self._columns(pure))
        self._route = route(start, [alike[0].wires for alike in fused])
        self.order = self._route.order
        self._matrices = BlockMatrices(fused, self._route.registers, n_weights)

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, 4^n), wires in `order`."""
        return self.prepared(weights)(inputs)

    def prepared(self, weights: Tensor) -> Callable[[Tensor], Tensor]:
        """The density matrices as a function of the inputs; matrices that read no input are built here."""
        row = angle_row(weights)
        shared = self._matrices(row, row) if self._shares_matrices else None
        pure = None if self._pure is None else self._pure.prepared(weights)
        return partial(self._evolved, weights, pure, shared)

    def _evolved(
        self,
        weights: Tensor,
        pure: Callable[[Tensor], Tensor] | None,
        shared: list[Tensor] | None,
        inputs: Tensor,
    ) -> Tensor:
        rho = self._start(weights, None if pure is None else pure(inputs), inputs)
        if self._route.sweeps:
            matrices = shared
            if matrices is None:
                matrices = self._matrices(angle_row(weights), angle_row(weights, inputs.real))
            last = evolve(self._route, rho.flatten(0, 2), matrices, self._differentiation, self._is_unitary)
            rho = last.reshape(rho.shape)
        if self._keeps_trace:
            return rho
        rho = rho / largest(rho)
        return rho / marginal(rho, self.order, (), ()).real

    def _start(self, weights: Tensor, psi: Tensor | None, inputs: Tensor) -> Tensor:
        """The given density matrix, and ψψ† of the other wires."""
        pure = None if psi is None else (psi.unsqueeze(-1) @ psi.conj().unsqueeze(-2)).flatten(-2)
        if not self._n_given:
            assert pure is not None, "a component has wires"
            return pure
        given = inputs[..., : self._n_given].to(weights.dtype.to_complex()).unsqueeze(2)
        given = given.expand(*given.shape[:2], self._n_components, *given.shape[3:])
        return given if pure is None else (given.unsqueeze(-1) @ pure.unsqueeze(-2)).flatten(-2)

    def _columns(self, wires: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.n_wires + wire for wire in wires)

    def explain(self) -> str:
        """The wires and what they cost, and how it is computed."""
        blocks = ", ".join(f"{n_gates} gates on {n_wires}" for n_gates, n_wires in self._blocks)
        begin = f", {self._n_leading} gates before any channel on a state vector" if self._n_leading else ""
        return (
            f"density matrix on {2 * self.n_wires} wires, {2**self.n_wires} times the numbers of a state vector{begin}"
            f"{f', fused blocks of {blocks} wires' if blocks else ''}"
        )


class MixedWords:
    """Pauli words of K components alike, read off their density matrices; arguments as for `DenseWords`."""

    def __init__(
        self,
        components: Sequence[Component],
        words: Sequence[PauliWord],
        n_weights: int,
        *,
        differentiation: Evolution = "auto",
        fixed: bool = False,
    ) -> None:
        self._prepare: Prepared = Once(self._prepared) if fixed else self._prepared
        self._states = MixedStates(components, n_weights, differentiation=differentiation)
        self._read = MixedWordValues(words, self._states.order)
        self._size = len(components) << 2 * self._states.n_wires
        self.explain = self._states.explain

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """→ (W, C, K, R, number of words)."""
        most = max(1, GROUP // (weights.shape[1] * self._size))
        return in_turns(self._prepare, weights, inputs, most)

    def _prepared(self, weights: Tensor) -> Callable[[Tensor], Tensor]:
        states = self._states.prepared(weights)
        return lambda inputs: self._read(states(inputs))
