"""How quantum states are scrambled, in plain values; torch loads when a process is built."""

import reprlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from qdiffusion.data.space import Space
from qdiffusion.diffusion.config import check_timesteps
from qdiffusion.errors import UsageError, require

if TYPE_CHECKING:
    from qdiffusion.diffusion.scrambling import Scrambling

Layer = Literal["kicks", "ladder", "brickwork"]
Prediction = Literal["clean", "previous"]

MOST_QUBITS = 16
"""Of a scrambler."""
MOST_DEPTH = 200
"""Of all steps together: every state of a batch goes through them in every step of a training."""
MOST_STRENGTH = 1e6
"""Angles of 1e6 radians have lost all but a digit of float32."""


@dataclass(frozen=True)
class ScramblerConfig:
    """One fixed scrambling circuit, the same for every state, in one step or in several."""

    kind: Literal["scrambler"] = field(default="scrambler", kw_only=True)
    """Names this forward process in a saved experiment."""
    depth: int | None = 2
    """Layers of each step; None: so many that the last step has scrambled, see `states.scrambling_depth`."""
    timesteps: int = 1
    """Steps T, one after the other: noise levels."""
    salt: int = 0
    """Another number is another circuit, at the same seed; of two circuits that differ in the number of layers alone,
    one goes on where the other ends."""
    layer: Layer = "ladder"
    """A general rotation on every qubit, then a ladder of CNOTs or CNOTs on every other pair (brickwork); or kicks."""
    prediction: Prediction = "clean"
    """What a denoiser is to say of a level's state: the clean one, or that of the level before."""

    def __post_init__(self) -> None:
        depth = 1 if self.depth is None else self.depth
        if min(depth, self.timesteps) < 1 or depth * self.timesteps > MOST_DEPTH or self.salt < 0:
            raise UsageError(
                f"A scrambler got {self.timesteps} steps of depth {self.depth} and salt {self.salt}; give a depth of 1 "
                f"to {MOST_DEPTH} in all, and a salt of at least 0."
            )
        _check_layer(self.layer)
        require(self.prediction in get_args(Prediction), "prediction", self.prediction, "clean or previous")

    def build(self, space: Space, seed: int) -> "Scrambling":
        """The circuit of (seed, salt), layer by layer; raises UsageError for what are no states, or too large ones."""
        from qdiffusion.diffusion.scrambling import Scrambling
        from qdiffusion.states import scrambling_depth

        n_qubits, key = _n_qubits(space, "A scrambler", MOST_QUBITS), (seed, self.salt)
        depth = self.depth or -(-scrambling_depth(n_qubits) // self.timesteps)
        return Scrambling(n_qubits, self.timesteps, depth, self.layer, key=key, prediction=self.prediction)


@dataclass(frozen=True)
class ScramblingConfig:
    """Random circuits, other ones for every state, until nothing is known of it: QuDDPM's forward process."""

    kind: Literal["scrambling"] = field(default="scrambling", kw_only=True)
    """Names this forward process in a saved experiment."""
    timesteps: int = 20
    """Number of layers T."""
    strength: tuple[float, ...] = (1.0, 4.0)
    """What the angles are multiplied with: of the first and of the last layer, evenly spaced in between; or of each."""
    layer: Layer = "kicks"
    """kicks: QuDDPM's weak rotations; ladder and brickwork: general ones, then CNOTs."""

    def __post_init__(self) -> None:
        check_timesteps(self.timesteps)
        each = len(self.strength)
        if each not in (2, self.timesteps) or not all(0 <= h <= MOST_STRENGTH for h in self.strength):
            raise UsageError(
                f"Scrambling in {self.timesteps} layers got {each} strengths, {reprlib.repr(self.strength)}; give two, "
                f"of the first and the last layer, or one for each, numbers from 0 to {MOST_STRENGTH:g}."
            )
        _check_layer(self.layer)

    def build(self, space: Space, seed: int) -> "Scrambling":
        """The process, whose chance is that of each call and not of the seed; raises UsageError for what are no
        states."""
        from qdiffusion.diffusion.scrambling import Scrambling

        return Scrambling(_n_qubits(space, "Scrambling", 30), self.timesteps, 1, self.layer, self.strength)


def _check_layer(layer: Layer) -> None:
    require(layer in get_args(Layer), "layer", layer, "kicks, ladder or brickwork")


def _n_qubits(space: Space, who: str, most: int) -> int:
    n_qubits = space.n_qubits(who)
    if n_qubits > most:
        raise UsageError(f"{who} takes states of at most {most} qubits, not {n_qubits}; choose smaller ones.")
    return n_qubits
