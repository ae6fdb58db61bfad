"""Denoisers of amplitudes, in plain values; torch and the networks load when one is built."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from qdiffusion.data.space import Space
from qdiffusion.models.config import plain, told_classes

if TYPE_CHECKING:
    from qdiffusion.models.qamp import QAMPNetwork


@dataclass(frozen=True)
class QAMPConfig:
    """QAMP's hybrid U-Net: an encoder, circuits as its bottleneck, a decoder with a skip path around them."""

    kind: Literal["qamp"] = field(default="qamp", kw_only=True)
    """Names this denoiser in a saved experiment."""
    class_name: ClassVar[str] = "QAMPNetwork"
    n_levels: int = 10
    """Noise levels, each with angles of its own: those of the forward process."""
    n_wires: int = 4
    """Qubits of the bottleneck."""
    n_layers: int = 10
    """Repetitions of the ansatz in each of the three blocks."""
    width: int = 512
    """Reals in the hidden layers of encoder and decoder."""
    ansatz: Literal["conv-phase", "conv-grover"] = "conv-phase"
    """Convolution units, then phase mixing or the Grover mixer."""
    readout: Literal["hermitian", "pauli", "probability"] = "hermitian"
    """hermitian: trainable observables on all wires; pauli: ⟨Z⟩ of each wire; probability: of each basis state."""
    n_observables: int = 16
    """Trainable observables of the readout hermitian."""
    variant: str = "paper"
    """paper, released, or deviations by name, separated by commas."""
    control: Literal["none", "twin", "zero"] = "none"
    """What stands for the circuits: twin, classical maps with as many parameters; zero, nothing; none, the circuits."""
    skip: bool = True
    """Whether the decoder sees the noisy state itself."""
    start: Literal["random", "identity", "threshold"] = "random"
    """How the decoder begins: random, as torch draws it; identity, giving back the noisy state that it sees; threshold,
    so too, by a width of two for each real and imaginary part, which what circuits tell may stop below a threshold."""
    conditional: bool = True
    """Whether every class has angles of its own."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """What `QAMPNetwork` is built with.

        Raises:
            UsageError: `space` holds no states, or no labels for a conditional network.
        """
        n_qubits = space.n_qubits("QAMP's network")
        return {"n_qubits": n_qubits, "n_classes": told_classes(self, space), **plain(self)}

    def build(self, space: Space) -> "QAMPNetwork":
        """The network for states of `space`; raises what `arguments` and `QAMPNetwork` raise."""
        from qdiffusion.models.qamp import QAMPNetwork

        return QAMPNetwork(**self.arguments(space))
