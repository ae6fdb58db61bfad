"""What comes before the first step: everything that can be wrong is found out here, before any work is done."""

import json
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from qdiffusion.data import ItemSet
from qdiffusion.data.space import Space
from qdiffusion.diffusion.system import System
from qdiffusion.errors import RunError, UsageError, first_problem
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import digest
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.run import FORMAT
from qdiffusion.training.batches import Batches
from qdiffusion.training.building import FLIPS, ORDER, build_system, check_globs, check_takeover, choose_trained
from qdiffusion.training.environment import environment
from qdiffusion.training.experiment import Experiment, Leg, Stage, from_json, to_json
from qdiffusion.training.fit import check_steps_fit
from qdiffusion.training.log import check_trackers


def make_batches(experiment: Experiment, items: ItemSet, leg: Leg) -> Batches:
    """The batches of a leg.

    Raises:
        UsageError: there are fewer items than one batch takes, or they are to be flipped and are no images.
    """
    stage = experiment.stages[leg.index]
    if stage.flips:
        items.space.expect("images", "Flipping")
    # The first round of a stage takes its items in the order in which a stage of one round always took them.
    place = (leg.index, leg.round) if leg.round else (leg.index,)
    flips = (experiment.seed, FLIPS, *place) if stage.flips else None
    return Batches(items, stage.batch_size, (experiment.seed, ORDER, *place), flips)


def load_training_items(experiment: Experiment) -> ItemSet:
    """The training items, when all of the experiment fits them.

    Raises:
        UsageError: the parts of the experiment do not fit each other, the items or the memory.
        DataError: the items cannot be read.
    """
    check_trackers(experiment)
    items = experiment.data.load("train")
    sampled = {experiment.stage_at(step) for step in (*experiment.snapshots, experiment.total_steps)}
    scored: list[System] = []
    before: System | None = None
    for index, stage in enumerate(experiment.stages):
        check_steps_fit(experiment, items.space, index)
        if stage.carry:
            _check_carry(experiment.stages[index - 1], stage)
        system = build_system(experiment, items.space, index)
        _check_stage(experiment, items, index, system)
        if before is not None and stage.model is not None:
            check_takeover(system, before, stage.fresh, stage.name)
        before = system
        if index in sampled:
            experiment.sampling.build(system)
            scored.append(system)
    experiment.evaluation.check(experiment.data, items.space, experiment.evaluation.count, scored)
    _check_codec(experiment, system)
    return items


def _check_codec(experiment: Experiment, system: System) -> None:
    """Refuse a codec with weights that no stage trains."""
    names = [f"codec.{name}" for name, _ in system.codec.named_parameters()]
    globs = [glob for stage in experiment.stages for glob in stage.train]
    if names and not any(fnmatchcase(name, glob) for name in names for glob in globs):
        raise UsageError(
            f"The codec {experiment.codec.kind} has weights that no stage trains; let a stage before the others train "
            "codec.* with the objective reconstruct, as the preset latent-classical does."
        )


def _check_stage(experiment: Experiment, items: ItemSet, index: int, system: System) -> None:
    """Refuse a stage whose objectives, batches, globs or optimiser do not fit."""
    stage = experiment.stages[index]
    check_globs(stage.fresh, list(system.state_dict()), "fresh")
    for leg in experiment.legs:
        if leg.index != index:
            continue
        objective = stage.objective.build(experiment.forward_of(index), leg.round)
        objective.check(system)
        if stage.accumulation > 1 and not objective.splittable:
            raise UsageError(
                f"The loss of stage {stage.name} is no mean over its batch, so that it cannot be accumulated in "
                f"{stage.accumulation} parts; leave accumulation at 1."
            )
        make_batches(experiment, items, leg)
        choose_trained(system, stage.train, objective.trained)
        stage.optimiser.build(system)


def _check_carry(before: Stage, stage: Stage) -> None:
    """Refuse to give Adam what the natural gradient remembers of angles, or the other way round."""
    kinds = (before.optimiser.kind, stage.optimiser.kind)
    if "natural" in kinds and kinds[0] != kinds[1]:
        raise UsageError(
            f"Stage {stage.name} cannot carry over what {kinds[0]} remembers of angles to {kinds[1]}; give both stages "
            "the same optimiser, or leave carry out."
        )


def write_experiment(run: Run, experiment: Experiment, items: ItemSet) -> None:
    """Write experiment.json.

    Raises:
        RunError: the folder cannot be written.
    """
    write_json_atomic(
        run.experiment_path,
        {
            "format": FORMAT,
            "experiment": json.loads(to_json(experiment)),
            "steps": experiment.total_steps,
            "data": _facts(items),
            "environment": environment(),
        },
    )


class RunFacts(NamedTuple):
    """What experiment.json says: the experiment, and of the data their space, source and SHA-256."""

    experiment: Experiment
    space: Space
    source: str
    sha256: str


def read_experiment(run: Run) -> RunFacts:
    """The experiment of a run and the facts about its training items.

    Raises:
        RunError: experiment.json is damaged, or of an earlier version.
    """
    saved = run.read_experiment()
    data = saved["data"]
    try:
        return RunFacts(
            from_json(json.dumps(saved["experiment"])),
            TypeAdapter(Space).validate_json(json.dumps(data["space"]), strict=True, extra="forbid"),
            data["source"],
            data["sha256"],
        )
    except (UsageError, ValidationError) as error:
        reason = str(error) if isinstance(error, UsageError) else first_problem(error.errors())
        raise RunError(
            f"{run.experiment_path} is damaged: {reason.rstrip('.')}; restore it, or train again."
        ) from error


def check_same_items(items: ItemSet, facts: RunFacts) -> None:
    """Refuse to go on with other items than the run began with.

    Raises:
        RunError: these are others.
    """
    if _facts(items)["sha256"] != facts.sha256:
        raise RunError(
            f"The training items are not those the run began with: then {facts.source}, now {items.source}; "
            "put the old ones back, or train anew."
        )


def _facts(items: ItemSet) -> dict[str, Any]:
    return {
        "name": items.name,
        "source": items.source,
        "count": len(items),
        "space": asdict(items.space),
        "sha256": digest({"items": items.items}),
    }
