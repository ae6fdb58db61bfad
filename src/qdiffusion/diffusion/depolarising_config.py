"""How states depolarise, in plain values; torch loads when a process is built."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from qdiffusion.data.space import Space
from qdiffusion.diffusion.config import check_timesteps
from qdiffusion.diffusion.state_config import Prediction
from qdiffusion.errors import require

if TYPE_CHECKING:
    from qdiffusion.diffusion.depolarising import Depolarising

Fall = Literal["linear", "cosine"]

MOST_EXPONENT = 100.0


@dataclass(frozen=True)
class DepolarisingConfig:
    """States are mixed with the maximally mixed one, until nothing else is left: QAMP 2025, MSQuDDPM."""

    kind: Literal["depolarising"] = field(default="depolarising", kw_only=True)
    """Names this forward process in a saved experiment."""
    timesteps: int = 10
    """Number of noise levels T."""
    schedule: Fall = "cosine"
    """How the share of the state falls to 0 at the last level, u = (t + 1)/T: linear, 1 - u; cosine, a power of
    cos(πu/2)."""
    exponent: float = 2.0
    """Of the cosine; the linear schedule has none."""
    prediction: Prediction = "clean"
    """What a denoiser is to say of a level's state: the clean one, or that of the level before."""

    def __post_init__(self) -> None:
        check_timesteps(self.timesteps)
        require(self.schedule in get_args(Fall), "schedule", self.schedule, "linear or cosine")
        require(0 < self.exponent <= MOST_EXPONENT, "exponent", self.exponent, f"above 0, at most {MOST_EXPONENT:g}")
        require(self.prediction in get_args(Prediction), "prediction", self.prediction, "clean or previous")

    def build(self, space: Space, seed: int) -> "Depolarising":
        """The process, which has no chance; raises UsageError for what are no density matrices."""
        from qdiffusion.diffusion.depolarising import Depolarising, shares

        space.expect("densities", "Depolarising")
        return Depolarising(shares(self.timesteps, self.schedule, self.exponent), self.prediction)
