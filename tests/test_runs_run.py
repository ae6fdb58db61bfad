"""Run folders: made, found, replaced only when they are runs; their log."""

from pathlib import Path
from typing import Any

import pytest

from qdiffusion.errors import RunError, UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_json_atomic


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "run")
    write_json_atomic(run.experiment_path, {"experiment": {}})
    return run


def line(step: int) -> dict[str, Any]:
    rest = {"stage": "train", "learning_rate": 1e-3, "seconds": 2.5 * step, "items_per_second": 8.0}
    return {"step": step, "loss": 1 / (step + 1), **rest}


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
    run.append_stats(line(1))
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
        run.append_stats(line(step))
    assert run.read_stats() == [line(0), line(1), line(2)]


def test_truncation_forgets_later_steps_and_unfinished_lines(run: Run) -> None:
    for step in (10, 20, 30):
        run.append_stats(line(step))
    with run.stats_path.open("a") as file:
        file.write('{"step": 40, "lo')
    assert run.read_stats() == [line(10), line(20), line(30)]
    run.truncate_stats(20)
    run.append_stats(line(30))
    assert run.read_stats() == [line(10), line(20), line(30)]


def test_damaged_files_are_named(run: Run) -> None:
    run.stats_path.write_text("nonsense\n")
    with pytest.raises(RunError, match=r"stats\.jsonl is damaged"):
        run.read_stats()
    run.experiment_path.write_text("{")
    with pytest.raises(RunError, match=r"experiment\.json"):
        run.read_experiment()
    assert run.read_metrics() is None
