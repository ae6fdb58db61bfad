"""Sample sets of a run: uint8 images in safetensors, and how they were made beside them in JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from qdiffusion.errors import RunError
from qdiffusion.runs.files import told_as_run_error, write_bytes_atomic, write_json_atomic
from qdiffusion.runs.records import SampleMeta, validated
from qdiffusion.runs.run import Run


@dataclass(frozen=True)
class SampleSet:
    """Images that a run's model made.

    images: uint8 (N, C, H, W), 0…255.
    path: the safetensors file.
    meta: how they were made: sampler, steps, seed, count, batch_size, step of the training, weights_sha256, …
    """

    images: Tensor
    path: Path
    meta: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.stem


def write_samples(path: Path, images: Tensor, meta: dict[str, Any]) -> SampleSet:
    """Write NAME.json and then NAME.safetensors; the second one's presence says that the set is whole.

    images: uint8 (N, C, H, W).

    Raises:
        RunError: the folder cannot be written.
    """
    with told_as_run_error(path):
        path.unlink(missing_ok=True)
    write_json_atomic(path.with_suffix(".json"), meta)
    write_bytes_atomic(path, save({"images": images.contiguous()}))
    return SampleSet(images, path, meta)


def read_samples(path: Path) -> SampleSet:
    """Read one sample set.

    Raises:
        RunError: a file of the set is missing or damaged.
    """
    try:
        meta = validated(SampleMeta, path.with_suffix(".json").read_bytes())
        images = load_file(path)["images"]
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise RunError(f"Cannot read the samples {path}: {error}; delete the file and sample again.") from error
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise RunError(f"{path} holds {images.dtype} of shape {tuple(images.shape)}, not uint8 (N, C, H, W) images.")
    return SampleSet(images, path, meta)


def list_samples(run: Run) -> list[Path]:
    """The finished sample sets of a run, oldest first."""
    return sorted(run.samples_path.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
