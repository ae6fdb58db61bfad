"""How much a study spends on a cell."""

from dataclasses import asdict, dataclass
from typing import Any

from qdiffusion.diffusion.config import SamplerName
from qdiffusion.errors import require
from qdiffusion.metrics.config import FEWEST_IMAGES


@dataclass(frozen=True)
class Budget:
    """What every cell of a table is given; the defaults are those of De Falco et al. 2024."""

    epochs: int = 20
    """Passes over the training images."""
    train_size: int = 60_000
    """Training images, the first of their set."""
    batch_size: int = 128
    """Images a step."""
    samples: int = 7000
    """Images drawn and scored at each moment."""
    sampler: SamplerName = "ddim"
    """How they are drawn."""
    sampling_steps: int = 50
    """Denoising steps an image."""

    def __post_init__(self) -> None:
        require(self.epochs >= 2, "epochs", self.epochs, "at least 2, one before a transfer and one behind it")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        require(self.samples >= FEWEST_IMAGES, "samples", self.samples, f"at least {FEWEST_IMAGES} to be scored")
        require(
            self.batch_size <= self.train_size,
            "train_size",
            self.train_size,
            f"at least one batch of {self.batch_size} images",
        )

    @property
    def steps_per_epoch(self) -> int:
        return self.train_size // self.batch_size

    def steps_at(self, share: float) -> int:
        """Steps after a share of the training, rounded to whole epochs."""
        return epochs_at(share, self.epochs) * self.steps_per_epoch

    def to_dict(self) -> dict[str, Any]:
        """What stands under the table."""
        return asdict(self)


def epochs_at(share: float, epochs: float) -> int:
    """Whole epochs after a share of a training, at least one."""
    return max(1, round(share * epochs))


QUICK = Budget(epochs=2, train_size=640, batch_size=32, samples=100, sampler="dpmpp", sampling_steps=5)
"""Minutes: shows that a study runs, and nothing else."""
