"""Sample sets of a run."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from plots_helpers import random_states, strip
from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_bytes_atomic
from qdiffusion.runs.items import to_bytes
from qdiffusion.runs.pictures import read_strip, write_strip
from qdiffusion.runs.samples import list_samples, read_samples, steps_path, write_samples

IMAGES = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 4, 4, 3).permute(0, 3, 1, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Run.create(tmp_path / "run").samples_path / "ddim.safetensors"


@pytest.mark.parametrize("items", [IMAGES, random_states(2, 3), torch.ones(2, 5)])
@pytest.mark.parametrize("labels", [None, torch.tensor([7, 3])])
def test_round_trip(path: Path, items: Tensor, labels: Tensor | None) -> None:
    meta = {"seed": 3, "made": ["ddim", "50 steps"], "classes": [3, 7], "guidance": 2.0}
    write_samples(path, items, meta, labels)
    read = read_samples(path)
    assert torch.equal(read.items, items)
    assert read.labels is None if labels is None else torch.equal(read.labels, labels)
    assert (read.meta, read.name) == (meta, "ddim")
    assert list_samples(Run(path.parent.parent)) == [path]


def test_a_strip_of_steps_is_no_sample_set(path: Path) -> None:
    write_samples(path, IMAGES, {})
    write_strip(steps_path(path), strip())
    assert steps_path(path).name == "ddim-steps.safetensors"
    assert read_strip(steps_path(path)) is not None
    assert list_samples(Run(path.parent.parent)) == [path]


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"items": torch.zeros(1, 1, 2, 2)}, "float32 of shape"),
        ({"images": IMAGES}, "holds no items"),
        ({"items": IMAGES, "labels": torch.tensor([1])}, r"labels of torch.int64 and shape \(1,\)"),
        ({"items": IMAGES, "labels": torch.tensor([1.0, 2.0])}, "labels of torch.float32"),
        ({"items": IMAGES, "labels": torch.tensor([1, -2])}, "a label is negative"),
    ],
)
def test_other_tensors_are_refused(path: Path, tensors: dict[str, Tensor], told: str) -> None:
    write_samples(path, IMAGES, {})
    write_bytes_atomic(path, to_bytes(tensors))
    with pytest.raises(RunError, match=rf"Cannot read the samples .*ddim.*: .*{told}.*; delete the file and sample"):
        read_samples(path)


@pytest.mark.parametrize(
    "meta", [{"count": 0}, {"made": "ddim"}, {"classes": ["3"]}, {"snapshot": -1}, {"finished": "yes"}]
)
def test_other_metadata_is_refused(path: Path, meta: dict[str, Any]) -> None:
    write_samples(path, IMAGES, {})
    path.with_suffix(".json").write_text(json.dumps(meta))
    with pytest.raises(RunError, match=rf"Cannot read the samples .*ddim.*: at {next(iter(meta))}"):
        read_samples(path)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("content", [b"{", None])
def test_damaged_files_are_named(path: Path, suffix: str, content: bytes | None) -> None:
    write_samples(path, IMAGES, {})
    damaged = path.with_suffix(suffix)
    damaged.write_bytes(damaged.read_bytes()[:-2] if content is None else content)
    with pytest.raises(RunError, match=r"Cannot read the samples .*ddim"):
        read_samples(path)
