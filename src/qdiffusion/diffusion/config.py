"""Which noise schedule, in plain values; torch loads when its variances are asked for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from qdiffusion.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import Float64
    from torch import Tensor

MOST_TIMESTEPS = 1_000_000

ScheduleName = Literal["cosine", "linear"]


@dataclass(frozen=True)
class ScheduleConfig:
    """Which noise schedule, and over how many steps."""

    name: ScheduleName = "cosine"
    """Shape of the schedule."""
    timesteps: int = 1000
    """Number of noise levels T."""

    def __post_init__(self) -> None:
        names = get_args(ScheduleName)
        if self.name not in names:
            raise UsageError(f"There is no noise schedule {self.name!r}; choose one of {', '.join(names)}.")
        check_timesteps(self.timesteps)

    def betas(self) -> "Float64[Tensor, ' timesteps']":
        """β_t: (T,) float64."""
        from qdiffusion.diffusion.schedules import BETAS

        return BETAS[self.name](self.timesteps)


def check_timesteps(timesteps: int) -> None:
    """Raise UsageError unless there is a noise level, and not too many."""
    if not 1 <= timesteps <= MOST_TIMESTEPS:
        raise UsageError(f"A noise schedule got {timesteps} timesteps; it takes 1 to {MOST_TIMESTEPS:,}.")
