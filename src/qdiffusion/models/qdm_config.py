"""Circuits that denoise amplitudes themselves, in plain values; torch and the networks load when one is built."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from qdiffusion.data.space import Space
from qdiffusion.errors import require
from qdiffusion.models.circuit_config import MOST_ANCILLAS, MOST_LAYERS, MOST_STEPS
from qdiffusion.models.config import plain, told_classes

if TYPE_CHECKING:
    from qdiffusion.models.nncpqc import NNCPQCNetwork
    from qdiffusion.models.qdm import QDMNetwork


@dataclass(frozen=True)
class QDMConfig:
    """Circuits on the amplitudes themselves, with ancillas and label qubits that are measured (docs/qdm.md)."""

    kind: Literal["qdm"] = field(default="qdm", kw_only=True)
    """Names this denoiser in a saved experiment."""
    class_name: ClassVar[str] = "QDMNetwork"
    n_levels: int = 10
    """Noise levels: those of the forward process."""
    n_layers: int = 2
    """Layers of each of the three circuits, of 3 angles a qubit."""
    n_ancillas: int = 1
    """Qubits that start in |0⟩ and are measured after the second circuit."""
    measured: Literal["post-selected", "drawn"] = "post-selected"
    """What becomes of ancillas and label qubits: post-selected, what came in is kept; drawn, any outcome is, and
    training counts them all."""
    time: Literal["own", "shared"] = "own"
    """own: angles for each level; shared: one set, which is told the level by rotations."""
    activation: bool = False
    """Between the circuits the complex LeakyReLU, and norm 1 again."""
    conditional: bool = False
    """Whether label qubits say which class the state is of."""

    def __post_init__(self) -> None:
        _check_counts(self.n_levels, self.n_layers)
        require(0 <= self.n_ancillas <= MOST_ANCILLAS, "n_ancillas", self.n_ancillas, f"0 to {MOST_ANCILLAS}")

    def arguments(self, space: Space) -> dict[str, Any]:
        """What `QDMNetwork` is built with.

        Raises:
            UsageError: `space` holds no states, or no labels for a conditional network.
        """
        n_qubits = space.n_qubits("A quantum diffusion model")
        return {"n_qubits": n_qubits, "n_classes": told_classes(self, space), **plain(self)}

    def build(self, space: Space) -> "QDMNetwork":
        """The circuits for states of `space`; raises what `arguments` raises."""
        from qdiffusion.models.qdm import QDMNetwork

        return QDMNetwork(**self.arguments(space))


@dataclass(frozen=True)
class NNCPQCConfig:
    """Circuits half of whose angles a classical network makes of the noisy state (docs/qdm.md)."""

    kind: Literal["nncpqc"] = field(default="nncpqc", kw_only=True)
    """Names this denoiser in a saved experiment."""
    class_name: ClassVar[str] = "NNCPQCNetwork"
    n_levels: int = 10
    """Noise levels: those of the forward process."""
    n_pairs: int = 4
    """Pairs of circuits: one with angles of its own, one with those of the network."""
    n_layers: int = 20
    """Layers of each circuit, of 3 angles a qubit."""
    width: int = 64
    """Features of the network's hidden layers."""
    depth: int = 5
    """Hidden layers of the network."""

    def __post_init__(self) -> None:
        _check_counts(self.n_levels, self.n_layers)
        for name in ("n_pairs", "width", "depth"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")

    def arguments(self, space: Space) -> dict[str, Any]:
        """What `NNCPQCNetwork` is built with; raises UsageError for what are no states."""
        return {"n_qubits": space.n_qubits("An NNCPQC"), **plain(self)}

    def build(self, space: Space) -> "NNCPQCNetwork":
        """The circuits for states of `space`; raises what `arguments` raises."""
        from qdiffusion.models.nncpqc import NNCPQCNetwork

        return NNCPQCNetwork(**self.arguments(space))


def _check_counts(n_levels: int, n_layers: int) -> None:
    require(1 <= n_levels <= MOST_STEPS, "n_levels", n_levels, f"1 to {MOST_STEPS}")
    require(1 <= n_layers <= MOST_LAYERS, "n_layers", n_layers, f"1 to {MOST_LAYERS}")
