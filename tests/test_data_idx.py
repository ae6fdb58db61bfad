import gzip
import hashlib
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from data_helpers import idx_bytes
from qdiffusion.data.idx import parse_idx, read_idx
from qdiffusion.errors import DataError

ARRAY = torch.arange(2 * 3 * 5, dtype=torch.uint8).view(2, 3, 5)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 1000))
def test_parse_inverts_the_format_for_any_shape(shape: list[int], seed: int) -> None:
    array = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    assert torch.equal(parse_idx(idx_bytes(array), "x"), array)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_read_takes_gzipped_and_plain_files_and_checks_the_content(tmp_path: Path, compress: type) -> None:
    path = tmp_path / "x"
    path.write_bytes(compress(idx_bytes(ARRAY)))
    assert torch.equal(read_idx(path, hashlib.md5(idx_bytes(ARRAY)).hexdigest()), ARRAY)


def test_a_wrong_checksum_names_file_found_and_expected(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(idx_bytes(ARRAY))
    found, expected = hashlib.md5(idx_bytes(ARRAY)).hexdigest(), "0" * 32
    with pytest.raises(DataError, match=f"{path}.*{found}.*{expected}"):
        read_idx(path, expected)


GOOD = idx_bytes(ARRAY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"PK\x03\x04 something else", "not an IDX file"),
        (b"\0\0\x0d\x03" + GOOD[4:], "not an IDX file"),
        (b"\0\0\x08\0", "not an IDX file"),
        (GOOD[:10], "truncated"),
        (GOOD[:-1], "2 x 3 x 5 = 30 bytes, but 29 follow"),
        (GOOD + b"\0", "2 x 3 x 5 = 30 bytes, but 31 follow"),
        (gzip.compress(GOOD)[:-5], "truncated or corrupted gzip"),
        (gzip.compress(GOOD)[:-8] + b"12345678", "truncated or corrupted gzip"),
        (gzip.compress(GOOD)[:10] + b"\xff" * 30, "truncated or corrupted gzip"),
    ],
    # Named, since gzip's bytes hold the time.
    ids=["empty", "zip", "doubles", "flat", "header", "short", "long", "gzip-end", "gzip-checksum", "gzip-data"],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / "missing")


def test_the_array_owns_its_memory_and_can_be_changed() -> None:
    array: Tensor = parse_idx(GOOD, "x")
    array += 1
    assert torch.equal(array, ARRAY + 1)
