"""The study of QAMP: what its columns share, what it claims, and a cell made of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qdiffusion.models.amplitude_config import QAMPConfig
from qdiffusion.progress import SilentProgress
from qdiffusion.studies.catalog import get_study
from qdiffusion.studies.cells import FOLDER
from qdiffusion.studies.page import write_tables
from qdiffusion.studies.records import read_record
from qdiffusion.studies.reproduce import Reproduction
from qdiffusion.studies.study import Cell
from qdiffusion.training import describe
from qdiffusion.training.presets import get_preset

STUDY = get_study("qamp")


def cell_of(column: str) -> Cell:
    return STUDY.cell(STUDY.spec, column, 3, STUDY.budget)


def parameters(column: str) -> int:
    return describe(cell_of(column).experiment)[-1].parameters.total


@pytest.mark.parametrize(("column", "twin"), [("ten", "twin"), *((f"wires-{n}", f"twin-{n}") for n in (2, 6, 8))])
def test_a_twin_has_as_many_parameters_as_its_circuits(column: str, twin: str) -> None:
    assert parameters(column) == parameters(twin)


def test_the_released_column_is_the_presets_network_and_training() -> None:
    assert parameters("released") == 861_104
    ours, theirs = cell_of("released").experiment, get_preset("qamp-released").build()
    assert (ours.model, ours.forward, ours.codec) == (theirs.model, theirs.forward, theirs.codec)
    stage = theirs.stages[0]
    every = 10 * cell_of("released").budget.steps_per_epoch
    optimiser = replace(stage.optimiser, rate=replace(stage.optimiser.rate, every=every))
    assert ours.stages == (replace(stage, steps=10 * every, optimiser=optimiser),)


def test_every_column_but_the_first_takes_one_thing_away() -> None:
    """Columns named after one field of the configuration differ from the paper's in it alone, twins in two."""
    changed = {key: cell_of(key).experiment.model for key in STUDY.spec.keys if not key.startswith("guided")}
    differing = {
        key: sum(getattr(model, name) != getattr(QAMPConfig(), name) for name in QAMPConfig.__dataclass_fields__)
        for key, model in changed.items()
    }
    assert len({*map(repr, changed.values())}) == len(changed) - 1  # zeros and ones are the paper's model again
    twice = {"both-off", "threshold-start", "twin-2", "twin-6", "twin-8"}
    assert differing == {key: 0 if key in ("ten", "binary") else 1 + (key in twice) for key in changed}


def test_guided_columns_are_trained_as_one_that_is_not() -> None:
    plain, guided, twin = (cell_of(key).experiment for key in ("threshold-start", "guided", "guided-twin"))
    assert guided.sampling.guidance == get_preset("qamp-ten").build().sampling.guidance != plain.sampling.guidance
    assert replace(guided, sampling=plain.sampling, name=plain.name) == plain
    assert replace(twin, model=replace(twin.model, control="none"), name=guided.name) == guided


def test_zeros_and_ones_are_a_fifth_of_the_images() -> None:
    ten, two = cell_of("ten"), cell_of("binary")
    assert two.experiment.data == replace(ten.experiment.data, classes=(0, 1), count=ten.experiment.data.count // 5)
    assert two.experiment.stages[0].steps == STUDY.budget.epochs * two.budget.steps_per_epoch
    assert two.budget == replace(STUDY.budget, train_size=two.experiment.data.count)


def test_a_cell_is_scored_beside_what_is_free_and_leaves_its_pictures(tmp_path: Path) -> None:
    budget = STUDY.quick.changed("qamp", train_size=320)
    made = Reproduction(STUDY, budget, tmp_path, ("both-off", "binary"), (0,))
    made.carry_out(SilentProgress())
    off, two = (read_record(made.record_path(cell)) for cell in made.cells)
    assert [mark.epoch for mark in off.marks] == [mark.epoch for mark in two.marks] == [1, 2]
    assert (off.conditions["train_size"], two.conditions["train_size"]) == (320, 64)
    last = off.marks[-1].scores
    assert {"infidelity", *(f"infidelity-t{t}" for t in range(10))} <= last.keys()
    assert last["infidelity"].beside["mix"] <= last["infidelity"].beside["identity"]
    assert {name.partition("-")[0] for name in last} >= {"fid", "confident", "agreement"}
    assert all(made.is_done(cell) for cell in made.cells)
    page = write_tables(tmp_path, STUDY).read_text()
    assert "Best mix with the mean" in page
    assert "Forward process" in page
    with Image.open(tmp_path / FOLDER / "both-off-seed0-forward.png") as picture:
        assert picture.width > 2 * picture.height > 0
        assert np.asarray(picture).std() > 0
    saved = json.loads((tmp_path / FOLDER / "binary-seed0.json").read_text())
    assert "classes 0, 1" in saved["conditions"]["data"]
