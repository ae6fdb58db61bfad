"""How weights are moved and averaged, in plain values; torch loads when an optimiser is built."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from qdiffusion.errors import require

if TYPE_CHECKING:
    import torch

    from qdiffusion.diffusion.system import System


Blocks = Literal["full", "layer", "diagonal"]
"""Which entries of a circuit's metric count: all, those of two weights in one repetition of its ansatz, or the diagonal
alone. A circuit without repetitions is one layer.
"""


@dataclass(frozen=True)
class RateConfig:
    """How the learning rate changes along a round: a factor of `learning_rate`, a function of the step alone."""

    warmup: int = 0
    """Steps over which the rate rises evenly from 0."""
    decay: Literal["none", "cosine", "step"] = "none"
    """cosine: to 0 behind the round's last step; step: times `factor` every `every` steps."""
    every: int = 1000
    """Steps between two drops of the step decay."""
    factor: float = 0.97
    """What a drop multiplies the rate by."""

    def __post_init__(self) -> None:
        require(self.warmup >= 0, "warmup", self.warmup, "at least 0")
        require(self.every >= 1, "every", self.every, "at least 1")
        require(0 < self.factor <= 1, "factor", self.factor, "a number above 0, at most 1")

    def at(self, step: int, steps: int) -> float:
        """The factor at step 0, 1, … of a round of `steps`: min(1, (step + 1) / warmup) times the decay since then.

        cosine: (1 + cos(π (step - warmup) / (steps - warmup))) / 2; step: factor^⌊(step - warmup) / every⌋.
        """
        if step < self.warmup:
            return (step + 1) / self.warmup
        since = step - self.warmup
        if self.decay == "cosine":
            return (1 + math.cos(math.pi * since / (steps - self.warmup))) / 2
        return self.factor ** (since // self.every) if self.decay == "step" else 1.0


@dataclass(frozen=True)
class AdamFields:
    """What both kinds of Adam have to be told."""

    learning_rate: float = 1e-3
    """Step size."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay of the running means of the gradient and of its square."""
    circuit_rate: float = 1.0
    """Step size of circuit angles, in radians, as a multiple of the others'; 2π trains them in turns."""
    rate: RateConfig = field(default_factory=RateConfig)
    """Warm-up and decay of the step size."""
    clip: float | None = None
    """Largest norm of the gradient of all trained parameters together; a longer one is shortened to it."""

    def __post_init__(self) -> None:
        require(0 < self.learning_rate < math.inf, "learning_rate", self.learning_rate, "a number above 0")
        require(0 < self.circuit_rate < math.inf, "circuit_rate", self.circuit_rate, "a number above 0")
        require(all(0 <= beta < 1 for beta in self.betas), "betas", self.betas, "two numbers in [0, 1)")
        require(self.clip is None or 0 < self.clip < math.inf, "clip", self.clip, "a number above 0, or None")


@dataclass(frozen=True)
class AdamConfig(AdamFields):
    """Adam (Kingma and Ba 2015, algorithm 1)."""

    kind: Literal["adam"] = field(default="adam", kw_only=True)
    """Names this optimiser in a saved experiment."""

    def build(self, system: "System") -> "torch.optim.Optimizer":
        """On the parameters of `system` that ask for a gradient."""
        from qdiffusion.training.optimiser import make_adam

        return make_adam(system, self)


@dataclass(frozen=True)
class AdamWConfig(AdamFields):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2)."""

    kind: Literal["adamw"] = field(default="adamw", kw_only=True)
    """Names this optimiser in a saved experiment."""
    weight_decay: float = 1e-2
    """Share of the learning rate by which weights shrink in a step; circuit angles, which are periodic, never do."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.weight_decay < math.inf, "weight_decay", self.weight_decay, "at least 0")

    def build(self, system: "System") -> "torch.optim.Optimizer":
        """On the parameters of `system` that ask for a gradient."""
        from qdiffusion.training.optimiser import make_adamw

        return make_adamw(system, self)


@dataclass(frozen=True)
class NaturalConfig(AdamFields):
    """Quantum natural gradient on the angles of circuits (docs/natural-gradient.md), Adam on everything else."""

    kind: Literal["natural"] = field(default="natural", kw_only=True)
    """Names this optimiser in a saved experiment."""
    circuit_rate: float = 10.0
    """Step size of circuit angles along their natural gradient, as a multiple of Adam's for the others."""
    damping: float = 1e-3
    """λ of (g + λ) δ = gradient; of the size of the metric's smaller eigenvalues, which are at most 1/4 a rotation."""
    metric: Blocks = "full"
    """Which entries of a circuit's metric count: all, those within a repetition of its ansatz, or the diagonal."""
    averaging: float = 0.0
    """Share of the metric's running mean that a step keeps; 0: each step's own metric."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.damping < math.inf, "damping", self.damping, "at least 0")
        require(0 <= self.averaging < 1, "averaging", self.averaging, "a number in [0, 1)")

    def build(self, system: "System") -> "torch.optim.Optimizer":
        """On the parameters of `system` that ask for a gradient.

        Raises:
            UsageError: no circuit among them, or one whose metric exceeds the free memory.
        """
        from qdiffusion.training.optimiser import make_natural

        return make_natural(system, self)


@dataclass(frozen=True)
class EMAConfig:
    """The exponential moving average of the weights, which is what is sampled and scored."""

    decay: float = 0.995
    """Largest share of the old average that an update keeps; 0: the average is the weights themselves."""
    every: int = 10
    """Steps between two updates."""
    start: int = 100
    """For so many steps the average is a copy of the weights."""
    power: float = 2 / 3
    """Update n after the start keeps at most 1 - (1 + n)^-power."""

    def __post_init__(self) -> None:
        require(0 <= self.decay < 1, "decay", self.decay, "a number in [0, 1)")
        require(self.every >= 1, "every", self.every, "at least 1")
        require(self.start >= 0, "start", self.start, "at least 0")
        require(0 < self.power < math.inf, "power", self.power, "a number above 0")
