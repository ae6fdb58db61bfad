"""A tiny stand-in for MNIST, written as IDX files, and the means to make the package take it for the published one."""

import gzip
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from qdiffusion.data import catalog

FILES = {
    "train-images-idx3-ubyte": torch.arange(20 * 28 * 28).remainder(251).to(torch.uint8).view(20, 28, 28),
    "train-labels-idx1-ubyte": torch.arange(20).remainder(10).to(torch.uint8),
    "t10k-images-idx3-ubyte": torch.arange(10 * 28 * 28).remainder(239).to(torch.uint8).view(10, 28, 28),
    "t10k-labels-idx1-ubyte": torch.arange(10).flip(0).to(torch.uint8),
}


def idx_bytes(array: Tensor) -> bytes:
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.numpy().tobytes()


def write_tiny_mnist(folder: Path, gzipped: bool = True) -> None:
    folder.mkdir(parents=True)
    for name, array in FILES.items():
        content = idx_bytes(array)
        path = folder / (f"{name}.gz" if gzipped else name)
        path.write_bytes(gzip.compress(content) if gzipped else content)


def publish_tiny_mnist(monkeypatch: pytest.MonkeyPatch, mirrors: tuple[str, ...] = ()) -> None:
    """Let the catalogue expect the tiny files' checksums under the name mnist."""
    md5 = [hashlib.md5(idx_bytes(array)).hexdigest() for array in FILES.values()]
    tiny = replace(catalog.KNOWN["mnist"], splits=catalog._pairs(*md5), mirrors=mirrors)
    monkeypatch.setitem(catalog.KNOWN, "mnist", tiny)


def isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Hide every folder of this machine in which a set could be found."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.delenv("QDIFFUSION_DATA", raising=False)
    monkeypatch.chdir(home)
