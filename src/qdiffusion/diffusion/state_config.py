"""How quantum states are scrambled, in plain values; torch loads when a process is built."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from qdiffusion.data.space import Space
from qdiffusion.diffusion.config import check_timesteps
from qdiffusion.errors import UsageError

if TYPE_CHECKING:
    from qdiffusion.diffusion.scrambler import Scrambler
    from qdiffusion.diffusion.scrambling import Scrambling

MOST_QUBITS = 12
"""A scrambler's matrix of 12 qubits has 2^24 entries, 128 MB in complex64."""
MOST_DEPTH = 200
"""Its gates are planned one by one, in seconds."""
MOST_STRENGTH = 1e6
"""Angles of 1e6 radians have lost all but a digit of float32."""


@dataclass(frozen=True)
class ScramblerConfig:
    """One fixed scrambling circuit, the same for every state, which is to be undone in one step."""

    kind: Literal["scrambler"] = field(default="scrambler", kw_only=True)
    """Names this forward process in a saved experiment."""
    depth: int = 2
    """Layers of the circuit: a general rotation on every qubit, then a ladder of CNOTs."""
    salt: int = 0
    """Another number is another circuit, at the same seed."""

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= MOST_DEPTH or self.salt < 0:
            raise UsageError(
                f"A scrambler got depth {self.depth} and salt {self.salt}; give a depth of 1 to {MOST_DEPTH} and a "
                "salt of at least 0."
            )

    @property
    def timesteps(self) -> int:
        """One noise level: scrambled."""
        return 1

    def build(self, space: Space, seed: int) -> "Scrambler":
        """The circuit of (seed, depth, salt), its angles uniform in [0, 2π); raises UsageError for what are no states,
        or too large ones."""
        from qdiffusion.diffusion.scrambler import Scrambler

        return Scrambler(_n_qubits(space, "A scrambler", MOST_QUBITS), self.depth, (seed, self.depth, self.salt))


@dataclass(frozen=True)
class ScramblingConfig:
    """Random kicks, other ones for every state, until nothing is known of it: QuDDPM's forward process."""

    kind: Literal["scrambling"] = field(default="scrambling", kw_only=True)
    """Names this forward process in a saved experiment."""
    timesteps: int = 20
    """Number of kicks T."""
    strength: tuple[float, float] = (1.0, 4.0)
    """What the angles of the first and of the last kick are multiplied with; evenly spaced in between."""

    def __post_init__(self) -> None:
        check_timesteps(self.timesteps)
        if not all(0 <= each <= MOST_STRENGTH for each in self.strength):
            raise UsageError(f"Scrambling got strengths {self.strength}; give two numbers from 0 to {MOST_STRENGTH:g}.")

    def build(self, space: Space, seed: int) -> "Scrambling":
        """The process, whose chance is that of each call and not of the seed; raises UsageError for what are no
        states."""
        from qdiffusion.diffusion.scrambling import Scrambling

        return Scrambling(_n_qubits(space, "Scrambling", 30), self.timesteps, self.strength)


def _n_qubits(space: Space, who: str, most: int) -> int:
    n_qubits = space.n_qubits(who)
    if n_qubits > most:
        raise UsageError(f"{who} takes states of at most {most} qubits, not {n_qubits}; choose smaller ones.")
    return n_qubits
