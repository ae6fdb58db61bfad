"""Which ensemble of quantum states, in plain values; torch loads when its states are drawn."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from qdiffusion.data.config import Split
from qdiffusion.errors import UsageError

if TYPE_CHECKING:
    from qdiffusion.data.states import StateSet

EnsembleName = Literal["haar", "cluster"]

MOST_QUBITS = 20
"""Beyond, norms in float32 are no longer 1 to 1e-4."""
MOST_AMPLITUDES = 1 << 27
"""Of all states of a split: 1 GB in complex64."""


@dataclass(frozen=True)
class EnsembleConfig:
    """An ensemble of pure states, drawn anew from its seed wherever it is loaded."""

    kind: Literal["ensemble"] = field(default="ensemble", kw_only=True)
    """Names this kind of data in a saved experiment."""

    name: EnsembleName = "cluster"
    """haar: states that prefer no direction; cluster: states near |0…0⟩."""

    n_qubits: int = 1
    """Qubits n of each state, which has 2^n amplitudes."""

    spread: float = 0.08
    """Of a cluster: standard deviation of the real and of the imaginary part of every other amplitude, while that of
    |0…0⟩ is 1."""

    count: int = 100
    """States to train on."""

    test_count: int = 100
    """States to compare with, drawn apart from those."""

    seed: int = 0
    """Of the states; equal seeds give equal states, whatever the seed of the training."""

    def __post_init__(self) -> None:
        if self.name not in get_args(EnsembleName):
            raise UsageError(f"There is no ensemble {self.name!r}; choose one of {', '.join(get_args(EnsembleName))}.")
        if self.n_qubits < 1 or min(self.count, self.test_count) < 1 or self.seed < 0:
            raise UsageError(
                f"An ensemble got {self.n_qubits} qubits, {self.count} and {self.test_count} states and seed "
                f"{self.seed}; give at least 1 qubit, 1 state of each split and a seed of at least 0."
            )
        if self.n_qubits > MOST_QUBITS or max(self.count, self.test_count) > MOST_AMPLITUDES >> min(self.n_qubits, 64):
            raise UsageError(
                f"{max(self.count, self.test_count)} states of {self.n_qubits} qubits have more than "
                f"{MOST_AMPLITUDES:,} amplitudes; give fewer states or qubits."
            )
        if not 0 <= self.spread <= 1e6:
            raise UsageError(f"A cluster's spread is {self.spread}; give a number from 0 to 1e6.")

    def load(self, split: Split) -> "StateSet":
        """The states of one split, complex64 (count, 2^n_qubits) or (test_count, 2^n_qubits)."""
        from qdiffusion.data.states import StateSet
        from qdiffusion.states import cluster, derived, haar

        count = self.count if split == "train" else self.test_count
        generator = derived(self.seed, get_args(Split).index(split))
        if self.name == "haar":
            states, what = haar(count, self.n_qubits, generator), "Haar-random states"
        else:
            states = cluster(count, self.n_qubits, self.spread, generator)
            what = f"states around |{'0' * self.n_qubits}⟩ (spread {self.spread:g})"
        qubits = "1 qubit" if self.n_qubits == 1 else f"{self.n_qubits} qubits"
        source = f"{count} {what} of {qubits}, drawn with seed {self.seed} for the {split} split"
        return StateSet(self.name, split, states, source)
