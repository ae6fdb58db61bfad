"""What a stage trains: a codec, a denoiser and the process that the denoiser reverses; and what these have to offer."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from qdiffusion.data.space import Space

Draw = dict[str, Tensor]
"""All chance of a batch, and what follows from it without the trained weights: each tensor (B, …), a row an item."""

Level = int | float
"""A noise level t: 0, 1, … where levels are counted, any number where noise grows continuously; -1 is the item."""


class Batch(NamedTuple):
    """items: (B, …) as the data hold them; labels: int64 (B,) or None; places: int64 (B,), their indices in the set."""

    items: Tensor
    labels: Tensor | None
    places: Tensor


class Noised(NamedTuple):
    """x0, x: (N, …), an item and what is left of it at level t (N,); noise: (N, …), what was mixed in (x0's
    shape; empty where the process mixes nothing in)."""

    x0: Tensor
    x: Tensor
    t: Tensor
    noise: Tensor


@runtime_checkable
class Codec(Protocol):
    """An `nn.Module` between items and what diffusion sees of them."""

    space: Space
    """What diffusion sees."""

    def encode(self, items: Tensor) -> Tensor: ...

    def decode(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Denoiser(Protocol):
    """An `nn.Module` with diffusers' signature."""

    n_classes: int
    """Classes that it is told of; n_classes itself stands for none, where its `null_label` is True. 0: no labels."""
    levels: int
    """Noise levels that have parameters of their own; 1: all share them."""

    def forward(
        self, sample: Tensor, timestep: Tensor | int, class_labels: Tensor | None = None, return_dict: bool = True
    ) -> Any: ...


@runtime_checkable
class MeasuredDenoiser(Protocol):
    """A denoiser whose circuits are measured."""

    def branches(
        self, sample: Tensor, timestep: Tensor | int, class_labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The states (N, B, …) that the outcomes leave, and their probabilities (N, B)."""


@runtime_checkable
class Chain(Protocol):
    """A denoiser that is circuits of one form, `steps`: one for each of `n_steps` noise levels, or one for all."""

    n_steps: int
    levels: int
    steps: nn.ModuleList


@runtime_checkable
class MixedDenoiser(Protocol):
    """A denoiser of density matrices whose chance lies in ancillas that come in random, and nowhere else."""

    def joined(self, sample: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Density matrices (N, d, d) and their ancillas, drawn by `generator`: (N, e, e)."""

    def traced(self, joined: Tensor, timestep: Tensor | int) -> Tensor:
        """What is left of these, (N, d, d)."""


@runtime_checkable
class ForwardProcess(Protocol):
    """An `nn.Module` that destroys items level by level, t = 0 … timesteps - 1; between levels where `levels` gives
    fractions."""

    timesteps: int

    def levels(self, n: int, generator: torch.Generator) -> Tensor:
        """Uniformly drawn t, (n,): int64, or float32 where noise grows continuously."""

    def noised(self, x0: Tensor, t: Tensor, generator: torch.Generator) -> Noised:
        """x_t for x0 (N, …) and t (N,). Equal generators give one item the same chance at every t."""

    def target(self, noised: Noised) -> Tensor:
        """What a denoiser is to say of x_t, (N, …)."""

    def prior(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """What sampling starts from: (N, …)."""

    @property
    def caption(self) -> str:
        """What a picture of all levels shows, in sentences."""

    def label(self, t: Level) -> tuple[str, ...]:
        """Short lines that stand below a picture of level t; t = -1 is the item itself."""


class System(nn.Module):
    """codec, denoiser, process: parameters are named `codec.…` and `denoiser.…`.

    Each is an `nn.Module` that keeps its protocol: `Codec`, `Denoiser`, `ForwardProcess`.
    """

    codec: Any
    denoiser: Any
    process: Any

    def __init__(self, codec: nn.Module, denoiser: nn.Module, process: nn.Module) -> None:
        super().__init__()
        self.codec, self.denoiser, self.process = codec, denoiser, process

    @property
    def codec_has_weights(self) -> bool:
        """Whether there is anything in the codec to train or to save."""
        return any(True for _ in self.codec.parameters())


@runtime_checkable
class Objective(Protocol):
    """What one round of a stage minimises."""

    @property
    def splittable(self) -> bool:
        """Whether the loss of a batch is the mean of its parts' losses, so that a batch may be cut."""

    def check(self, system: System) -> None:
        """Raise UsageError where it cannot train such a system."""

    @property
    def trained(self) -> str:
        """The glob of the parameters that its loss depends on; of these, the stage says which learn."""

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """What the round needs and is made once, before its first step, from all training items (N, …)."""

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """All chance of a batch; `kept` is what `prepare` made."""

    def loss(self, system: System, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar loss, and further scalars to log, detached."""


@runtime_checkable
class WarmStart(Protocol):
    """An objective whose rounds begin with what the round before has learnt."""

    def begin(self, system: System) -> None:
        """Set the weights that the round trains, before its first step."""


OnStep = Callable[[int, Tensor], None]
"""Called with the number of steps done, from 0 on, and x (N, …)."""


@runtime_checkable
class Sampler(Protocol):
    """Draws x from a system."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """The level t that each step starts from, in order; behind the last stands -1."""

    def __call__(
        self,
        system: System,
        count: int,
        generator: torch.Generator,
        labels: Tensor | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """x (count, …), in the space that diffusion sees; labels int64 (count,) for a conditional denoiser."""
