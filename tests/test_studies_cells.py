"""Reading a study's folder: what belongs to it, what does not, and which mark is which moment's."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from qdiffusion.errors import RunError
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.cells import FOLDER, Cells, read_cells
from qdiffusion.studies.records import read_record
from qdiffusion.studies.spec import Moment
from studies_toys import cell, mark, spec, write_cells


def test_records_are_read_back_in_the_order_of_columns_and_seeds(tmp_path: Path):
    records = [cell("twin", 0), cell("hybrid", 10), cell("hybrid", 2), cell("plain", 1)]
    write_cells(tmp_path, records, grids=False)
    assert read_cells(tmp_path, spec()).records == tuple(records[::-1])


def test_seeds_are_those_asked_for_or_those_found(tmp_path: Path):
    write_cells(tmp_path, [cell("plain", 0), cell("plain", 3)], grids=False)
    assert read_cells(tmp_path, spec()).progress == "2 of 6 cells are done (3 columns × 2 seeds)."
    asked = read_cells(tmp_path, spec(), seeds=(3,))
    assert asked.progress == "1 of 3 cells are done (3 columns × 1 seed)."
    assert [record.seed for record in asked.records] == [3]
    assert "seed 0 was not asked for" in asked.ignored[0]


def test_what_is_no_cell_of_the_study_is_left_out_with_a_sentence(tmp_path: Path):
    write_cells(tmp_path, [cell("plain", 0), cell("other", 0), cell("hybrid", 0, study="another")], grids=False)
    folder = tmp_path / FOLDER
    shutil.copy(folder / "plain-seed0.json", folder / "copy.json")
    found = read_cells(tmp_path, spec())
    assert found.records == (cell("plain", 0),)
    told = " ".join(found.ignored)
    assert len(found.ignored) == 3
    assert all(word in told for word in ("no column other", "study another", "plain-seed0 under another name"))


@pytest.mark.parametrize("content", ["{", "[]", '{"study": "toy"}', ""])
def test_a_damaged_file_is_named(tmp_path: Path, content: str):
    write_cells(tmp_path, [cell("plain", 0)], grids=False)
    path = tmp_path / FOLDER / "hybrid-seed0.json"
    path.write_text(content)
    with pytest.raises(RunError, match=r"hybrid-seed0\.json is no record"):
        read_cells(tmp_path, spec())


@pytest.mark.parametrize(
    ("sound", "broken"), [('"value": 40.0', '"value": NaN'), ('"better": "lower"', '"better": "up"')]
)
def test_a_score_that_cannot_be_compared_is_no_record(tmp_path: Path, sound: str, broken: str):
    write_cells(tmp_path, [cell("plain", 0)], grids=False)
    path = tmp_path / FOLDER / "plain-seed0.json"
    text = path.read_text()
    assert read_record(path) == cell("plain", 0)
    assert sound in text
    path.write_text(text.replace(sound, broken))
    with pytest.raises(RunError, match="no record"):
        read_record(path)


def test_a_record_without_marks_is_none(tmp_path: Path):
    write_cells(tmp_path, [cell("plain", 0, marks=())], grids=False)
    with pytest.raises(RunError, match="at marks"):
        read_cells(tmp_path, spec())


def test_a_folder_without_cells_is_refused(tmp_path: Path):
    with pytest.raises(RunError, match="no finished cell of toy"):
        read_cells(tmp_path, spec())


def test_one_feature_network_for_all(tmp_path: Path):
    other = cell("hybrid", 0, marks=(mark(20, 100, 40.0, network="other-cnn"),))
    for records, names in (
        ([cell("plain", 0), other], "other-cnn, toy-cnn"),
        ([cell("plain", 0), cell("twin", 1)], ""),
    ):
        found = Cells(spec(), tuple(records), (0, 1))
        if names:
            with pytest.raises(RunError, match=names):
                _ = found.network
        else:
            assert found.network == "toy-cnn"


def test_a_mark_between_two_moments_is_the_nearer_ones():
    study = replace(spec(), moments=(Moment(0.9, "nearly"), Moment(1, "all")))
    record = cell("plain", 0, marks=(mark(17.5, 90, 41.0), mark(20, 100, 40.0)))
    found = Cells(study, (record,), (0,))
    assert [found.mark(record, moment).epoch for moment in (0, 1)] == [17.5, 20]
    alone = replace(record, marks=record.marks[1:])
    assert found.mark(alone, 0) is None


@pytest.mark.parametrize(
    ("epochs", "title"),
    [((10, 20), "half, epoch 10"), ((3, 6), "half, epoch 3"), ((2, 3), "epoch 2 of 3"), ((20,), "half")],
)
def test_a_moment_is_called_half_where_it_is_half(epochs, title):
    study = replace(spec(), moments=(Moment(0.5, "half"), Moment(1, "all")))
    record = cell("plain", 0, marks=tuple(mark(epoch, int(10 * epoch), 40.0) for epoch in epochs))
    assert Cells(study, (record,), (0,)).moment_title(0) == title


def test_a_moment_is_titled_by_the_columns_concerned():
    plain, twin = cell("plain", 0), cell("twin", 0, marks=(mark(2, 20, 40.0), mark(3, 30, 40.0)))
    found = Cells(replace(spec(), moments=(Moment(0.5, "half"), Moment(1, "all"))), (plain, twin), (0,))
    assert found.moment_title(0, {"plain", 0.5}) == "half, epoch 10"
    assert found.moment_title(0, {"twin"}) == "epoch 2 of 3"
    assert found.moment_title(0) == "half or near it, epoch 2–10 of 3–20"


@pytest.mark.parametrize("epochs", range(2, 31))
def test_a_moment_rounded_to_whole_epochs_is_found(epochs: int):
    """What a budget scores, however short, is where the table looks; an epoch of two moments is the nearer one's."""
    study = replace(spec(), moments=(Moment(1 / 20, "begin"), Moment(1 / 2, "half"), Moment(1, "all")))
    budget = Budget(epochs=epochs)
    scored = [budget.steps_at(moment.share) for moment in study.moments]
    marks = tuple(mark(step / budget.steps_per_epoch, step, 40.0) for step in sorted(set(scored)))
    record = cell("plain", 0, marks=marks)
    found = [Cells(study, (record,), (0,)).mark(record, moment) for moment in range(3)]
    expected = [None, *scored[1:]] if epochs == 2 else scored
    assert [each and each.step for each in found] == expected


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ((1, 10, 20), (10, 20)),
        ((9.9, 10.2, 20), (9.9, 20)),  # the nearest
        ((20,), (None, 20)),
        ((19, 20), (None, 20)),  # a mark near the end is not the end
        ((5, 20), (None, 20)),
        ((0.5, 1), (0.5, 1)),  # a shorter training has the same moments
        ((15, 20), (None, 20)),
    ],
)
def test_a_moment_has_the_mark_nearest_to_its_share(epochs, expected):
    record = cell("plain", 0, marks=tuple(mark(epoch, int(10 * epoch), 40.0) for epoch in epochs))
    found = Cells(spec(), (record,), (0,))
    marks = [found.mark(record, moment) for moment in (0, 1)]
    assert tuple(each and each.epoch for each in marks) == expected
    assert found.mark(record, -1) == marks[1]
