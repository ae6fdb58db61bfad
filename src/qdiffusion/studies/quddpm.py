"""QuDDPM (Zhang et al. 2024) and MSQuDDPM (Kwun et al. 2024): chains of circuits that make ensembles of states."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from qdiffusion.data.ensemble import EnsembleConfig
from qdiffusion.diffusion.depolarising_config import DepolarisingConfig
from qdiffusion.diffusion.state_config import ScramblingConfig
from qdiffusion.diffusion.state_objective_config import ChainObjectiveConfig
from qdiffusion.models.circuit_config import ChainConfig, MixedChainConfig
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.published import MSQUDDPM_TEXT, QUDDPM_TEXT
from qdiffusion.studies.spec import Claim, Column, Moment, Reference, StudySpec
from qdiffusion.studies.study import Cell, Study
from qdiffusion.training.experiment import Experiment
from qdiffusion.training.presets import get_preset

DIRECT, STILL, COLD = "-direct", "-still", "-cold"
MORE = 5
"""How many times more states some ensembles have than others, as published."""
ALLOWANCE = 1.25
"""Of the reported figures."""


@dataclass(frozen=True)
class _Task:
    """An ensemble, and what is reported of it."""

    label: str
    note: str
    aim: str
    """What its claim says."""
    score: str
    goal: float
    """At most, or at least where higher is better."""
    many: bool = False
    """Whether a step takes five times the study's states."""
    spare: int = 1
    """How many times more states there are than a step takes."""


_TASKS = {
    "cluster1": _Task(
        "Cluster of one qubit",
        "20 circuits, near |0⟩",
        "an MMD of 1.25 times the reported one",
        "mmd",
        ALLOWANCE * 0.0006,
    ),
    "cluster2": _Task(
        "Cluster of two qubits", "20 circuits, near |00⟩", "a fidelity of 0.93 with |00⟩", "fidelity-0", 0.93
    ),
    "circle": _Task(
        "Circle",
        "40 circuits, by transport",
        "1.25 times the reported distance",
        "wasserstein",
        ALLOWANCE * 0.0028,
        True,
        spare=4,
    ),
    "noise": _Task(
        "Correlated noise",
        "20 circuits, two qubits",
        "an MMD of 1.25 times the reported one",
        "mmd",
        ALLOWANCE * 0.0028,
        True,
    ),
    "tfim": _Task("Ising chain", "30 circuits, four spins", "a magnetisation of 0.86", "magnetisation", 0.86),
}
_MIXED = {
    "cluster": _Task(
        "Cluster of one qubit", "six circuits, near |0⟩", "a fidelity of 0.97 with |0⟩", "fidelity-0", 0.97
    ),
    "circle": _Task(
        "Circle",
        "six circuits, by transport",
        "the distance of Haar states, as its random ancillas are, or a smaller one",
        "wasserstein",
        (1 - math.pi / 4) / 2,
        True,
    ),
}
_END = (Moment(1, "all of the training"),)


def _references(tasks: dict[str, _Task], beside: dict[str, str], kinds: tuple[str, ...]) -> tuple[Reference, ...]:
    """Rows of each task, from the cells of its columns."""
    return tuple(
        Reference(f"{name.replace(' ', '-')}-{key}", f"{label}: {task.label}", name, columns)
        for key, task in tasks.items()
        for columns in [(key, *(key + kind for kind in kinds))]
        for name, label in beside.items()
    )


SPEC = StudySpec(
    name="quddpm",
    title="QuDDPM",
    columns=(
        *(Column(key, task.label, task.note) for key, task in _TASKS.items()),
        *(Column(key + COLD, f"{task.label}, cold", "each circuit from random angles") for key, task in _TASKS.items()),
        *(
            Column(key + DIRECT, f"{task.label}, direct", "one circuit of all their layers, measured once")
            for key, task in _TASKS.items()
        ),
    ),
    moments=_END,
    claims=(
        *(
            Claim(f"{task.label}: {task.aim} is reached.", (key,), (task.goal,), scores=(task.score,))
            for key, task in _TASKS.items()
        ),
        *(
            Claim(
                f"{task.label}: a chain does better than one circuit with as many angles.",
                (key,),
                (key + DIRECT,),
                scores=(task.score,),
            )
            for key, task in _TASKS.items()
        ),
        *(
            Claim(
                f"{task.label}: it helps to begin with the angles of the circuit trained before.",
                (key,),
                (key + COLD,),
                scores=("mmd", "wasserstein"),
                control=True,
            )
            for key, task in _TASKS.items()
        ),
        *(
            Claim(
                f"{task.label}: samples lie no further from held-out states than the training states do.",
                (key,),
                (f"floor-{key}",),
                scores=("mmd", "wasserstein"),
                margin=0.25,
                control=True,
            )
            for key, task in _TASKS.items()
        ),
    ),
    published=(QUDDPM_TEXT,),
    scores=("mmd", "wasserstein", "fidelity-0", "magnetisation"),
    last=("mmd-unbiased",),
    references=_references(_TASKS, {"floor": "Data", "data": "Held-out data", "Haar": "Haar states"}, (COLD, DIRECT)),
    reading=(
        "Each column is judged by the score that is reported of its task; the claims name it. MMD is biased, as "
        "published: N samples of the data themselves have 1/N of its spread. Data: the training states against the "
        "held-out ones.",
        "A chain's circuit begins with the angles of the one trained before; cold: with random ones, as published.",
        "Direct: one circuit with as many layers as all circuits of the chain, its ancillas measured once, trained for "
        "as many steps as one of them: as many gates go through.",
        "Each seed has other data, other angles and other chance.",
    ),
)
MIXED_SPEC = StudySpec(
    name="msquddpm",
    title="MSQuDDPM",
    columns=(
        *(Column(key, task.label, task.note) for key, task in _MIXED.items()),
        *(Column(key + STILL, f"{task.label}, nothing random", "all ancillas |0⟩") for key, task in _MIXED.items()),
        *(Column(key + DIRECT, f"{task.label}, direct", "one circuit of all layers") for key, task in _MIXED.items()),
    ),
    moments=_END,
    claims=(
        *(
            Claim(f"{task.label}: {task.aim} is reached.", (key,), (task.goal,), scores=(task.score,))
            for key, task in _MIXED.items()
        ),
        *(
            Claim(
                f"{task.label}: {words}.",
                (key,),
                (key + other,),
                scores=("wasserstein",),
                control=True,
            )
            for key, task in _MIXED.items()
            for other, words in (
                (STILL, "it takes a random ancilla"),
                (DIRECT, "a chain does better than one circuit with as many angles"),
            )
        ),
    ),
    published=(MSQUDDPM_TEXT,),
    scores=("fidelity-0", "wasserstein", "mmd", "purity"),
    last=("mmd-unbiased",),
    references=_references(
        _MIXED, {"floor": "Data", "data": "Held-out data", "mixed": "Maximally mixed"}, (STILL, DIRECT)
    ),
    reading=(
        "MMD and Wasserstein distance are by the super-fidelity, which is the fidelity where one state is pure.",
        "Without a random ancilla all samples are one state: the chain begins with the maximally mixed one.",
        "Each seed has other data, other angles and other chance.",
    ),
)


def _cell(tasks: dict[str, _Task], preset: str, study: StudySpec, column: str, seed: int, budget: Budget) -> Cell:
    """A column: the preset's task with the budget's states a step, five times as many where so published, each circuit
    trained for as many steps as go through so many states in the budget's epochs."""
    key = column.removesuffix(DIRECT).removesuffix(STILL).removesuffix(COLD)
    task, made = tasks[key], get_preset(f"{preset}-{key}").build()
    made = _VARIANTS[column.removeprefix(key)](made)
    more = MORE if task.many else 1
    size, batch = more * budget.train_size, more * budget.batch_size
    stage = replace(made.stages[0], steps=budget.epochs * (size // batch), batch_size=batch)
    assert isinstance(made.data, EnsembleConfig)
    rounds = stage.objective.rounds(made.forward)
    own = replace(
        budget, epochs=max(2, rounds * budget.epochs // task.spare), train_size=task.spare * size, batch_size=batch
    )
    experiment = replace(
        made,
        name=f"{study.name}-{column}",
        data=replace(made.data, count=own.train_size, test_count=own.samples, seed=seed),
        stages=(stage,),
        evaluation=replace(made.evaluation, count=own.samples),
        seed=seed,
        checkpoint_every=stage.steps,
        track=(),
    )
    return Cell(column, seed, own, experiment)


def _direct(experiment: Experiment) -> Experiment:
    """One circuit of all layers, from the prior to the data."""
    model, forward = experiment.model, experiment.forward
    assert isinstance(model, ChainConfig | MixedChainConfig)
    whole = replace(model, n_steps=1, n_layers=model.n_steps * model.n_layers)
    if isinstance(forward, ScramblingConfig):
        forward = replace(forward, timesteps=1, strength=forward.strength[:2])
    else:
        assert isinstance(forward, DepolarisingConfig)
        forward = replace(forward, timesteps=1)
    return replace(experiment, model=whole, forward=forward)


def _cold(experiment: Experiment) -> Experiment:
    """From random angles, each circuit."""
    (stage,) = experiment.stages
    assert isinstance(stage.objective, ChainObjectiveConfig)
    return replace(experiment, stages=(replace(stage, objective=replace(stage.objective, warm=False)),))


def _still(experiment: Experiment) -> Experiment:
    """Without a random ancilla."""
    assert isinstance(experiment.model, MixedChainConfig)
    return replace(experiment, model=replace(experiment.model, n_random=0))


_VARIANTS: dict[str, Callable[[Experiment], Experiment]] = {
    "": lambda each: each,
    COLD: _cold,
    STILL: _still,
    DIRECT: _direct,
}

QUDDPM = Study(SPEC, Budget(150, 100, 100, 1000, sampler=None, sampling_steps=None), partial(_cell, _TASKS, "quddpm"))
MSQUDDPM = Study(
    MIXED_SPEC, Budget(300, 100, 100, 1000, sampler=None, sampling_steps=None), partial(_cell, _MIXED, "msquddpm")
)
