"""Which circuit denoises quantum states, or vectors, in plain values; torch loads when one is built."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError, require
from qdiffusion.models.config import plain, told_classes

if TYPE_CHECKING:
    from qdiffusion.models.chain import ChainDenoiser
    from qdiffusion.models.channel import ChannelDenoiser
    from qdiffusion.models.mixed_chain import MixedChainDenoiser
    from qdiffusion.models.reuploading import ReuploadingNetwork
    from qdiffusion.models.unitary import UnitaryDenoiser

MOST_ANCILLAS = 8
"""Every outcome of every ancilla is followed: 256 branches."""
MOST_CHAIN_WIRES = 14
"""Every outcome of every state is kept: 2^14 amplitudes each."""
MOST_MIXED_WIRES = 8
"""A density matrix of 8 wires is as large as a state of 16."""
MOST_LAYERS = 400
MOST_STEPS = 1000
MOST_WIRES = 16
"""Gates are planned one by one, in seconds."""


Layers = Literal["ladder", "mirrored", "blocks"]
Start = Literal["random", "identity"]
Measured = Literal["drawn", "post-selected"]
Time = Literal["own", "shared"]
BLOCK = 4
"""Layers of a block."""


@dataclass(frozen=True)
class UnitaryConfig:
    """Circuits on the qubits themselves: general rotations and ladders of CNOTs."""

    kind: Literal["unitary"] = field(default="unitary", kw_only=True)
    """Names this denoiser in a saved experiment."""
    n_layers: int = 7
    """Repetitions of the layer, of 3 angles a qubit."""
    n_steps: int = 1
    """Noise levels that have a circuit of their own; 1: one circuit for all."""
    ansatz: Layers = "ladder"
    """ladder: rotations, then CNOTs, as the scrambler has them; mirrored: CNOTs backwards, then rotations; blocks: two
    of the one, then two of the other."""
    start: Start = "random"
    """identity: every block begins as the identity."""

    class_name: ClassVar[str] = "UnitaryDenoiser"

    def __post_init__(self) -> None:
        if not (1 <= self.n_layers <= MOST_LAYERS and 1 <= self.n_steps <= MOST_STEPS):
            raise UsageError(
                f"A unitary denoiser got {self.n_layers} layers and {self.n_steps} steps; give 1 to {MOST_LAYERS} and "
                f"1 to {MOST_STEPS}."
            )
        require(self.ansatz in get_args(Layers), "ansatz", self.ansatz, "ladder, mirrored or blocks")
        require(self.start in get_args(Start), "start", self.start, "random or identity")
        if self.start == "identity" and (self.ansatz != "blocks" or self.n_layers % BLOCK):
            raise UsageError(
                f"{self.n_layers} layers {self.ansatz} cannot begin as the identity; choose the ansatz blocks and a "
                f"multiple of {BLOCK} layers."
            )

    def arguments(self, space: Space) -> dict[str, Any]:
        """What `UnitaryDenoiser` is built with; raises UsageError for what are no states."""
        return {"n_qubits": space.n_qubits("A unitary denoiser"), **plain(self)}

    def build(self, space: Space) -> "UnitaryDenoiser":
        """The circuits."""
        from qdiffusion.models.unitary import UnitaryDenoiser

        return UnitaryDenoiser(**self.arguments(space))


@dataclass(frozen=True)
class ChainConfig:
    """A circuit for every noise level, each with ancillas that are measured: QuDDPM's reverse process."""

    kind: Literal["chain"] = field(default="chain", kw_only=True)
    """Names this denoiser in a saved experiment."""
    n_steps: int = 20
    """Circuits T, one for each noise level of the forward process."""
    n_ancillas: int = 1
    """Qubits that start in |0⟩ and are measured at the end of every step."""
    n_layers: int = 4
    """Layers of each circuit, of 2 angles a qubit."""
    measured: Measured = "drawn"
    """drawn: any outcome of the ancillas; post-selected: 0 of each, whatever its probability."""
    time: Time = "own"
    """own: a circuit for each noise level; shared: one for all, which is told the level by rotations of every qubit."""
    conditional: bool = False
    """Whether the chain is told each state's class, by rotations of the ancillas."""

    class_name: ClassVar[str] = "ChainDenoiser"

    def __post_init__(self) -> None:
        _check_chain(self.n_steps, self.n_layers, self.n_ancillas)
        require(self.measured in get_args(Measured), "measured", self.measured, "drawn or post-selected")
        require(self.time in get_args(Time), "time", self.time, "own or shared")

    def arguments(self, space: Space) -> dict[str, Any]:
        """What `ChainDenoiser` is built with.

        Raises:
            UsageError: `space` holds no states, or no labels for a conditional chain, or there are more than 14 wires
                with the ancillas.
        """
        n_qubits = space.n_qubits("A chain of circuits")
        _check_wires("A chain", "states", n_qubits, self.n_ancillas, MOST_CHAIN_WIRES)
        return {"n_qubits": n_qubits, **plain(self), "n_classes": told_classes(self, space)}

    def build(self, space: Space) -> "ChainDenoiser":
        """The circuits, with angles from N(0, 1); raises what `arguments` raises."""
        from qdiffusion.models.chain import ChainDenoiser

        return ChainDenoiser(**self.arguments(space))


@dataclass(frozen=True)
class MixedChainConfig:
    """A circuit on density matrices for every noise level, each with ancillas that are traced out, of which some come
    in random: MSQuDDPM's reverse process."""

    kind: Literal["mixed-chain"] = field(default="mixed-chain", kw_only=True)
    """Names this denoiser in a saved experiment."""
    n_steps: int = 6
    """Circuits T, one for each noise level of the forward process."""
    n_ancillas: int = 2
    """Qubits that are traced out at the end of every step."""
    n_layers: int = 4
    """Layers of each circuit, of 2 angles a qubit."""
    n_random: int = 1
    """Ancillas that come in as a Haar-random state; the others do as |0⟩."""

    class_name: ClassVar[str] = "MixedChainDenoiser"

    def __post_init__(self) -> None:
        _check_chain(self.n_steps, self.n_layers, self.n_ancillas)
        require(0 <= self.n_random <= self.n_ancillas, "n_random", self.n_random, f"0 to {self.n_ancillas}")

    def arguments(self, space: Space) -> dict[str, Any]:
        """What `MixedChainDenoiser` is built with.

        Raises:
            UsageError: `space` holds no density matrices, or there are more than 8 wires with the ancillas.
        """
        n_qubits = space.n_qubits("A mixed chain", "densities")
        _check_wires("A mixed chain", "density matrices", n_qubits, self.n_ancillas, MOST_MIXED_WIRES)
        return {"n_qubits": n_qubits, **plain(self)}

    def build(self, space: Space) -> "MixedChainDenoiser":
        """The circuits, with angles from N(0, 1); raises what `arguments` raises."""
        from qdiffusion.models.mixed_chain import MixedChainDenoiser

        return MixedChainDenoiser(**self.arguments(space))


@dataclass(frozen=True)
class ChannelConfig:
    """Circuits on density matrices, with ancillas that are traced out; without any, unitaries."""

    kind: Literal["channel"] = field(default="channel", kw_only=True)
    """Names this denoiser in a saved experiment."""
    n_layers: int = 4
    """Layers of each circuit, of 2 angles a qubit."""
    n_ancillas: int = 0
    """Qubits that start in |0⟩ and are traced out at the end of every step; 0: a unitary."""
    n_steps: int = 10
    """Noise levels that have a circuit of their own; 1: one circuit for all."""

    class_name: ClassVar[str] = "ChannelDenoiser"

    def __post_init__(self) -> None:
        if not (1 <= self.n_steps <= MOST_STEPS and 1 <= self.n_layers <= MOST_LAYERS):
            raise UsageError(
                f"A channel got {self.n_steps} steps of {self.n_layers} layers; give 1 to {MOST_STEPS} and 1 to "
                f"{MOST_LAYERS}."
            )
        require(0 <= self.n_ancillas < MOST_MIXED_WIRES, "n_ancillas", self.n_ancillas, f"0 to {MOST_MIXED_WIRES - 1}")

    def arguments(self, space: Space) -> dict[str, Any]:
        """What `ChannelDenoiser` is built with.

        Raises:
            UsageError: `space` holds no density matrices, or there are more than 8 wires with the ancillas.
        """
        n_qubits = space.n_qubits("A channel", "densities")
        _check_wires("A channel", "density matrices", n_qubits, self.n_ancillas, MOST_MIXED_WIRES)
        return {"n_qubits": n_qubits, **plain(self)}

    def build(self, space: Space) -> "ChannelDenoiser":
        """The circuits; raises what `arguments` raises."""
        from qdiffusion.models.channel import ChannelDenoiser

        return ChannelDenoiser(**self.arguments(space))


@dataclass(frozen=True)
class ReuploadingConfig:
    """One circuit that vectors are uploaded to again and again, between two linear layers."""

    kind: Literal["reuploading"] = field(default="reuploading", kw_only=True)
    """Names this denoiser in a saved experiment."""
    n_wires: int = 8
    """Qubits."""
    n_layers: int = 6
    """Uploads, each followed by a layer of 3 angles a qubit."""
    width: int = 32
    """Features of the noise level's embedding; a multiple of 8, at least 16."""
    conditional: bool = False
    """Whether the network is told each vector's label."""

    class_name: ClassVar[str] = "ReuploadingNetwork"

    def __post_init__(self) -> None:
        require(1 <= self.n_wires <= MOST_WIRES, "n_wires", self.n_wires, f"1 to {MOST_WIRES}")
        require(1 <= self.n_layers <= MOST_LAYERS, "n_layers", self.n_layers, f"1 to {MOST_LAYERS}")

    def arguments(self, space: Space) -> dict[str, Any]:
        """What `ReuploadingNetwork` is built with.

        Raises:
            UsageError: `space` holds no vectors, or no labels for a conditional network.
        """
        space.expect("vectors", "A circuit with data re-uploading")
        return {"features": space.shape[0], **plain(self), "n_classes": told_classes(self, space)}

    def build(self, space: Space) -> "ReuploadingNetwork":
        """The network for vectors of `space`; raises what `arguments` raises."""
        from qdiffusion.models.reuploading import ReuploadingNetwork

        return ReuploadingNetwork(**self.arguments(space))


def _check_chain(n_steps: int, n_layers: int, n_ancillas: int) -> None:
    require(1 <= n_steps <= MOST_STEPS, "n_steps", n_steps, f"1 to {MOST_STEPS}")
    require(1 <= n_layers <= MOST_LAYERS, "n_layers", n_layers, f"1 to {MOST_LAYERS}")
    require(1 <= n_ancillas <= MOST_ANCILLAS, "n_ancillas", n_ancillas, f"1 to {MOST_ANCILLAS}")


def _check_wires(who: str, what: str, n_qubits: int, n_ancillas: int, most: int) -> None:
    if n_qubits + n_ancillas > most:
        raise UsageError(
            f"{who} of {n_qubits} qubits and {n_ancillas} ancillas has {what} of {n_qubits + n_ancillas} wires; "
            f"give at most {most} in all."
        )
