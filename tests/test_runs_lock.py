"""One writer at a time; a killed one is no obstacle; the second is told who the first is."""

import json
import multiprocessing
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.lock import FOLDER, held_elsewhere, locked, locked_here

WORKERS = multiprocessing.get_context("forkserver")


def hold(run: Path, part: str, pipe: Connection) -> None:
    with locked(run, part, "train"):
        pipe.send(os.getpid())
        pipe.recv()


class Holder:
    """A process that holds a lock until it is told to end."""

    def __init__(self, run: Path, part: str = "run") -> None:
        self.pipe, other = WORKERS.Pipe()
        self.process = WORKERS.Process(target=hold, args=(run, part, other))
        self.process.start()
        self.number = self.pipe.recv()

    def end(self) -> None:
        self.pipe.send(None)
        self.process.join()


def try_lock(run: Path, part: str = "run") -> None:
    with locked(run, part, "resume"):
        pass


def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    who = (
        rf"{tmp_path} is being written by `qdiffusion train` \(process {holder.number} on {socket.gethostname()}, since"
    )
    with pytest.raises(RunError, match=rf"^{who} .*\); wait until that ends, or stop it\.$"):
        try_lock(tmp_path)
    holder.end()
    try_lock(tmp_path)


def test_a_killed_holder_is_no_obstacle(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    os.kill(holder.number, signal.SIGKILL)
    holder.process.join()
    assert (tmp_path / FOLDER / "run.json").exists()
    try_lock(tmp_path)
    assert not (tmp_path / FOLDER / "run.json").exists()


@pytest.mark.parametrize("note", ["", "[]", "{}", '"x"', '{"command": {}}'])
def test_a_damaged_note_is_no_obstacle_to_the_sentence(tmp_path: Path, note: str) -> None:
    holder = Holder(tmp_path)
    (tmp_path / FOLDER / "run.json").write_text(note)
    with pytest.raises(RunError, match="is being written by another process"):
        try_lock(tmp_path)
    holder.end()


def test_parts_are_locked_apart(tmp_path: Path) -> None:
    holder = Holder(tmp_path, "ddim-2")
    try_lock(tmp_path)
    try_lock(tmp_path, "ddim-3")
    assert held_elsewhere(tmp_path) == [tmp_path / FOLDER / "ddim-2.lock"]
    with pytest.raises(RunError, match=f"ddim-2 of {tmp_path} is being written"):
        try_lock(tmp_path, "ddim-2")
    holder.end()
    assert held_elsewhere(tmp_path) == []


def test_blocks_of_one_thread_nest_and_those_of_another_do_not(tmp_path: Path) -> None:
    with locked(tmp_path, "run", "train"):
        with locked(tmp_path, "run", "evaluate"):
            assert json.loads((tmp_path / FOLDER / "run.json").read_text())["command"] == "train"
        assert locked_here(tmp_path, "run")
        assert held_elsewhere(tmp_path) == []
        with ThreadPoolExecutor(1) as pool, pytest.raises(RunError, match=f"process {os.getpid()} on"):
            pool.submit(try_lock, tmp_path).result()
    assert not locked_here(tmp_path, "run")


def test_waiting_says_so_and_ends_with_the_holder(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    told = []

    def end(sentence: str) -> None:
        told.append(sentence)
        holder.end()

    with locked(tmp_path, "run", "resume", on_wait=end):
        assert locked_here(tmp_path, "run")
    (sentence,) = told
    assert sentence.endswith("; waiting until that ends.")


def test_overwriting_spares_what_another_process_writes(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    write_json_atomic(run.experiment_path, {})
    for part in ("run", "ddim-2"):
        holder = Holder(run.path, part)
        with pytest.raises(RunError, match=f"process {holder.number}"):
            Run.create(run.path, overwrite=True)
        assert run.experiment_path.exists()
        holder.end()
    with locked(run.path, "run", "train"):
        Run.create(run.path, overwrite=True)
        assert locked_here(run.path, "run")
        with pytest.raises(RunError, match="is being written"), ThreadPoolExecutor(1) as pool:
            pool.submit(try_lock, run.path).result()


def test_locks_are_no_content(tmp_path: Path) -> None:
    try_lock(tmp_path / "run")
    Run.create(tmp_path / "run")


def test_repair_leaves_what_another_process_is_writing(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    partial = run.samples_path / ".ddim-2.json.partial"
    partial.write_text("{")
    holder = Holder(run.path, "ddim-2")
    run.repair()
    assert partial.exists()
    holder.end()
    run.repair()
    assert not partial.exists()
