"""Observables: what is read out of the final state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from qdiffusion.circuits.gates import PAULI
from qdiffusion.errors import UsageError

PauliWord = tuple[tuple[int, str], ...]
"""A product of Pauli matrices on distinct wires, sorted by wire, the identity left out: ((0, "Z"), (3, "X"))."""


@dataclass(frozen=True)
class PauliSums:
    """One real output per sum: ⟨ψ| Σ_k c_k P_k |ψ⟩."""

    sums: tuple[tuple[tuple[float, PauliWord], ...], ...]

    def on(self, n_wires: int) -> "PauliSums":
        for total in self.sums:
            for _, word in total:
                for wire, _ in word:
                    if not 0 <= wire < n_wires:
                        raise UsageError(f"The observable reads wire {wire}, the circuit has wires 0 … {n_wires - 1}.")
        return self

    def wires(self, letters: str) -> set[int]:
        """The wires on which some word has one of the letters."""
        return {wire for total in self.sums for _, word in total for wire, letter in word if letter in letters}


@dataclass(frozen=True)
class EachPauli:
    """The same Pauli matrix on every wire of whatever circuit it is read from."""

    letter: str

    def on(self, n_wires: int) -> PauliSums:
        return PauliSums(tuple(((1.0, ((wire, self.letter),)),) for wire in range(n_wires)))


@dataclass(frozen=True)
class Probabilities:
    """|⟨i|ψ⟩|² of all 2^n basis states i."""

    def on(self, n_wires: int) -> "Probabilities":
        return self


@dataclass(frozen=True)
class State:
    """The 2^n complex amplitudes ⟨i|ψ⟩."""

    def on(self, n_wires: int) -> "State":
        return self


Observable = PauliSums | EachPauli | Probabilities | State
Readout = PauliSums | Probabilities | State


def pauli_x(wires: Literal["each"] | Iterable[int] = "each") -> PauliSums | EachPauli:
    """⟨X⟩ of each wire, or of each wire given, in that order."""
    return _single("X", wires)


def pauli_y(wires: Literal["each"] | Iterable[int] = "each") -> PauliSums | EachPauli:
    """⟨Y⟩ of each wire, or of each wire given, in that order."""
    return _single("Y", wires)


def pauli_z(wires: Literal["each"] | Iterable[int] = "each") -> PauliSums | EachPauli:
    """⟨Z⟩ of each wire, or of each wire given, in that order; |0⟩ reads +1."""
    return _single("Z", wires)


def pauli_sum(*sums: Mapping[str, float]) -> PauliSums:
    """One output per mapping from Pauli strings to real coefficients, letter k on wire k: `pauli_sum({"ZZI": 1,
    "IXI": 0.5})`.

    Raises:
        UsageError: a letter is none of I, X, Y, Z.
    """
    return PauliSums(tuple(tuple((float(c), _word(string)) for string, c in total.items()) for total in sums))


def probabilities() -> Probabilities:
    """|⟨i|ψ⟩|² of all 2^n basis states, wire 0 the most significant bit."""
    return Probabilities()


def state() -> State:
    """The 2^n complex amplitudes, wire 0 the most significant bit."""
    return State()


def _single(letter: str, wires: Literal["each"] | Iterable[int]) -> PauliSums | EachPauli:
    if isinstance(wires, str):
        if wires != "each":
            raise UsageError(f"Give the wires to read as numbers or as 'each', not {wires!r}.")
        return EachPauli(letter)
    return PauliSums(tuple(((1.0, ((wire, letter),)),) for wire in wires))


def _word(string: str) -> PauliWord:
    if unknown := set(string) - set(PAULI):
        raise UsageError(f"Pauli string {string!r} has {sorted(unknown)}; use the letters I, X, Y, Z.")
    return tuple((wire, letter) for wire, letter in enumerate(string) if letter != "I")
