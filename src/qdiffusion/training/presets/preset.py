"""What a preset is."""

from collections.abc import Callable
from dataclasses import dataclass

from qdiffusion.training.experiment import Experiment


@dataclass(frozen=True)
class Preset:
    """A named experiment: `build()` makes it."""

    name: str
    summary: str
    build: Callable[[], Experiment]
