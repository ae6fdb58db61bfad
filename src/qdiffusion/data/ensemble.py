"""Which ensemble of quantum states, in plain values; torch loads when its states are drawn."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from qdiffusion.data.config import Split
from qdiffusion.errors import UsageError

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from qdiffusion.data.states import StateSet

EnsembleName = Literal["haar", "cluster", "circle", "correlated", "tfim", "xxz"]

MOST_QUBITS = 20
"""Beyond, norms in float32 are no longer 1 to 1e-4."""
MOST_AMPLITUDES = 1 << 27
"""Of all states of a split: 1 GB in complex64."""
MOST_PARAMETER = 1e6
"""Of spreads, fields and anisotropies."""

_QUBITS: dict[str, tuple[range, str]] = {
    "circle": (range(1, 2), "1 qubit"),
    "correlated": (range(2, 3), "2 qubits"),
    "tfim": (range(1, 13), "1 to 12 qubits"),
    "xxz": (range(2, 13, 2), "an even number of 2 to 12 qubits"),
}


@dataclass(frozen=True)
class EnsembleConfig:
    """An ensemble of pure states, drawn anew from its seed wherever it is loaded."""

    kind: Literal["ensemble"] = field(default="ensemble", kw_only=True)
    """Names this kind of data in a saved experiment."""

    name: EnsembleName = "cluster"
    """haar: states that prefer no direction; cluster: states near |0…0⟩; circle: cos φ |0⟩ + sin φ |1⟩ of one qubit;
    correlated: a state of two qubits turned about XX or ZZ; tfim, xxz: ground states of chains of spins."""

    n_qubits: int = 1
    """Qubits n of each state, which has 2^n amplitudes."""

    spread: float = 0.08
    """Of a cluster: standard deviation of the real and of the imaginary part of every other amplitude, while that of
    |0…0⟩ is 1."""

    classes: int = 1
    """Of a cluster: how many there are, around |0…0⟩, |0…01⟩, |0…10⟩, …; from two on their states are labelled."""

    transverse_field: tuple[float, float] = (0.2, 0.4)
    """Of the transverse-field Ising chain: smallest and largest field g, drawn evenly between them for each state."""

    anisotropy: tuple[float, float] = (0.5, 1.5)
    """Of the XXZ chain: smallest and largest anisotropy Δ, drawn evenly between them for each state."""

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
        fitting, words = _QUBITS.get(self.name, (None, ""))
        if fitting and self.n_qubits not in fitting:
            raise UsageError(f"The ensemble {self.name} got n_qubits {self.n_qubits}; give {words}.")
        most = 1 << self.n_qubits if self.name == "cluster" else 1
        if not 1 <= self.classes <= most:
            words = f"1 to {most}" if most > 1 else "1, since only a cluster has classes"
            raise UsageError(f"The ensemble {self.name} got {self.classes} classes; give {words}.")
        if min(self.count, self.test_count) < self.classes:
            raise UsageError(
                f"{self.classes} classes are to have {self.count} states to train on and {self.test_count} to compare "
                "with; give at least one of each class."
            )
        if not 0 <= self.spread <= MOST_PARAMETER:
            raise UsageError(f"A cluster's spread is {self.spread}; give a number from 0 to 1e6.")
        low, high = self.transverse_field
        if not 0 <= low <= high <= MOST_PARAMETER:
            raise UsageError(f"The transverse field runs from {low} to {high}; give rising numbers from 0 to 1e6.")
        low, high = self.anisotropy
        if not -1 < low <= high <= MOST_PARAMETER:
            raise UsageError(f"The anisotropy runs from {low} to {high}; give rising numbers above -1, to 1e6.")

    def load(self, split: Split) -> "StateSet":
        """The states of one split, complex64 (count, 2^n_qubits) or (test_count, 2^n_qubits)."""
        from qdiffusion.data.states import StateSet
        from qdiffusion.states import derived

        count = self.count if split == "train" else self.test_count
        states, what = self._drawn(count, derived(self.seed, get_args(Split).index(split)))
        labels = self._labels(count)
        if labels is not None:
            states, what = _around(states, labels), f"states around {self.classes} basis states"
        qubits = "1 qubit" if self.n_qubits == 1 else f"{self.n_qubits} qubits"
        source = f"{count} {what} of {qubits}, drawn with seed {self.seed} for the {split} split"
        return StateSet(self.name, split, states, source, labels, self.classes if self.classes > 1 else 0)

    def _labels(self, count: int) -> "Tensor | None":
        """Classes in turn, int64 (count,); None for one class."""
        import torch

        return torch.arange(count) % self.classes if self.classes > 1 else None

    def _drawn(self, count: int, generator: "Generator") -> "tuple[Tensor, str]":
        """That many states, and what they are in words."""
        from qdiffusion.states import circle, cluster, correlated, haar, tfim, xxz

        n = self.n_qubits
        match self.name:
            case "haar":
                return haar(count, n, generator), "Haar-random states"
            case "cluster":
                what = f"states around |{'0' * n}⟩ (spread {self.spread:g})"
                return cluster(count, n, self.spread, generator), what
            case "circle":
                return circle(count, generator), "states on a great circle"
            case "correlated":
                return correlated(count, generator), "states under correlated noise"
            case "tfim":
                what = "ground states of the Ising chain (transverse field {:g} to {:g})"
                return tfim(count, n, self.transverse_field, generator), what.format(*self.transverse_field)
            case "xxz":
                what = "ground states of the XXZ chain (anisotropy {:g} to {:g})"
                return xxz(count, n, self.anisotropy, generator), what.format(*self.anisotropy)


def _around(states: "Tensor", labels: "Tensor") -> "Tensor":
    """States around |0…0⟩ moved to lie around |label⟩: amplitude x goes to x XOR label."""
    import torch

    places = torch.arange(states.shape[1]) ^ labels[:, None]
    return states.take_along_dim(places, 1)
