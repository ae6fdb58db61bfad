"""Files that unpack to more than a machine holds: refused by what their headers say, before they are unpacked."""

import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from data_helpers import isolate, publish_tiny_mnist, write_tiny_mnist
from qdiffusion.data import ImagesConfig, load_images
from qdiffusion.data.declared import npz_bytes, tensor_file_bytes
from qdiffusion.data.idx import read_idx
from qdiffusion.errors import DataError, UsageError

MEGABYTES = 2**20
BLOCK, BLOCKS = 16 * MEGABYTES, 250
UNPACKED = BLOCK * BLOCKS  # 4.19e9: above the default limit, within the 32 bits of a ZIP directory
IMAGES = torch.arange(10 * 4 * 4).remainder(251).to(torch.uint8).view(10, 4, 4)


def npy_header(*shape: int) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def deflated_zeros(start: bytes, wbits: int) -> bytes:
    """`start`, then UNPACKED zeros in 4 MB: a deflated block that needs nothing before it, over and over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + block * BLOCKS + packer.flush()


def write_zip_bomb(path: Path) -> None:
    start = npy_header(UNPACKED // 784, 28, 28)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("images.npy", deflated_zeros(start, -15))
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\x01\x02")
    for method, size in ((8, 22), (central + 10, central + 24)):  # of the member's own header; of the directory
        struct.pack_into("<H", content, method, zipfile.ZIP_DEFLATED)
        struct.pack_into("<I", content, size, len(start) + UNPACKED)
    path.write_bytes(content)


def refusal(path: Path, **options: object) -> str:
    """The sentence with which the file is refused, for less than 64 MB of memory."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            load_images(ImagesConfig(path=path, **options), "train")
        assert tracemalloc.get_traced_memory()[1] < 64 * MEGABYTES
    finally:
        tracemalloc.stop()
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_an_archive_of_four_megabytes_that_unpacks_to_four_gigabytes_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    write_zip_bomb(path)
    assert path.stat().st_size < 6 * MEGABYTES
    sentence = refusal(path)
    assert f"{UNPACKED + len(npy_header(UNPACKED // 784, 28, 28)):,} bytes" in sentence
    assert "--data.max-bytes" in sentence


def test_an_array_that_declares_more_than_its_archive_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", npy_header(10**9, 28, 28) + bytes(100))
    assert f"{784 * 10**9:,} bytes" in refusal(path)


def test_a_header_larger_than_any_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        length = struct.pack("<I", 500 * MEGABYTES)
        archive.writestr("images.npy", b"\x93NUMPY\x02\x00" + length + b" " * 80 * MEGABYTES)
    assert "cannot be read" in refusal(path)
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 50 * MEGABYTES) + b" " * 50 * MEGABYTES)
    assert f"its header declares {50 * MEGABYTES:,} bytes" in refusal(path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_larger_than_the_limit_is_refused_unread(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    with path.open("wb") as file:
        file.truncate(UNPACKED)  # a hole: no disk is taken
    assert f"{UNPACKED:,} bytes" in refusal(path)


def test_a_view_that_repeats_one_image_is_counted_in_full(tmp_path: Path) -> None:
    torch.save(torch.zeros(1, 28, 28, dtype=torch.uint8).expand(10**7, 28, 28), tmp_path / "x.pt")
    assert f"{784 * 10**7:,} bytes" in refusal(tmp_path / "x.pt")


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".safetensors"])
def test_the_limit_is_the_users(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, images=IMAGES.numpy())
    else:
        (torch.save if suffix == ".pt" else save_file)({"images": IMAGES}, path)
    declared = npz_bytes(path) if suffix == ".npz" else tensor_file_bytes(path)
    assert declared >= IMAGES.numel()
    assert len(load_images(ImagesConfig(path=path, size=4, max_bytes=declared), "train")) == 9
    assert f"the limit is {declared - 1:,}" in refusal(path, max_bytes=declared - 1)
    with pytest.raises(UsageError, match="0 bytes; choose 1 or more"):
        load_images(ImagesConfig(path=path, max_bytes=0), "train")


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_idx_that_declares_gigabytes_is_refused(tmp_path: Path, pack: type) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(struct.pack(">4B3I", 0, 0, 8, 3, 6_000_000, 28, 28) + bytes(100)))
    with pytest.raises(DataError, match=r"4,704,000,000 bytes .* --data\.max-bytes"):
        read_idx(path)


def test_idx_is_unpacked_only_as_far_as_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(deflated_zeros(struct.pack(">4B3I", 0, 0, 8, 3, 2, 28, 28), 31))
    tracemalloc.start()
    with pytest.raises(DataError, match="declares 2 x 28 x 28"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * MEGABYTES


def test_the_limit_holds_for_known_sets_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)
    publish_tiny_mnist(monkeypatch)
    write_tiny_mnist(tmp_path / "mnist")
    enough = 20 * 28 * 28
    assert len(load_images(ImagesConfig("mnist", root=tmp_path, max_bytes=enough), "train")) == 20
    with pytest.raises(DataError, match=f"the limit is {enough - 1:,}"):
        load_images(ImagesConfig("mnist", root=tmp_path, max_bytes=enough - 1), "train")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("height", [5_000, 10_000])
def test_a_picture_of_a_hundred_million_pixels_is_refused_unread(tmp_path: Path, height: int) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
    Image.new("1", (20_000, height)).save(tmp_path / "train" / "bomb.png")
    with pytest.raises(DataError, match=r"bomb\.png cannot be read as a picture .*decompression bomb"):
        load_images(ImagesConfig(path=tmp_path, size=8), "train")
