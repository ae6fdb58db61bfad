"""How much data a file declares to hold, read from its headers before anything of it is unpacked."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from numpy.lib import format as npy

from qdiffusion.errors import DataError

_MAX_HEADER = 1 << 20
"""Bytes of the header of an array or of a .safetensors file; those of image sets take a few hundred."""
_NPY_HEADERS: dict[tuple[int, int], Callable] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def check_declared(path: object, n_bytes: int, max_bytes: int) -> None:
    """Refuse data larger than the user allows.

    Raises:
        DataError: n_bytes exceeds max_bytes.
    """
    if n_bytes > max_bytes:
        raise DataError(
            f"{path} declares {n_bytes:,} bytes of data, and the limit is {max_bytes:,}; if you trust the file and "
            "have the memory, raise --data.max-bytes."
        )


def npz_bytes(path: Path) -> int:
    """Bytes of all arrays of an .npz file: by the directory of the archive or by their own headers, what is more.

    Raises:
        ValueError, OSError: the file is no archive of arrays.
    """
    with ZipFile(path) as archive:
        return sum(max(member.file_size, _npy_bytes(archive, member)) for member in archive.infolist())


def tensor_file_bytes(path: Path) -> int:
    """Bytes of a .pt or .safetensors file, unpacked where it is an archive.

    Raises:
        ValueError, OSError: the file is damaged.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PK"):
        with ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    if path.suffix == ".safetensors" and int.from_bytes(start, "little") > _MAX_HEADER:
        raise ValueError(f"its header declares {int.from_bytes(start, 'little'):,} bytes for itself")
    return path.stat().st_size


def _npy_bytes(archive: ZipFile, member: ZipInfo) -> int:
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is packed in a way that NumPy does not use")
    with archive.open(member) as file:
        header = io.BytesIO(file.read(_MAX_HEADER))
    return _declared_by(header)


def _declared_by(header: BinaryIO) -> int:
    version = npy.read_magic(header)
    if version not in _NPY_HEADERS:
        raise ValueError(f"an array in format {version} holds more than plain numbers")
    shape, _, dtype = _NPY_HEADERS[version](header)
    return math.prod(shape) * dtype.itemsize
