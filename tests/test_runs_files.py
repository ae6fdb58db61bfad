"""Atomic writing: the old file or the new one, whole, and a sentence when neither can be written."""

from pathlib import Path

import pytest

from qdiffusion.errors import RunError
from qdiffusion.runs.files import remove_temporaries, write_bytes_atomic, write_folder_atomic, write_json_atomic
from runs_helpers import full_disk


def test_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json_atomic(path, {"a": 1})
    write_json_atomic(path, {"b": "ü"})
    assert path.read_text(encoding="utf-8") == '{\n  "b": "ü"\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    write_bytes_atomic(path, b"old")
    with full_disk(1000), pytest.raises(RunError, match=r"Cannot write .*checkpoint: .*unharmed"):
        write_bytes_atomic(path, bytes(10_000))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model"
    write_folder_atomic(path, lambda folder: write_bytes_atomic(folder / "weights", b"old"))
    with full_disk(1000), pytest.raises(RunError, match="Cannot write"):
        write_folder_atomic(path, lambda folder: write_bytes_atomic(folder / "weights", bytes(10_000)))
    assert (path / "weights").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "model"
    write_folder_atomic(path, lambda folder: write_bytes_atomic(folder / "old", b"1"))
    write_folder_atomic(path, lambda folder: write_bytes_atomic(folder / "new", b"2"))
    assert [file.name for file in path.iterdir()] == ["new"]


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match="choose a folder"):
        write_bytes_atomic(tmp_path / "file" / "x", b"1")


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".x.json.partial").write_text("{")
    (tmp_path / ".model.partial").mkdir()
    (tmp_path / "x.json").write_text("{}")
    remove_temporaries(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]
