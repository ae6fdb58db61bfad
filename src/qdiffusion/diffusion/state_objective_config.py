"""What denoisers of states are trained for and how they are sampled, in plain values."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from qdiffusion.errors import UsageError, require

if TYPE_CHECKING:
    from qdiffusion.diffusion.chain import ChainObjective, ChainSampler
    from qdiffusion.diffusion.infidelity import InfidelityObjective
    from qdiffusion.diffusion.system import System

MOST_INPUTS = 1_000_000
"""States that a circuit of a chain is trained on, all of them in every step."""


@runtime_checkable
class HasTimesteps(Protocol):
    """A forward process or its configuration."""

    @property
    def timesteps(self) -> int: ...


@dataclass(frozen=True)
class InfidelityConfig:
    """Say of x_t what the forward process asks for, to the highest mean fidelity."""

    kind: Literal["infidelity"] = field(default="infidelity", kw_only=True)
    """Names this objective in a saved experiment."""
    every_level: bool = False
    """Noise each item to all levels, rather than to one drawn at random."""

    def rounds(self, forward: HasTimesteps) -> int:
        """One."""
        return 1

    def build(self, forward: HasTimesteps, round: int) -> "InfidelityObjective":
        """The objective."""
        from qdiffusion.diffusion.infidelity import InfidelityObjective

        return InfidelityObjective(self.every_level)


@dataclass(frozen=True)
class ChainObjectiveConfig:
    """Train a chain's circuits one after another, from the noisiest on, each on what those before it leave."""

    kind: Literal["chain"] = field(default="chain", kw_only=True)
    """Names this objective in a saved experiment."""
    loss: Literal["mmd"] = "mmd"
    """mmd: the maximum mean discrepancy of a circuit's outputs from the data, one kick less noisy, under the fidelity
    kernel."""
    inputs: int | None = None
    """States that a circuit is trained on; None: as many as a batch has data. It learns to undo the
    chance of their mean, too, and the fewer they are, the further that leads other states astray."""

    def __post_init__(self) -> None:
        fits = self.inputs is None or 1 <= self.inputs <= MOST_INPUTS
        require(fits, "inputs", self.inputs, f"1 to {MOST_INPUTS:,}, or None")

    def rounds(self, forward: HasTimesteps) -> int:
        """One for each noise level."""
        return forward.timesteps

    def build(self, forward: HasTimesteps, round: int) -> "ChainObjective":
        """The objective of round 0, 1, …, which trains the step of level T-1, T-2, …"""
        from qdiffusion.diffusion.chain import ChainObjective

        return ChainObjective(forward.timesteps, forward.timesteps - 1 - round, self.inputs)


@dataclass(frozen=True)
class ChainSamplingConfig:
    """Send the prior through the denoiser level by level, each outcome drawn."""

    kind: Literal["chain"] = field(default="chain", kw_only=True)
    """Names this way of sampling in a saved experiment."""
    count: int = 100
    """Items drawn for the picture after training; 0: none."""
    stochastic: bool = False
    """Add to each step's state the noise that its mean leaves out, where the forward process is Gaussian noise on
    amplitudes; else the denoiser's own chance is all there is."""

    def __post_init__(self) -> None:
        require(self.count >= 0, "count", self.count, "at least 0")

    @property
    def name(self) -> str:
        """What its samples are called."""
        return "chain-stochastic" if self.stochastic else "chain"

    @property
    def words(self) -> list[str]:
        """For people."""
        return ["chain", "noise added in every step"] if self.stochastic else ["chain"]

    def build(self, system: "System") -> "ChainSampler":
        """The sampler, which keeps the phase of states with noise on their amplitudes; raises UsageError where
        diffusion sees no states, or `stochastic` knows no noise to add.
        """
        from qdiffusion.diffusion.amplitudes import AmplitudeNoise
        from qdiffusion.diffusion.chain import ChainSampler

        system.codec.space.expect("states", "Sampling by a chain")
        noisy = isinstance(system.process, AmplitudeNoise)
        if self.stochastic and not noisy:
            raise UsageError(
                "A stochastic chain adds the noise of the forward process amplitudes, but was given a "
                f"{type(system.process).__name__}; leave stochastic out, or choose that process."
            )
        return ChainSampler(system.process.timesteps, self.stochastic, in_phase=noisy)
