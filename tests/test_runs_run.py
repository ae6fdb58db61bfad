"""Run folders: made, found, replaced only when they are runs; their log."""

from pathlib import Path
from typing import Any

import pytest

from plots_helpers import line, make_run, metrics
from qdiffusion.errors import RunError, UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_json_atomic


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "run")
    write_json_atomic(run.experiment_path, {"experiment": {}})
    return run


def test_open_finds_what_create_made(run: Run) -> None:
    assert Run.open(str(run.path)) == run


def test_create_refuses_a_filled_folder(run: Run) -> None:
    with pytest.raises(UsageError, match=r"not empty.*resume.*--overwrite"):
        Run.create(run.path)


def test_create_takes_over_what_a_run_killed_at_once_left(tmp_path: Path) -> None:
    first = Run.create(tmp_path / "run")
    (first.path / ".experiment.json.partial").write_text("{")
    second = Run.create(tmp_path / "run")
    assert not list(second.path.glob(".*"))


def test_overwrite_removes_the_run_and_nothing_else(run: Run) -> None:
    run.append_stats(line(1, 1 / 3))
    (run.checkpoints_path / "step-00000001.safetensors").write_bytes(b"1")
    (run.model_path).mkdir()
    (run.pictures_path).mkdir()
    run.description_path.write_text("{}")
    (run.path / "notes.txt").write_text("mine")
    Run.create(run.path, overwrite=True)
    left = {path.name for path in run.path.rglob("*")}
    assert left == {"notes.txt", "checkpoints", "samples"}


def test_overwrite_spares_what_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="is not a run, so --overwrite leaves it alone"):
        Run.create(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_create_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        Run.create(tmp_path / "file")


def test_create_refuses_an_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="not a folder that you may write to"):
        Run.create(tmp_path / "file" / "run")


@pytest.mark.parametrize("exists", [True, False])
def test_open_refuses_what_is_no_run(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path if exists else tmp_path / "missing"
    with pytest.raises(RunError, match="is not a run"):
        Run.open(folder)


def test_stats_come_back_as_written(run: Run) -> None:
    assert run.read_stats() == []
    for step in range(3):
        run.append_stats(line(step, 1 / 3))
    assert run.read_stats() == [line(0, 1 / 3), line(1, 1 / 3), line(2, 1 / 3)]


def test_truncation_forgets_later_steps_and_unfinished_lines(run: Run) -> None:
    for step in (10, 20, 30):
        run.append_stats(line(step, 1 / 3))
    with run.stats_path.open("a") as file:
        file.write('{"step": 40, "lo')
    assert run.read_stats() == [line(10, 1 / 3), line(20, 1 / 3), line(30, 1 / 3)]
    run.truncate_stats(20)
    run.append_stats(line(30, 1 / 3))
    assert run.read_stats() == [line(10, 1 / 3), line(20, 1 / 3), line(30, 1 / 3)]


def test_damaged_files_are_named(run: Run) -> None:
    run.stats_path.write_text("nonsense\n")
    with pytest.raises(RunError, match=r"stats\.jsonl is damaged"):
        run.read_stats()
    run.experiment_path.write_text("{")
    with pytest.raises(RunError, match=r"experiment\.json"):
        run.read_experiment()
    assert run.read_metrics() is None


@pytest.mark.parametrize("further", [{}, {"round": 3}, {"mse": 0.5, "fidelity": 1}])
def test_further_scalars_come_back(run: Run, further: dict[str, float]) -> None:
    run.append_stats(line(1, 0.5, **further))
    assert run.read_stats() == [line(1, 0.5, **further)]


@pytest.mark.parametrize(
    ("further", "told"),
    [
        ({"mse": float("nan")}, "mse is no finite number"),
        ({"mse": "low"}, "mse is no finite number"),
        ({"mse": True}, "mse is no finite number"),
        ({"mse": None}, "mse is no finite number"),
        ({"loss": float("inf")}, "at loss"),
        ({"round": -1}, "at round"),
        ({"round": 1.5}, "at round"),
        ({"items_per_second": None}, "at items_per_second"),
    ],
)
def test_scalars_that_are_none_are_named(run: Run, further: dict[str, Any], told: str) -> None:
    run.append_stats({**line(1, 0.5), **further})
    with pytest.raises(RunError, match=rf"stats\.jsonl is damaged \(.*{told}.*\); restore it"):
        run.read_stats()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"format": None},
            r"made by an earlier qdiffusion \(0\.1\.0\), whose experiments read otherwise; train it again",
        ),
        ({"format": 1}, r"an earlier qdiffusion \(0\.1\.0\)"),
        ({"format": 3}, r"a later qdiffusion \(0\.1\.0\)"),
        ({"format": None, "environment": None}, r"an earlier qdiffusion \(its version is not said\)"),
        ({"format": "2"}, r"damaged: at format"),
        ({"environment": None}, r"damaged: at environment"),
        ({"data": {"name": "digits"}}, r"damaged: at data\.source"),
        ({"experiment": {"name": "x", "data": {}, "stages": []}}, r"damaged: at experiment\.data\.kind"),
        ({"steps": 0}, r"damaged: at steps"),
    ],
)
def test_runs_of_before_and_damaged_ones_are_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    run = make_run(tmp_path / "changed")
    record = {**run.read_experiment(), **changes}
    write_json_atomic(run.experiment_path, {name: value for name, value in record.items() if value is not None})
    with pytest.raises(RunError, match=told):
        run.read_experiment()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"title": None}, "at title"),
        ({"conditions": [1]}, r"at conditions\.0"),
        ({"rows": [{"name": "fid", "value": None, "std": None, "beside": {}}]}, r"at rows\.0\.value"),
        ({"rows": [{"name": "fid", "value": 1.0, "beside": {}}]}, r"at rows\.0\.std"),
        ({"rows": [{"name": "fid", "value": 1.0, "std": None, "beside": {"floor": "x"}}]}, r"rows\.0\.beside\.floor"),
        ({"rows": [{**metrics()["rows"][0], "better": "equal"}]}, r"at rows\.0\.better"),
    ],
)
def test_damaged_metrics_are_named(run: Run, changes: dict[str, Any], told: str) -> None:
    write_json_atomic(run.metrics_path, metrics())
    assert run.read_metrics() == metrics()
    write_json_atomic(run.metrics_path, {**metrics(), **changes})
    with pytest.raises(RunError, match=rf"metrics\.json is damaged: .*{told}.*evaluate again"):
        run.read_metrics()
