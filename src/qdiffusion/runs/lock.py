"""One writer at a time: locks that the kernel releases when their process ends, however it ends.

A run has a lock of its own, every sample set has one, and so has the report; they lie in the run's `.locks`, which
`--overwrite` leaves in place. Beside a held lock a note says who holds it.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from qdiffusion.errors import RunError
from qdiffusion.runs.files import told_as_run_error

FOLDER = ".locks"


@contextmanager
def locked(run: Path, part: str, command: str, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Within the block, no other process writes this part of the run; blocks of one thread may be nested.

    Args:
        run: the run's folder; made where it is missing.
        part: "run", "report", or the name of a sample set.
        command: the verb that writes, told to whom comes second.
        on_wait: wait for another holder, rather than refuse, and tell it so in a sentence.

    Raises:
        RunError: another process or thread holds it; the sentence says who. The folder cannot be written.
    """
    path = run / FOLDER / f"{part}.lock"
    lock = _lock(path)
    if lock.is_locked:
        yield
        return
    with told_as_run_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            if on_wait is None:
                raise RunError(f"{_held(path)}; wait until that ends, or stop it.") from error
            on_wait(f"{_held(path)}; waiting until that ends.")
            lock.acquire()
    try:
        with _note(path, command):
            yield
    finally:
        lock.release()


def locked_here(run: Path, part: str) -> bool:
    """Whether this thread holds the lock."""
    return _lock(run / FOLDER / f"{part}.lock").is_locked


def check_unlocked(run: Path) -> None:
    """Refuse a run of which another process writes any part.

    Raises:
        RunError: naming it.
    """
    for path in held_elsewhere(run):
        raise RunError(f"{_held(path)}; wait until that ends, or stop it.")


def held_elsewhere(run: Path, part: str = "*") -> list[Path]:
    """The locks that other processes or threads hold, of one part or of all."""
    return [path for path in sorted((run / FOLDER).glob(f"{part}.lock")) if not _is_free(path)]


def _is_free(path: Path) -> bool:
    lock = _lock(path)
    if lock.is_locked:
        return True
    with told_as_run_error(path):
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
    lock.release()
    return True


def _lock(path: Path) -> FileLock:
    """The one lock object that this process has for the path, so that nested blocks share it."""
    return FileLock(path, is_singleton=True)


@contextmanager
def _note(path: Path, command: str) -> Iterator[None]:
    """Say beside a held lock who holds it."""
    note = path.with_suffix(".json")
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    holder = {"command": command, "process": os.getpid(), "host": socket.gethostname(), "since": since}
    with told_as_run_error(note):
        note.write_text(json.dumps(holder), encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _held(path: Path) -> str:
    run, part = path.parent.parent, path.stem
    what = str(run) if part == "run" else f"{part} of {run}"
    return f"{what} is being written by {_holder(path)}"


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        where = f"process {holder['process']} on {holder['host']}, since {holder['since']}"
        return f"`qdiffusion {holder['command']}` ({where})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
