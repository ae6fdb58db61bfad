"""A study that can be carried out: what its table shows, and how its cells are made."""

from collections.abc import Callable
from dataclasses import dataclass

from qdiffusion.data.config import ImagesConfig
from qdiffusion.studies.budget import QUICK, QUICK_CHAIN, Budget
from qdiffusion.studies.spec import StudySpec
from qdiffusion.training.experiment import Experiment

PACKAGED = {"mnist": 10_000, "fashion-mnist": 5_000}
"""Training images that come with the package; more are taken from the whole set."""


@dataclass(frozen=True)
class Cell:
    """One column with one seed, and what has to be there before it can be trained."""

    column: str
    seed: int
    budget: Budget
    """That of the study, but for images that the column has fewer of."""
    experiment: Experiment
    branches_at: int | None = None
    """The step at which it branches off from the classical cell of its seed; None: it starts from nothing."""
    lead: int = 0
    """Steps of stages before that which the study looks at: an autoencoder's."""


@dataclass(frozen=True)
class Study:
    """A study: what its table shows, and how its cells are made."""

    spec: StudySpec
    budget: Budget
    """The paper's own."""
    cell: Callable[[StudySpec, str, int, Budget], Cell]
    """(study, column, seed, budget) → cell."""

    @property
    def quick(self) -> Budget:
        """Minutes: shows that the study runs, and nothing else."""
        return QUICK_CHAIN if self.budget.sampler is None else QUICK


def images(data: str, budget: Budget) -> ImagesConfig:
    """The first images of a set, of the packaged part where it suffices."""
    return ImagesConfig(f"{data}-subset" if budget.train_size <= PACKAGED[data] else data, count=budget.train_size)


def moments(study: StudySpec, budget: Budget) -> tuple[int, ...]:
    """The steps at which the study looks, but for the last."""
    return tuple(sorted({budget.steps_at(moment.share) for moment in study.moments} - {budget.steps_at(1)}))
