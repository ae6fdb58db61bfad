"""Sample sets of a run."""

from pathlib import Path

import pytest
import torch

from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.samples import list_samples, read_samples, write_samples


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Run.create(tmp_path / "run").samples_path / "ddim.safetensors"


def test_round_trip(path: Path) -> None:
    images = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 4, 4, 3).permute(0, 3, 1, 2)
    write_samples(path, images, {"seed": 3})
    read = read_samples(path)
    assert torch.equal(read.images, images)
    assert (read.meta, read.name) == ({"seed": 3}, "ddim")
    assert list_samples(Run(path.parent.parent)) == [path]


def test_other_tensors_are_refused(path: Path) -> None:
    write_samples(path, torch.zeros(1, 1, 2, 2), {})
    with pytest.raises(RunError, match=r"float32.*not uint8"):
        read_samples(path)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_damaged_files_are_named(path: Path, suffix: str) -> None:
    write_samples(path, torch.zeros(1, 1, 2, 2, dtype=torch.uint8), {})
    path.with_suffix(suffix).write_bytes(b"{")
    with pytest.raises(RunError, match=r"Cannot read the samples .*ddim"):
        read_samples(path)
