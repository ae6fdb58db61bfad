"""Snapshots of a run: listed in order, scores read back or refused."""

from pathlib import Path
from typing import Any

import pytest

from plots_helpers import metrics
from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_bytes_atomic, write_json_atomic
from qdiffusion.runs.snapshots import list_snapshots, read_snapshot_scores, snapshot_path, snapshot_scores_path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "run")
    run.snapshots_path.mkdir()
    return run


def test_a_run_without_snapshots_has_none(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "other")
    assert (list_snapshots(run), read_snapshot_scores(run)) == ([], [])


def test_steps_are_in_order_and_those_not_scored_have_no_scores(run: Run) -> None:
    for step in (123_456_789, 300, 2000):
        write_bytes_atomic(snapshot_path(run, step), b"weights")
    assert snapshot_path(run, 300).name == "step-00000300.safetensors"
    for step in (2000, 300):
        write_json_atomic(snapshot_scores_path(run, step), metrics(step / 7))
    (run.snapshots_path / ".step-00000004.json.partial").write_text("{")
    (run.snapshots_path / "step-one.json").write_text("{")
    assert list_snapshots(run) == [300, 2000, 123_456_789]
    assert read_snapshot_scores(run) == [(300, metrics(300 / 7)), (2000, metrics(2000 / 7))]


@pytest.mark.parametrize("damaged", [{}, {**metrics(), "rows": [{"name": "fid"}]}])
def test_damaged_scores_are_named(run: Run, damaged: dict[str, Any]) -> None:
    write_json_atomic(snapshot_scores_path(run, 300), damaged)
    with pytest.raises(RunError, match=r"step-00000300\.json is damaged \(at .*; delete it"):
        read_snapshot_scores(run)


def test_overwriting_a_run_removes_them_and_repair_the_unfinished(run: Run) -> None:
    write_bytes_atomic(snapshot_path(run, 1), b"weights")
    (run.snapshots_path / ".step-00000004.safetensors.partial").write_bytes(b"w")
    run.repair()
    assert [path.name for path in run.snapshots_path.iterdir()] == ["step-00000001.safetensors"]
    write_json_atomic(run.experiment_path, {})
    assert not Run.create(run.path, overwrite=True).snapshots_path.exists()
