"""What denoisers of states are trained for and how they are sampled, in plain values."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, get_args, runtime_checkable

from qdiffusion.errors import UsageError, require

if TYPE_CHECKING:
    from qdiffusion.diffusion.chain import ChainObjective, ChainSampler
    from qdiffusion.diffusion.infidelity import InfidelityObjective
    from qdiffusion.diffusion.system import System
    from qdiffusion.diffusion.undo import UndoObjective

ChainLoss = Literal["mmd", "mmd-unbiased", "mmd-bitstrings", "wasserstein", "sinkhorn"]
Order = Literal["greedy", "joint"]
Outcomes = Literal["exact", "drawn"]

MOST_GUIDANCE = 1000.0
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
    outcomes: Outcomes = "exact"
    """Of a denoiser that measures: exact, the mean over all outcomes, which is the fidelity of what is left when they
    are traced out; drawn, one outcome of each item, whose gradient lacks the term of the outcome's own probability."""
    label_dropout: float = 0.1
    """Share of the labels that are hidden from a conditional denoiser which can do without."""
    relative: float = 0.0
    """γ in [0, 1], with every_level: each level's infidelity counts I^-γ, I being what leaving the states as they are
    has there. 1: levels of little noise count as much as those of much; 0: each infidelity counts as it is."""

    def __post_init__(self) -> None:
        require(0 <= self.label_dropout <= 1, "label_dropout", self.label_dropout, "a share from 0 to 1")
        most = 1.0 if self.every_level else 0.0
        require(0 <= self.relative <= most, "relative", self.relative, "from 0 to 1, above 0 with every_level alone")

    def rounds(self, forward: HasTimesteps) -> int:
        """One."""
        return 1

    def build(self, forward: HasTimesteps, round: int) -> "InfidelityObjective":
        """The objective."""
        from qdiffusion.diffusion.infidelity import InfidelityObjective

        return InfidelityObjective(self.every_level, self.outcomes, self.label_dropout, self.relative)


@dataclass(frozen=True)
class UndoConfig:
    """Undo a circuit that all states share, on fresh states in every step: of the data only their size counts."""

    kind: Literal["undo"] = field(default="undo", kw_only=True)
    """Names this objective in a saved experiment."""
    cost: Literal["global", "local"] = "global"
    """global: the infidelity of Haar states; local: of products of one-qubit states, qubit by qubit, which has slopes
    where the other is flat: ⅔ of the local Hilbert-Schmidt test."""

    def __post_init__(self) -> None:
        require(self.cost in ("global", "local"), "cost", self.cost, "global or local")

    def rounds(self, forward: HasTimesteps) -> int:
        """One."""
        return 1

    def build(self, forward: HasTimesteps, round: int) -> "UndoObjective":
        """The objective."""
        from qdiffusion.diffusion.undo import UndoObjective

        return UndoObjective(self.cost)


@dataclass(frozen=True)
class ChainObjectiveConfig:
    """Circuits that turn states of each noise level into states of the level before, as sets: one after another, the
    noisiest level first, each on what those before it make of the prior; or all at once."""

    kind: Literal["chain"] = field(default="chain", kw_only=True)
    """Names this objective in a saved experiment."""
    loss: ChainLoss = "mmd"
    """Distance of a circuit's outputs from the data, one kick less noisy. mmd: the maximum mean discrepancy under the
    fidelity kernel, as published; mmd-unbiased: without the pairs of a state with itself; mmd-bitstrings: of what
    measuring all qubits in X, Y and Z gives; wasserstein: exact optimal transport at the cost of the infidelity;
    sinkhorn: the same, entropic and debiased. Of density matrices by the super-fidelity."""
    regularisation: float = 0.05
    """ε of sinkhorn, at least 0.01."""
    inputs: int | None = None
    """States that a circuit is trained on; None: as many as a batch has data. It learns to undo the
    chance of their mean, too, and the fewer they are, the further that leads other states astray."""
    pool: int | None = None
    """States that the circuits trained before lead to a circuit's level once, and of which each step of its training
    draws its inputs: it does not learn the chance of a few, and a step costs no more. None: always the same inputs."""
    order: Order = "greedy"
    """greedy: level by level; joint: all levels in turn, drawn by chance, each on noised data, as a circuit that all
    levels share has to learn."""
    outcomes: Outcomes = "exact"
    """Of circuits that are measured: exact, all of them with their probabilities; drawn, one of each state, whose
    gradient lacks the term of the outcome's own probability."""
    warm: bool = False
    """Whether each circuit begins with the angles of the one trained before it, which undoes a kick much like its own,
    rather than with random ones, as published."""

    def __post_init__(self) -> None:
        for name, kind in (("loss", ChainLoss), ("order", Order), ("outcomes", Outcomes)):
            known = get_args(kind)
            require(getattr(self, name) in known, name, getattr(self, name), f"one of {', '.join(known)}")
        require(0.01 <= self.regularisation < math.inf, "regularisation", self.regularisation, "at least 0.01")
        fits = self.inputs is None or 1 <= self.inputs <= MOST_INPUTS
        require(fits, "inputs", self.inputs, f"1 to {MOST_INPUTS:,}, or None")
        if self.pool is not None:
            require(self.order == "greedy", "pool", self.pool, "None where all levels learn at once")
            require(self.inputs is not None, "pool", self.pool, "None, or inputs be given, too")
            fits = (self.inputs or 0) <= self.pool <= MOST_INPUTS
            require(fits, "pool", self.pool, f"from inputs = {self.inputs:,} to {MOST_INPUTS:,}, or None")
        if self.loss == "mmd-unbiased":
            require(self.inputs != 1, "inputs", self.inputs, "at least 2 for an unbiased MMD")
        if self.order == "joint":
            require(self.inputs is None, "inputs", self.inputs, "None where all levels learn at once, from noised data")
            require(not self.warm, "warm", self.warm, "false where all levels learn at once")

    def rounds(self, forward: HasTimesteps) -> int:
        """T, one for each circuit, or one for all."""
        return forward.timesteps if self.order == "greedy" else 1

    def build(self, forward: HasTimesteps, round: int) -> "ChainObjective":
        """The objective of round 0, 1, …, which trains the step of level T-1, T-2, …; or all of them."""
        from qdiffusion.diffusion.chain import ChainObjective
        from qdiffusion.diffusion.set_distances import set_distance

        level = forward.timesteps - 1 - round if self.order == "greedy" else None
        distance = set_distance(self.loss, self.regularisation)
        return ChainObjective(forward.timesteps, level, self.inputs, distance, self.outcomes, self.warm, self.pool)


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
    renoise: bool = False
    """Noise what a denoiser says of the clean state to the level below, which the next step starts from; for forward
    processes whose prediction is clean."""
    guidance: float = 1.0
    """Weight g of the labels: 0 leaves them out, 1 is the denoiser as trained, more exaggerates what they say, beside
    no label or, of a denoiser that cannot do without, beside the mean of all classes."""

    def __post_init__(self) -> None:
        require(self.count >= 0, "count", self.count, "at least 0")
        require(0 <= self.guidance <= MOST_GUIDANCE, "guidance", self.guidance, f"a number from 0 to {MOST_GUIDANCE:g}")

    @property
    def name(self) -> str:
        """What its samples are called."""
        noise = ("-stochastic" if self.stochastic else "") + ("-renoised" if self.renoise else "")
        return "chain" + noise + ("" if self.guidance == 1 else f"-g{self.guidance:g}")

    @property
    def words(self) -> list[str]:
        """For people."""
        told = ["chain", *(["noise added in every step"] if self.stochastic else [])]
        told += ["clean states noised again"] if self.renoise else []
        return told if self.guidance == 1 else [*told, f"guidance {self.guidance:g}"]

    def build(self, system: "System") -> "ChainSampler":
        """The sampler, which keeps the phase of states with noise on their amplitudes.

        Raises:
            UsageError: diffusion sees neither states nor density matrices, `stochastic` knows no noise to add,
                `renoise` no clean states, or guidance for a denoiser that knows no classes, or one that measures
                and cannot do without.
        """
        from qdiffusion.diffusion.amplitudes import AmplitudeNoise
        from qdiffusion.diffusion.chain import ChainSampler
        from qdiffusion.diffusion.guidance import check_guidance
        from qdiffusion.diffusion.scrambling import Scrambling
        from qdiffusion.diffusion.system import MeasuredDenoiser

        system.codec.space.expect("states", "Sampling by a chain", "densities")
        noisy = isinstance(system.process, AmplitudeNoise)
        if self.stochastic and not noisy:
            raise UsageError(
                "A stochastic chain adds the noise of the forward process amplitudes, but was given a "
                f"{type(system.process).__name__}; leave stochastic out, or choose that process."
            )
        if self.guidance != 1:
            check_guidance(system.denoiser, f"guidance {self.guidance:g}")
            if not system.denoiser.null_label and isinstance(system.denoiser, MeasuredDenoiser):
                raise UsageError(
                    f"Guidance {self.guidance:g} compares what a denoiser says with and without labels, but a "
                    f"{type(system.denoiser).__name__} cannot do without, and measures; leave guidance out."
                )
        prediction = getattr(system.process, "prediction", None)
        if self.renoise and (prediction != "clean" or isinstance(system.process, Scrambling)):
            raise UsageError(
                "A chain that noises clean states again takes the forward processes amplitudes and depolarising with "
                f"the prediction clean, but was given a {type(system.process).__name__} with {prediction}; leave "
                "renoise out."
            )
        return ChainSampler(system.process.timesteps, self.stochastic, noisy, self.renoise, self.guidance)
