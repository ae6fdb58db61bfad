"""What each column of a study trains: from its key, a seed and a budget to an experiment."""

from dataclasses import replace

from qdiffusion.diffusion.config import SchedulerConfig
from qdiffusion.metrics.config import ImagesEvaluationConfig
from qdiffusion.models.config import QVUNetConfig
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.spec import StudySpec
from qdiffusion.studies.study import Cell, images, moments
from qdiffusion.training.experiment import Experiment, Model, Stage
from qdiffusion.training.presets import capece, de_falco

CLASSICAL = "classical"
"""The column that others branch off from."""
TRANSFERRED = {"mnist": 1 / 20, "fashion-mnist": 2 / 20}
"""Share of the training that comes after a transfer, De Falco et al. 2024, section 4.4."""
TUNED = 5 / 20
"""Epochs that circuits alone are trained for, in epochs of the net before, Capece 2025, section 4.3."""

FALCO_MODELS: dict[str, Model] = {
    key: de_falco.MODELS[preset][1]
    for key, preset in {
        CLASSICAL: "unet-classical",
        "1hq": "qvunet-1hq",
        "1fq": "qvunet-1fq",
        "7hq": "qvunet-7hq",
        "7fq": "qvunet-7fq",
        "full-hq": "qvunet-full-hq",
        "full-fq": "qvunet-full-fq",
        "quanv-hq": "quanvunet-hq",
        "quanv-fq": "quanvunet-fq",
    }.items()
} | {"twin-1hq": QVUNetConfig(control="twin")}
FALCO_TRANSFERS = {"transfer-1fq": FALCO_MODELS["1fq"], "transfer-classical": FALCO_MODELS[CLASSICAL]}
CAPECE_MODELS = {
    CLASSICAL: capece.SCRATCH["capece-classical"][1],
    "hq": capece.SCRATCH["capece-hq"][1],
    "fq": capece.SCRATCH["capece-fq"][1],
}
_TUNED_HQ = capece.FINETUNED["capece-finetune-hq"][1]
CAPECE_TUNED = {
    "finetune-hq": _TUNED_HQ,
    "finetune-fq": capece.FINETUNED["capece-finetune-fq"][1],
    "finetune-twin": replace(_TUNED_HQ, control="twin"),
}


def de_falco_cell(data: str, study: StudySpec, column: str, seed: int, budget: Budget) -> Cell:
    """A column of De Falco et al. 2024 on "mnist" or "fashion-mnist"."""
    total = budget.steps_at(1)
    last = budget.steps_at(TRANSFERRED[data])
    first = Stage("train", total, budget.batch_size, optimiser=de_falco.IN_TURNS)
    base = _base(data, study, column, seed, budget)
    if column in FALCO_TRANSFERS:
        model = FALCO_TRANSFERS[column]
        begun = replace(first, name=CLASSICAL, steps=total - last)
        ended = replace(first, name="transfer", steps=last, model=model, fresh=de_falco.VERTEX)
        return Cell(column, seed, budget, replace(base, stages=(begun, ended)), total - last)
    branches = (total - last,) if column == CLASSICAL else ()
    whole = replace(base, model=FALCO_MODELS[column], stages=(first,), branches=branches)
    return Cell(column, seed, budget, replace(whole, snapshots=moments(study, budget)))


def capece_cell(data: str, study: StudySpec, column: str, seed: int, budget: Budget) -> Cell:
    """A column of Capece 2025."""
    total = budget.steps_at(1)
    first = capece.stage("train", total, budget.batch_size)
    base = replace(_base(data, study, column, seed, budget), forward=capece.LINEAR)
    if column in CAPECE_TUNED:
        tuned = replace(first, name="circuits", steps=budget.steps_at(TUNED), train=capece.CIRCUIT)
        stages = (replace(first, name=CLASSICAL), replace(tuned, model=CAPECE_TUNED[column]))
        return Cell(column, seed, budget, replace(base, model=CAPECE_MODELS[CLASSICAL], stages=stages), total)
    branches = (total,) if column == CLASSICAL else ()
    whole = replace(base, model=CAPECE_MODELS[column], stages=(first,), branches=branches)
    return Cell(column, seed, budget, replace(whole, snapshots=moments(study, budget)))


def _base(data: str, study: StudySpec, column: str, seed: int, budget: Budget) -> Experiment:
    """What all columns have in common."""
    assert budget.sampler is not None  # no budget of a study with a scheduler can be without: `Budget.changed`
    assert budget.sampling_steps is not None
    return Experiment(
        name=f"{study.name}-{column}",
        data=images(data, budget),
        sampling=SchedulerConfig(budget.sampler, budget.sampling_steps, count=0),
        evaluation=ImagesEvaluationConfig(count=budget.samples),
        seed=seed,
        checkpoint_every=budget.steps_per_epoch,
        track=(),
    )
