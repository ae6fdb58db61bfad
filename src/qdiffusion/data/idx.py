"""IDX, the format of MNIST: 0, 0, type, number of axes; their lengths as big-endian uint32; the values."""

import gzip
import hashlib
import math
import struct
import zlib
from contextlib import nullcontext
from importlib.resources.abc import Traversable
from typing import IO

import torch
from torch import Tensor

from qdiffusion.data.config import MAX_BYTES
from qdiffusion.data.declared import check_declared
from qdiffusion.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"
_MAGIC = b"\0\0\x08"  # the third: unsigned bytes
_START = 4


def read_idx(path: Traversable, md5: str | None = None, max_bytes: int = MAX_BYTES) -> Tensor:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Args:
        path: the file, on disk or inside a package.
        md5: the expected MD5 of the content (uncompressed), in hexadecimal; None checks nothing.
        max_bytes: what the header may declare.

    Returns:
        uint8, of the shape that the file declares.

    Raises:
        DataError: the file cannot be read, is truncated or corrupted, is not IDX, declares too
            much, or has another MD5.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", file formats.
    """
    content = read_content(path, max_bytes)
    if md5 is not None:
        verify(content, md5, path)
    return parse_idx(content, str(path))


def read_content(path: Traversable, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of an IDX file, decompressed where it is gzipped, up to one more than its header declares.

    Raises:
        DataError: the file cannot be read or decompressed, or declares more than `max_bytes`.
    """
    try:
        with path.open("rb") as file:
            gzipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            file.seek(0)
            with gzip.open(file) if gzipped else nullcontext(file) as content:
                return _read_declared(content, path, max_bytes)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a truncated or corrupted gzip file ({error}); fetch it again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the path and its rights.") from error


def _read_declared(content: IO[bytes] | gzip.GzipFile, path: Traversable, max_bytes: int) -> bytes:
    start = content.read(_START)
    if start[:3] != _MAGIC or len(start) < _START:
        return start
    lengths = content.read(4 * start[3])
    declared = math.prod(struct.unpack(f">{len(lengths) // 4}I", lengths[: len(lengths) // 4 * 4]))
    check_declared(path, declared, max_bytes)
    return start + lengths + content.read(declared + 1)


def verify(content: bytes, md5: str, path: Traversable) -> None:
    """Raise DataError unless `content`, the uncompressed bytes of `path`, has this MD5."""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(
            f"{path} is not the published file: its content has MD5 {found}, expected {md5}; "
            "delete it and fetch it again."
        )


def parse_idx(content: bytes, name: str) -> Tensor:
    """Return the uint8 array that uncompressed IDX bytes hold; `name` stands in the DataError of bad ones."""
    if len(content) < _START or content[:3] != _MAGIC or content[3] == 0:
        raise DataError(
            f"{name} is not an IDX file of unsigned bytes: it begins with 0x{content[:4].hex()}, "
            "expected 0x000008 and the number of axes."
        )
    n_axes = content[3]
    start = _START + 4 * n_axes
    if len(content) < start:
        raise DataError(f"{name} is truncated: {len(content)} bytes end inside its header of {start}; fetch it again.")
    shape = struct.unpack(f">{n_axes}I", content[_START:start])
    expected = math.prod(shape)
    if len(content) - start != expected:
        raise DataError(
            f"{name} is damaged: its header declares {' x '.join(map(str, shape))} = {expected} bytes, "
            f"but {len(content) - start} follow; fetch it again."
        )
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[start:].reshape(shape)
