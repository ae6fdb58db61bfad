"""Writing files so that a crash, a full disk or `kill -9` leaves either the old file or the new one, whole.

Everything is written to a temporary neighbour, flushed to the disk, and renamed over its target.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from qdiffusion.errors import RunError

TEMPORARY_SUFFIX = ".partial"


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all.

    Raises:
        RunError: the folder cannot be written or the disk is full; the old file, if any, is untouched.
    """
    temporary = _temporary(path)
    with told_as_run_error(path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def write_text_atomic(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all. Raises as `write_bytes_atomic`."""
    write_bytes_atomic(path, text.encode())


def write_json_atomic(path: Path, value: Any) -> None:
    """Write plain values as indented JSON to `path`, whole or not at all. Raises as `write_bytes_atomic`."""
    write_text_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_folder_atomic(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a folder's files beside `path`, then put that folder in the place of `path`.

    A folder cannot be renamed over a filled one, so that a crash at the wrong instant leaves none; never half of one.

    Raises:
        RunError: the folder cannot be written or the disk is full.
    """
    temporary = _temporary(path)
    with told_as_run_error(path):
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            fill(temporary)
            for file in filter(Path.is_file, temporary.rglob("*")):
                _flush_to_disk(file)
            if path.exists():
                shutil.rmtree(path)
            os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_temporaries(folder: Path) -> None:
    """Remove what a process killed while writing has left in `folder`."""
    with told_as_run_error(folder):
        for leftover in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            remove(leftover)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it; a missing one is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def told_as_run_error(path: Path) -> Iterator[None]:
    """Turn a failure to write into a `RunError` which says what could not be written and why."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(
            f"Cannot write {path}: {reason}; free some space or choose a folder "
            "that you may write to. What was saved before is unharmed."
        ) from error


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
