"""What an evaluation is given: the run's samples and system, made when they are asked for, and its data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from qdiffusion.data import ItemSet, Split
from qdiffusion.diffusion.system import System


@runtime_checkable
class Data(Protocol):
    """Where real items come from."""

    def load(self, split: Split) -> ItemSet: ...


class Drawn(NamedTuple):
    """New items (N, …), as the data hold them, and the labels int64 (N,) that were asked for, if any; on the CPU."""

    items: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class Subject:
    """A trained run, seen by whoever scores it."""

    data: Data
    count: int
    """How many samples, or items, the scores are to be of."""
    seed: int
    """Of whatever scoring draws."""
    device: torch.device
    samples: Callable[[], Drawn]
    """Draws `count` new items."""
    system: Callable[[], System]
    """Loads the trained system, on `device`, in evaluation mode."""
    say: Callable[[str], None]
    """Tells the user a sentence."""
