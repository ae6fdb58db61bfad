"""A study carried out: no cell twice, stopped cells gone on with, transfers branched off, budgets kept apart."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qdiffusion.errors import RunError, TrainingError, UsageError
from qdiffusion.metrics import ImagesEvaluationConfig
from qdiffusion.progress import SilentProgress
from qdiffusion.runs.files import remove
from qdiffusion.studies import reproduce
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.catalog import STUDIES, get_study
from qdiffusion.studies.page import write_tables
from qdiffusion.studies.records import CellRecord, read_record, write_record
from qdiffusion.studies.reproduce import Reproduction
from qdiffusion.studies.spec import StudySpec
from qdiffusion.studies.study import Cell, Study
from qdiffusion.training import Interrupted, Stage
from studies_toys import spec
from training_interruptions import signal_at
from training_tiny import QVUNET, UNET, tiny, write_images

OF_MANY_TASKS = {"cacioppo", "research-log", "quddpm", "msquddpm"}
"""Studies that compare processes or ensembles, too."""

BUDGET = Budget(epochs=2, train_size=32, batch_size=8, samples=100, sampler="ddim", sampling_steps=2)


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Reproduction]:
    """Three columns of 8 steps; the last takes over half of the first's."""
    data = write_images(tmp_path / "images.npz")

    def cell(study: StudySpec, column: str, seed: int, budget: Budget) -> Cell:
        evaluation = ImagesEvaluationConfig(count=budget.samples, features="mnist-cnn")
        sampling = replace(tiny(data).sampling, count=0, steps=budget.sampling_steps)
        base = tiny(data, name=column, seed=seed, evaluation=evaluation, sampling=sampling, track=())
        first = replace(base.stages[0], steps=8)
        if column == "late":
            stages = (replace(first, steps=4), replace(first, name="late", steps=4, model=QVUNET))
            return Cell(column, seed, budget, replace(base, stages=stages), branches_at=4)
        model, branches = (UNET, (4,)) if column == "classical" else (QVUNET, ())
        return Cell(
            column, seed, budget, replace(base, model=model, stages=(first,), branches=branches, snapshots=(4,))
        )

    def make(
        out: str = "out", columns: tuple[str, ...] = ("classical", "hybrid", "late"), **changes: object
    ) -> Reproduction:
        study = Study(spec(columns=("classical", "hybrid", "late")), BUDGET, cell)
        chosen = {"study": study, "budget": BUDGET, "columns": columns, "seeds": (0,), **changes}
        return Reproduction(out=tmp_path / out, **chosen)

    return make


def records(reproduction: Reproduction) -> dict[str, CellRecord]:
    found = (read_record(reproduction.record_path(cell)) for cell in reproduction.cells)
    return {f"{record.column}-{record.seed}": record for record in found}


def timeless(record: CellRecord) -> CellRecord:
    return replace(record, training_seconds=0, sampling_seconds=0, environment={})


def test_a_study_trains_its_cells_and_writes_its_page(toy: Callable[..., Reproduction]) -> None:
    study = toy()
    study.carry_out(SilentProgress())
    made = records(study)
    assert [(mark.epoch, mark.step) for mark in made["classical-0"].marks] == [(1, 4), (2, 8)]
    assert [(mark.epoch, mark.step) for mark in made["late-0"].marks] == [(2, 8)]
    assert {name.rpartition("-mnist")[0] for name in made["hybrid-0"].marks[0].scores} >= {
        "fid",
        "kid",
        "is",
        "balance",
    }
    assert made["late-0"].parameters == made["hybrid-0"].parameters != made["classical-0"].parameters
    page = write_tables(study.out, study.study).read_text()
    assert "3 of 3 cells are done" in page
    assert {path.name for path in (study.out / "cells").iterdir()} == {
        f"{column}-seed0.{kind}" for column in ("classical", "hybrid", "late") for kind in ("json", "png")
    }


def test_what_is_done_is_not_done_again(toy: Callable[..., Reproduction], monkeypatch: pytest.MonkeyPatch) -> None:
    toy(columns=("classical",)).carry_out(SilentProgress())
    remove(toy().out / "runs")
    trained: list[str] = []
    train = reproduce.train

    def noted(experiment: object, *rest: object, **named: object) -> object:
        trained.append(experiment.name)
        return train(experiment, *rest, **named)

    monkeypatch.setattr(reproduce, "train", noted)
    study = toy()
    study.carry_out(SilentProgress())
    assert trained == ["hybrid", "late"]  # without the classical run, the transfer is trained from its start
    study.carry_out(SilentProgress())
    assert len(trained) == 2


def test_a_transfer_is_the_same_branched_off_or_from_its_start(toy: Callable[..., Reproduction]) -> None:
    branched, whole = toy("branched"), toy("whole")
    branched.carry_out(SilentProgress())
    replace(whole, columns=("classical",)).carry_out(SilentProgress())
    remove(whole.out / "runs")
    whole.carry_out(SilentProgress())
    assert timeless(records(branched)["late-0"]) == timeless(records(whole)["late-0"])


def test_a_stopped_study_goes_on_where_it_was(toy: Callable[..., Reproduction]) -> None:
    whole, stopped = toy("whole", columns=("hybrid",)), toy("stopped", columns=("hybrid",))
    whole.carry_out(SilentProgress())
    with pytest.raises(Interrupted):
        stopped.carry_out(signal_at(5, signal.SIGTERM))
    assert not (stopped.out / "cells").exists()
    stopped.carry_out(SilentProgress())
    assert timeless(records(stopped)["hybrid-0"]) == timeless(records(whole)["hybrid-0"])


def test_a_column_that_branches_off_brings_the_classical_one(toy: Callable[..., Reproduction]) -> None:
    assert [cell.column for cell in toy(columns=("late",)).cells] == ["classical", "late"]
    assert [cell.column for cell in toy(columns=("hybrid",)).cells] == ["hybrid"]


def test_cells_of_another_budget_are_not_mixed_in(toy: Callable[..., Reproduction]) -> None:
    toy(columns=("classical",)).carry_out(SilentProgress())
    with pytest.raises(
        UsageError, match=r"another budget \(sampling_steps 2 instead of 1\); give that budget, or anot"
    ):
        toy(budget=replace(BUDGET, sampling_steps=1)).carry_out(SilentProgress())


def test_cells_of_another_study_are_not_taken_for_ones_own(toy: Callable[..., Reproduction]) -> None:
    study = toy(columns=("classical",))
    study.carry_out(SilentProgress())
    path = study.record_path(study.cells[0])
    write_record(path, replace(read_record(path), study="other"))
    with pytest.raises(UsageError, match="belongs to the study other; give another --out for toy"):
        study.carry_out(SilentProgress())


def test_a_run_of_another_training_is_left_alone(toy: Callable[..., Reproduction]) -> None:
    study = toy(columns=("classical",))
    study.carry_out(SilentProgress())
    study.record_path(study.cells[0]).unlink()
    path = study.run_path(study.cells[0]) / "experiment.json"
    saved = json.loads(path.read_text())
    saved["experiment"]["seed"] = 9
    path.write_text(json.dumps(saved))
    with pytest.raises(RunError, match="holds another training than this study's"):
        study.carry_out(SilentProgress())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"columns": ("1hq",)}, "no column '1hq'; it has classical, hybrid, late"), ({"seeds": ()}, "seeds is")],
)
def test_columns_and_seeds_that_there_are_none_of(toy, changes: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        toy(**changes)


@pytest.mark.parametrize("name", sorted({*STUDIES} - OF_MANY_TASKS))
def test_paired_seeds_share_all_but_the_net(name: str) -> None:
    """Data, noise, order and sampling are those of the seed: experiments differ in name, nets and stages alone."""
    study = get_study(name)
    for budget in (study.budget, replace(study.budget, epochs=6, train_size=5000)):
        unguided = [key for key in study.spec.keys if not key.startswith("guided")]  # others are sampled another way
        every = [study.cell(study.spec, key, 3, budget) for key in unguided]
        cells = [cell for cell in every if cell.budget == budget]  # others are trained on other images
        assert len(cells) >= len(every) - 1
        free = {"name": "", "model": UNET, "stages": (Stage(),), "snapshots": (), "branches": ()}
        assert len({replace(cell.experiment, **free) for cell in cells}) == 1
        for cell in cells:
            stages = cell.experiment.stages
            assert len({(stage.batch_size, stage.optimiser, stage.objective, stage.ema) for stage in stages}) == 1
            if cell.branches_at is not None:
                assert cell.branches_at in cells[0].experiment.branches
                assert stages[0].steps == cell.branches_at


@pytest.mark.parametrize(("name", "after"), [("de-falco-mnist", 1), ("de-falco-fashion", 2), ("capece", 5)])
def test_transfers_take_the_papers_share(name: str, after: int) -> None:
    """19 + 1 epochs on MNIST, 18 + 2 on Fashion-MNIST, 20 + 5 where circuits alone are tuned."""
    study = get_study(name)
    column = "finetune-hq" if name == "capece" else "transfer-1fq"
    stages = study.cell(study.spec, column, 0, study.budget).experiment.stages
    epoch = study.budget.steps_per_epoch
    assert stages[1].steps == after * epoch
    assert stages[0].steps == (20 if name == "capece" else 20 - after) * epoch


def test_a_cell_that_diverges_leaves_the_others_to_be_made(
    toy: Callable[..., Reproduction], monkeypatch: pytest.MonkeyPatch
) -> None:
    train = reproduce.train

    def diverging(experiment: object, *rest: object, **named: object) -> object:
        if experiment.name == "classical":
            raise TrainingError("The loss became infinite at step 3.")
        return train(experiment, *rest, **named)

    monkeypatch.setattr(reproduce, "train", diverging)
    study, told = toy(), []
    with pytest.raises(TrainingError, match=r"classical-seed0 and what rests on it was given up: .* step 3"):
        study.carry_out(SilentProgress(), on_cell=lambda: told.append(study.is_done(study.cells[1])))
    assert [study.is_done(cell) for cell in study.cells] == [False, True, False]
    assert told == [True]


def test_an_unknown_study_is_told_from_the_known() -> None:
    with pytest.raises(UsageError, match="no study 'mnist'; there are de-falco-mnist, de-falco-fashion, capece"):
        get_study("mnist")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 1}, "epochs is 1"),
        ({"train_size": 7}, "train_size is 7"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"samples": 0}, "samples is 0, but must be at least 100"),
    ],
)
def test_a_budget_holds_a_batch_and_two_epochs(changes: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(BUDGET, **changes)
