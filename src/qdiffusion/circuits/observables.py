"""Observables: what is read out of the final state.

What a user asks for is an `Observable`; on a register of known size it becomes a `Readout`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from qdiffusion.circuits.gates import PAULI, Matrices
from qdiffusion.errors import UsageError

PauliWord = tuple[tuple[int, str], ...]
"""A product of Pauli matrices on distinct wires, sorted by wire, the identity left out: ((0, "Z"), (3, "X"))."""

PauliSum = tuple[tuple[float, PauliWord], ...]
"""Σ_k c_k P_k."""


MOST_WORD_WIRES = 4
"""A Hermitian on more wires is not written in Pauli words, of which there are 4^k."""
MOST_MATRIX_WIRES = 12
"""A matrix on 13 wires has 2^26 entries."""


@dataclass(frozen=True)
class Hermitian:
    """H = (M + M†)/2 on k `wires`, M a free complex (2^k, 2^k) matrix among the layer's `observable_weights`."""

    wires: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.wires or len(set(self.wires)) < len(self.wires):
            raise UsageError(f"A Hermitian acts on one or more distinct wires, not on {self.wires}.")
        if len(self.wires) > MOST_MATRIX_WIRES:
            raise UsageError(
                f"A Hermitian on {len(self.wires)} wires has 4^{len(self.wires)} entries; give {MOST_MATRIX_WIRES} "
                "wires at most, or Pauli words."
            )

    @property
    def n_weights(self) -> int:
        """Real numbers of M: its real part row by row, then its imaginary part."""
        return 2 * 4 ** len(self.wires)

    @property
    def is_wide(self) -> bool:
        """Whether it is read off a density matrix rather than in Pauli words."""
        return len(self.wires) > MOST_WORD_WIRES

    @property
    def words(self) -> tuple[PauliWord, ...]:
        """All 4^k Pauli words of the wires."""
        return tuple(map(self.word, product("IXYZ", repeat=len(self.wires))))

    def word(self, letters: Sequence[str]) -> PauliWord:
        """The word of a letter for each wire."""
        return tuple(sorted((w, x) for w, x in zip(self.wires, letters, strict=True) if x != "I"))

    def coefficients(self) -> np.ndarray:
        """Real (n_weights, 4^k): those of the words in H = Σ_P c_P P are c_P = Re tr(P M) / 2^k."""
        paulis = np.stack([reduce(_kron, row) for row in product(PAULI.values(), repeat=len(self.wires))])
        parts = paulis.transpose(0, 2, 1).reshape(len(paulis), -1) / 2 ** len(self.wires)
        return np.concatenate([parts.real, -parts.imag], 1).T


@dataclass(frozen=True)
class Expectations:
    """One real output each: ⟨ψ|O|ψ⟩."""

    outputs: tuple[PauliSum | Hermitian, ...]

    def on(self, n_wires: int) -> "Expectations":
        _check_wires(self.wires("XYZ"), n_wires)
        return self

    def wires(self, letters: str) -> set[int]:
        """The wires on which some word has one of the letters; those of a Hermitian have all."""
        named = {wire for output in self.outputs if isinstance(output, Hermitian) for wire in output.wires}
        sums = (output for output in self.outputs if not isinstance(output, Hermitian))
        return named | {wire for total in sums for _, word in total for wire, letter in word if letter in letters}

    @property
    def words(self) -> list[PauliWord]:
        """The distinct words of all outputs."""
        groups = (o.words if isinstance(o, Hermitian) else (word for _, word in o) for o in self.outputs)
        return list(dict.fromkeys(word for words in groups for word in words))

    @property
    def n_weights(self) -> int:
        return sum(output.n_weights for output in self.outputs if isinstance(output, Hermitian))


@dataclass(frozen=True)
class EachPauli:
    """The same Pauli matrix on every wire of whatever circuit it is read from."""

    letter: str

    def on(self, n_wires: int) -> Expectations:
        return Expectations(tuple(((1.0, ((wire, self.letter),)),) for wire in range(n_wires)))


@dataclass(frozen=True)
class Concatenated:
    """The outputs of several, one after another."""

    parts: tuple[Expectations | EachPauli, ...]

    def on(self, n_wires: int) -> Expectations:
        return Expectations(tuple(output for part in self.parts for output in part.on(n_wires).outputs))


@dataclass(frozen=True)
class Probabilities:
    """p(i) = ⟨i|ρ|i⟩ of the basis states i of some wires, None for all."""

    wires: tuple[int, ...] | None = None

    def on(self, n_wires: int) -> "Probabilities":
        return Probabilities(_all_or(self.wires, n_wires))


@dataclass(frozen=True)
class DensityMatrix:
    """ρ of some wires, None for all; the others are traced out."""

    wires: tuple[int, ...] | None = None

    def on(self, n_wires: int) -> "DensityMatrix":
        return DensityMatrix(_all_or(self.wires, n_wires))


@dataclass(frozen=True)
class State:
    """The 2^n complex amplitudes ⟨i|ψ⟩."""

    def on(self, n_wires: int) -> "State":
        return self


@dataclass(frozen=True)
class Branches:
    """The states that measurements leave, with their probabilities."""

    how: Literal["all", "sampled"] = "all"

    def on(self, n_wires: int) -> "Branches":
        return self


Observable = Expectations | EachPauli | Concatenated | Probabilities | DensityMatrix | State | Branches
Readout = Expectations | Probabilities | DensityMatrix | State | Branches


def pauli_x(wires: Literal["each"] | Iterable[int] = "each") -> Expectations | EachPauli:
    """⟨X⟩ of each wire, or of each wire given, in that order."""
    return _single("X", wires)


def pauli_y(wires: Literal["each"] | Iterable[int] = "each") -> Expectations | EachPauli:
    """⟨Y⟩ of each wire, or of each wire given, in that order."""
    return _single("Y", wires)


def pauli_z(wires: Literal["each"] | Iterable[int] = "each") -> Expectations | EachPauli:
    """⟨Z⟩ of each wire, or of each wire given, in that order; |0⟩ reads +1."""
    return _single("Z", wires)


def pauli_sum(*sums: Mapping[str, float]) -> Expectations:
    """One output per mapping from Pauli strings to real coefficients, letter k on wire k: `pauli_sum({"ZZI": 1,
    "IXI": 0.5})`.

    Raises:
        UsageError: a letter is none of I, X, Y, Z.
    """
    return Expectations(tuple(tuple((_real(c), _word(string)) for string, c in total.items()) for total in sums))


def hermitian(matrix: ArrayLike, wires: Sequence[int]) -> Expectations:
    """⟨H⟩ of a constant Hermitian (2^k, 2^k) matrix on k wires, the first the most significant bit.

    Raises:
        UsageError: the matrix is not Hermitian to 1e-6 of its largest entry, or its size does not fit the wires.
    """
    on = Hermitian(_tuple(wires))
    try:
        entries = np.asarray(matrix, dtype=complex)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"hermitian() takes a constant matrix of numbers: {error}.") from None
    if entries.shape != (1 << len(on.wires),) * 2:
        raise UsageError(f"A Hermitian on wires {on.wires} is a matrix of {1 << len(on.wires)} rows and columns.")
    if not np.allclose(entries, entries.conj().T, rtol=0, atol=1e-6 * np.abs(entries).max()):
        raise UsageError(f"The matrix on wires {on.wires} is not Hermitian; give (M + M†)/2.")
    letters = product("IXYZ", repeat=len(on.wires))
    values = zip(_coefficients(entries, len(on.wires)), letters, strict=True)
    return Expectations((tuple((float(c), on.word(row)) for c, row in values if c),))


def trainable_hermitian(*wires: Sequence[int]) -> Expectations:
    """⟨(M + M†)/2⟩, one output for each group of wires given, M a free complex matrix of its own.

    `trainable_hermitian(*[range(4)] * 16)` are 16 adaptive non-local observables on four wires. The layer's
    `observable_weights` hold the M, 2 · 4^k real numbers each; drawn from N(0, 1), outputs have variance 1.
    """
    return Expectations(tuple(Hermitian(_tuple(group)) for group in wires))


def concatenate(*observables: Expectations | EachPauli) -> Concatenated:
    """The outputs of all, one after another: `concatenate(trainable_hermitian([0, 1]), pauli_z([4]))`."""
    for each in observables:
        if not isinstance(each, Expectations | EachPauli):
            raise UsageError(f"concatenate() joins expectation values, not {type(each).__name__}; read it apart.")
    return Concatenated(observables)


def probabilities(wires: Sequence[int] | None = None) -> Probabilities:
    """p(i) = ⟨i|ρ|i⟩ of the 2^k basis states of k wires, all by default, the first the most significant bit."""
    return Probabilities(None if wires is None else _tuple(wires))


def density_matrix(wires: Sequence[int] | None = None) -> DensityMatrix:
    """ρ (2^k, 2^k) of k wires, all by default, the first the most significant bit; the others, and the outcomes of
    measurements, are traced out.
    """
    return DensityMatrix(None if wires is None else _tuple(wires))


def state() -> State:
    """The 2^n complex amplitudes, wire 0 the most significant bit; of a circuit without measurements."""
    return State()


def branches(how: Literal["all", "sampled"] = "all") -> Branches:
    """The normalised states (…, B, 2^m) that the circuit's measurements leave, with their probabilities (…, B).

    The amplitudes are those of the m wires that do not stay in a measured basis state to the end, in order. Branch b is
    the outcome bits, the first measurement the most significant; "all" gives all B = 2^measurements of them, so that
    Σ_b p_b f(ψ_b) is exact, states of probability exactly 0 as 0. "sampled" draws one branch, B = 1.

    Raises:
        UsageError: `how` is neither.
    """
    if how not in ("all", "sampled"):
        raise UsageError(f"Branches are 'all' or 'sampled', not {how!r}; traced out, they are `density_matrix()`.")
    return Branches(how)


def _single(letter: str, wires: Literal["each"] | Iterable[int]) -> Expectations | EachPauli:
    if isinstance(wires, str):
        if wires != "each":
            raise UsageError(f"Give the wires to read as numbers or as 'each', not {wires!r}.")
        return EachPauli(letter)
    return Expectations(tuple(((1.0, ((wire, letter),)),) for wire in _tuple(wires)))


def _word(string: str) -> PauliWord:
    if unknown := set(string) - set(PAULI):
        raise UsageError(f"Pauli string {string!r} has {sorted(unknown)}; use the letters I, X, Y, Z.")
    return tuple((wire, letter) for wire, letter in enumerate(string) if letter != "I")


def _tuple(wires: Iterable[int]) -> tuple[int, ...]:
    numbers = tuple(wires) if isinstance(wires, Iterable) else (wires,)
    if numbers == (wires,) or not all(isinstance(wire, int) for wire in numbers):
        raise UsageError(f"Give wires as a list of numbers, such as [0, 1], not as {wires!r}.")
    return numbers


def _real(coefficient: float) -> float:
    try:
        return float(coefficient)
    except TypeError:
        raise UsageError(f"Coefficients of Pauli strings are real numbers, not {coefficient!r}.") from None


def _all_or(wires: tuple[int, ...] | None, n_wires: int) -> tuple[int, ...]:
    read = tuple(range(n_wires)) if wires is None else wires
    _check_wires(read, n_wires)
    if not read or len(set(read)) < len(read):
        raise UsageError(f"The observable reads one or more distinct wires, not {read}.")
    return read


def _check_wires(wires: Iterable[int], n_wires: int) -> None:
    for wire in wires:
        if not 0 <= wire < n_wires:
            raise UsageError(f"The observable reads wire {wire}, the circuit has wires 0 … {n_wires - 1}.")


def _coefficients(matrix: Matrices, n_wires: int) -> np.ndarray:
    """c_P = tr(P M) / 2^n of all 4^n words, real (4^n,): wire by wire, in 4^n n operations."""
    paulis = np.stack([*PAULI.values()])
    rest = matrix.reshape((2,) * 2 * n_wires)
    for left in range(n_wires, 0, -1):
        rest = np.tensordot(rest, paulis, axes=([0, left], [2, 1]))  # rows first, then columns, then letters
    return rest.real.ravel() / 2**n_wires


def _kron(first: Matrices, second: Matrices) -> Matrices:
    return np.asarray(np.kron(first, second), dtype=complex)
