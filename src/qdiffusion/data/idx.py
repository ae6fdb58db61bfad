"""IDX, the format of MNIST: 0, 0, type, number of axes; their lengths as big-endian uint32; the values."""

import gzip
import hashlib
import math
import struct
import zlib
from importlib.resources.abc import Traversable

import torch
from torch import Tensor

from qdiffusion.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08


def read_idx(path: Traversable, md5: str | None = None) -> Tensor:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Args:
        path: the file, on disk or inside a package.
        md5: the expected MD5 of the content (uncompressed), in hexadecimal; None checks nothing.

    Returns:
        uint8, of the shape that the file declares.

    Raises:
        DataError: the file cannot be read, is truncated or corrupted, is not IDX, or has another MD5.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", file formats.
    """
    content = read_content(path)
    if md5 is not None:
        verify(content, md5, path)
    return parse_idx(content, str(path))


def read_content(path: Traversable) -> bytes:
    """Return the bytes of a file, decompressed where it is gzipped; raises DataError where that fails."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the path and its rights.") from error
    if not raw.startswith(_GZIP_MAGIC):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} is a truncated or corrupted gzip file ({error}); fetch it again.") from error


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
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE or content[3] == 0:
        raise DataError(
            f"{name} is not an IDX file of unsigned bytes: it begins with 0x{content[:4].hex()}, "
            "expected 0x000008 and the number of axes."
        )
    n_axes = content[3]
    start = 4 + 4 * n_axes
    if len(content) < start:
        raise DataError(f"{name} is truncated: {len(content)} bytes end inside its header of {start}; fetch it again.")
    shape = struct.unpack(f">{n_axes}I", content[4:start])
    expected = math.prod(shape)
    if len(content) - start != expected:
        raise DataError(
            f"{name} is damaged: its header declares {' x '.join(map(str, shape))} = {expected} bytes, "
            f"but {len(content) - start} follow; fetch it again."
        )
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[start:].reshape(shape)
