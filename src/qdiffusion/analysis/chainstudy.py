"""How far from the data a trained chain is, level by level, beside what noise makes of the data.

Levels are counted as QuDDPM counts them: t = 0 are states without noise, t = T those with all of it; a `noised` state
of level t is the process's at t - 1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qdiffusion.analysis.curves import shown_stage
from qdiffusion.diffusion.chain import labels_in_turn
from qdiffusion.diffusion.depolarising_config import DepolarisingConfig
from qdiffusion.diffusion.state_config import ScramblingConfig
from qdiffusion.diffusion.state_objective_config import ChainObjectiveConfig, ChainSamplingConfig
from qdiffusion.diffusion.system import System
from qdiffusion.errors import UsageError
from qdiffusion.models.circuit_config import MixedChainConfig
from qdiffusion.plots.states import Numbers, qubit_bloch_vectors
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.runs import Run
from qdiffusion.states import (
    derived,
    magnetisation,
    mixed_magnetisation,
    mixed_mmd,
    mixed_wasserstein,
    mmd,
    wasserstein,
)
from qdiffusion.states.haar import normalised
from qdiffusion.training.experiment import Experiment, Leg
from qdiffusion.training.loading import load_system
from qdiffusion.training.setup import read_experiment
from qdiffusion.training.stages import prepared

MOST_STATES = 500
"""Of each set: distances are found at every level, and exact transport of so many takes a tenth of a second."""
_FORWARD, _TRAINED, _FRESH = range(10, 13)
"""What the seed is derived for; ensembles derive theirs for 0 and 1, and noise must not share the data's chance."""


@dataclass(frozen=True)
class Moment:
    """N states or density matrices of n qubits at one level."""

    mmd: float
    """Biased, from N held-out data."""
    wasserstein: float
    """Likewise."""
    bloch: Numbers
    """Bloch vectors of all qubits, (N, n, 3)."""
    magnetisation: Numbers
    """(N,)."""


Walk = tuple[Moment, ...]
"""A set at the levels 0 … T."""


@dataclass(frozen=True)
class ChainStudy:
    """A chain's states and the data's, sets of one size throughout: distances of finite sets depend on it."""

    experiment: Experiment
    sources: tuple[str, str]
    """Where training and held-out data come from, in words."""
    seed: int
    origin: dict[str, Any]
    """Of the chain's weights: see `training.loading.load_system`."""
    data: Moment
    """Held-out data, which all others are compared with."""
    forward: Walk
    """Training data, noised."""
    trained: Walk
    """What each circuit makes of the states that it was trained on, and at level T those of the first: each had states
    of the prior of its own, which the circuits before it led to its level."""
    fresh: Walk
    """Other states of the prior, led from level T to 0: samples."""

    @property
    def n_states(self) -> int:
        """N, of each set."""
        return len(self.data.bloch)

    @property
    def n_qubits(self) -> int:
        """n, of each state."""
        return self.data.bloch.shape[1]

    @property
    def mixed(self) -> bool:
        """Whether the chain is one of density matrices."""
        return isinstance(self.experiment.model, MixedChainConfig)

    @property
    def prior(self) -> str:
        """What the chain begins with, in words."""
        return "maximally mixed states" if self.mixed else "Haar states"

    @property
    def left_out(self) -> tuple[str, ...]:
        """Sentences: what cannot be shown of this run, and why."""
        found = []
        if self.n_qubits == 1:
            found.append("magnetisation.png is left out: the magnetisation of a single qubit is always 1.")
        done, steps = self.origin["step"], self.experiment.total_steps
        if done < steps:
            found.append(
                f"Some circuits of the chain are not trained yet: the weights are of step {done:,} of {steps:,}."
            )
        return tuple(found)


@torch.no_grad()
def study_chain(run: Run, seed: int = 0, snapshot: int | None = None, progress: Progress | None = None) -> ChainStudy:
    """Look at a run that trains a chain on states which are scrambled each by a circuit of its own, or depolarised.

    Args:
        run: a run, finished or not.
        seed: of the noise on the data, of fresh states of the prior, and of all outcomes.
        snapshot: take the weights of this step rather than the last.
        progress: where to report.

    Raises:
        UsageError: another forward process, objective or way of sampling, a negative seed, or a snapshot that there is
            not.
        RunError: the run has no weights yet, or is damaged.
    """
    experiment = read_experiment(run).experiment
    index = shown_stage(experiment, snapshot)
    objective, sampling = _chain_of(run, experiment, index)
    if seed < 0:
        raise UsageError(f"The seed is {seed}; give a whole number of at least 0.")
    system, origin = load_system(run, snapshot)
    train, test = (experiment.data.load(split) for split in ("train", "test"))
    n = min(MOST_STATES, objective.inputs or experiment.stages[index].batch_size, len(train), len(test))
    items, held_out = (each.items.to(next(system.denoiser.parameters()).device) for each in (train, test))
    x0, data = system.codec.encode(items[:n]), system.codec.encode(held_out[:n])
    legs = [leg for leg in experiment.legs if leg.index == index]
    labels = labels_in_turn(n, system.denoiser.n_classes, x0.device)
    walks = {
        "noising": noised_sets(system, x0, seed),
        "training inputs": trained_sets(system, experiment, legs, items, n, derived(seed, _TRAINED)),
        "sampling": sampling.build(system).path(system, n, derived(seed, _FRESH), labels),
    }
    progress = progress or SilentProgress()
    forward, trained, fresh = (_walk(name, sets, data, len(legs) + 1, progress) for name, sets in walks.items())
    own = moment(data, data)
    return ChainStudy(experiment, (train.source, test.source), seed, origin, own, forward, trained[::-1], fresh[::-1])


def moment(states: Tensor, data: Tensor) -> Moment:
    """What is kept of states (N, 2^n) beside data (M, 2^n), or of density matrices (N, 2^n, 2^n) and (M, 2^n, 2^n)."""
    states, data = (each.cpu().to(torch.complex128) for each in (states, data))
    if states.ndim == 3:
        return Moment(
            mixed_mmd(states, data).item(),
            mixed_wasserstein(states, data).item(),
            qubit_bloch_vectors(states),
            mixed_magnetisation(states).numpy(),
        )
    states, data = normalised(states), normalised(data)
    return Moment(
        mmd(states, data).item(),
        wasserstein(states, data).item(),
        qubit_bloch_vectors(states),
        magnetisation(states).numpy(),
    )


def noised_sets(system: System, x0: Tensor, seed: int) -> Iterator[Tensor]:
    """x₀ (N, …) at the levels 0 … T, each state on its own way."""
    for level in range(system.process.timesteps + 1):
        t = torch.full((len(x0),), level - 1, device=x0.device)
        yield system.process.noised(x0, t, derived(seed, _FORWARD)).x


def trained_sets(
    system: System, experiment: Experiment, legs: Iterable[Leg], items: Tensor, n: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """What the first n states that each circuit was trained on become at the levels T … 0, (n, …).

    legs: those that train the circuits, the noisiest level's first; items: all training items.
    """
    t = system.process.timesteps
    for leg in legs:
        made = {name: each[:n] for name, each in prepared(experiment, leg, system, items).items()}
        inputs = made["inputs"]
        if t == system.process.timesteps:
            yield inputs
        t -= 1
        yield system.denoiser(inputs, t, made.get("labels"), return_dict=False, generator=generator)[0]


def _walk(name: str, sets: Iterable[Tensor], data: Tensor, n_levels: int, progress: Progress) -> Walk:
    found: list[Moment] = []
    with progress.task(name, n_levels) as task:
        for states in sets:
            found.append(moment(states, data))
            task.update(len(found))
    return tuple(found)


def _chain_of(run: Run, experiment: Experiment, index: int) -> tuple[ChainObjectiveConfig, ChainSamplingConfig]:
    forward, objective, sampling = experiment.forward_of(index), experiment.stages[index].objective, experiment.sampling
    if (
        isinstance(forward, ScramblingConfig | DepolarisingConfig)
        and isinstance(objective, ChainObjectiveConfig)
        and objective.order == "greedy"
        and isinstance(sampling, ChainSamplingConfig)
    ):
        return objective, sampling
    order = f" (order {objective.order})" if isinstance(objective, ChainObjectiveConfig) else ""
    raise UsageError(
        f"{run.path} has the forward process {forward.kind}, the objective {objective.kind}{order} and the sampling "
        f"{sampling.kind}, but what is shown is how a chain that is trained level by level makes states of noise; "
        "give a run such as those of the presets quddpm-cluster1 and msquddpm-cluster."
    )
