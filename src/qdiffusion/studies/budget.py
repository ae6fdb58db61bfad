"""How much a study spends on a cell."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from qdiffusion.diffusion.config import SamplerName
from qdiffusion.errors import UsageError, require
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
    sampler: SamplerName | None = "ddim"
    """How they are drawn; None where the model leaves no choice."""
    sampling_steps: int | None = 50
    """Denoising steps an image; None with the sampler."""

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
        both = (self.sampler is None) == (self.sampling_steps is None)
        require(both, "sampler", self.sampler, "given with sampling_steps, or neither")

    @property
    def steps_per_epoch(self) -> int:
        return self.train_size // self.batch_size

    def steps_at(self, share: float) -> int:
        """Steps after a share of the training, rounded to whole epochs."""
        return epochs_at(share, self.epochs) * self.steps_per_epoch

    def to_dict(self) -> dict[str, Any]:
        """What stands under the table."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def changed(self, study: str, **fields: Any) -> "Budget":
        """This budget of a study with other values; None leaves one as it is.

        Raises:
            UsageError: a value that it cannot have, or a sampler where the study has no choice of any.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        for name in given:
            if getattr(self, name) is None:
                raise UsageError(
                    f"The study {study} draws its samples level by level and has no {name}; leave "
                    f"--{name.replace('_', '-')} out."
                )
        return replace(self, **given)


def epochs_at(share: float, epochs: float) -> int:
    """Whole epochs after a share of a training, at least one."""
    return max(1, round(share * epochs))


QUICK = Budget(epochs=2, train_size=640, batch_size=32, samples=100, sampler="dpmpp", sampling_steps=5)
"""Minutes: shows that a study runs, and nothing else."""
QUICK_CHAIN = replace(QUICK, sampler=None, sampling_steps=None)
"""The same where samples are drawn level by level."""
