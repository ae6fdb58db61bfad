"""Download a known set from its public mirrors: resumable, verified, each file whole or not there."""

import os
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from qdiffusion.data.catalog import KNOWN, IdxFile, KnownSet, cache_folder
from qdiffusion.data.idx import read_content, verify
from qdiffusion.errors import DataError, UsageError
from qdiffusion.progress import Progress, SilentProgress

_ROUNDS = 2  # every mirror is tried twice: a broken transfer is resumed
_CHUNK = 1 << 16
_TIMEOUT_S = 30


class _MirrorError(Exception):
    """This mirror did not deliver; another may."""


def fetch(name: str, root: Path | None = None, progress: Progress | None = None) -> Path:
    """Download the files of a set that are not there yet, and return their folder.

    Args:
        name: "mnist" or "fashion-mnist".
        root: the folder that gets a sub-folder `name`; None is the user's cache, where `load_images` looks.
        progress: where to report, a task of so many bytes for each file whose length the mirror tells.

    Raises:
        UsageError: the name is not of a set that can be fetched.
        DataError: the folder cannot be written, or no mirror delivered a file with the published checksum.
    """
    if name not in KNOWN:
        raise UsageError(
            f"'{name}' cannot be fetched; choose one of {', '.join(KNOWN)} (the subsets need no fetching)."
        )
    known = KNOWN[name]
    folder = (root or cache_folder()) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in known.files:
            _fetch_file(known, file, folder, progress or SilentProgress())
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror or error}); choose another folder.") from error
    return folder


def _fetch_file(known: KnownSet, file: IdxFile, folder: Path, progress: Progress) -> None:
    target = folder / f"{file.name}.gz"
    part = folder / f"{target.name}.part"
    if target.is_file() and _is_published(target, file):
        return
    failures = {}
    for mirror in known.mirrors * _ROUNDS:
        try:
            _download(mirror + target.name, part, progress)
            if not _is_published(part, file):
                part.unlink()
                raise _MirrorError("the file has a wrong checksum")
        except _MirrorError as error:
            failures[mirror] = str(error)
        else:
            os.replace(part, target)
            return
    raise DataError(_advice(known, file, folder, failures))


def _is_published(path: Path, file: IdxFile) -> bool:
    try:
        verify(read_content(path), file.md5, path)
    except DataError:
        return False
    return True


def _download(url: str, part: Path, progress: Progress) -> None:
    start = part.stat().st_size if part.exists() else 0
    response = _open(url, start)
    if response is None:
        return
    with response:
        resumed = response.status == HTTPStatus.PARTIAL_CONTENT
        done = start if resumed else 0
        length = response.headers["Content-Length"]
        total = None if length is None else done + int(length)
        with part.open("ab" if resumed else "wb") as file, progress.task(part.stem, total or 0, done) as task:
            for chunk in _chunks(response):
                file.write(chunk)
                done += len(chunk)
                task.update(done)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise _MirrorError(f"the connection ended after {done:,} of {total:,} bytes")


def _open(url: str, start: int) -> HTTPResponse | None:
    """Open the file from byte `start` on; None where it ends there: the checksum then decides."""
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        return urlopen(request, timeout=_TIMEOUT_S)
    except HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None
        raise _MirrorError(str(error)) from error
    except (OSError, HTTPException) as error:
        raise _MirrorError(str(error)) from error


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(_CHUNK):
            yield chunk
    except (OSError, HTTPException) as error:
        raise _MirrorError(str(error)) from error


def _advice(known: KnownSet, file: IdxFile, folder: Path, failures: dict[str, str]) -> str:
    reasons = "; ".join(f"{mirror}: {reason}" for mirror, reason in failures.items())
    names = ", ".join(f"{each.name}.gz" for each in known.files)
    return (
        f"{file.name}.gz could not be fetched ({reasons}); check the network, or download {names} elsewhere "
        f"from {' or '.join(known.mirrors)} and put them in {folder}."
    )
