"""Sample sets of a run: items in safetensors, and how they were made beside them in JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from qdiffusion.errors import RunError
from qdiffusion.runs.files import told_as_run_error, write_bytes_atomic, write_json_atomic
from qdiffusion.runs.items import check_items, from_file, to_bytes
from qdiffusion.runs.records import SampleMeta, validated
from qdiffusion.runs.run import Run

STEPS = "-steps"
"""What the name of a strip along the sampling ends in."""


@dataclass(frozen=True)
class SampleSet:
    """Items that a run's model made.

    items: uint8 (N, C, H, W), 0…255, complex (N, 2^n) or float32 (N, d).
    path: the safetensors file.
    meta: how they were made: seed, count, batch_size, step of the training, weights_sha256, "made" in short words, …
    labels: int64 (N,), of a conditional model: indices into the classes of the data; None of another.
    """

    items: Tensor
    path: Path
    meta: dict[str, Any]
    labels: Tensor | None = None

    @property
    def name(self) -> str:
        return self.path.stem


def write_samples(path: Path, items: Tensor, meta: dict[str, Any], labels: Tensor | None = None) -> SampleSet:
    """Write NAME.json and then NAME.safetensors; the second one's presence says that the set is whole.

    items, labels: as in `SampleSet`.

    Raises:
        RunError: the folder cannot be written.
    """
    with told_as_run_error(path):
        path.unlink(missing_ok=True)
    write_json_atomic(path.with_suffix(".json"), meta)
    write_bytes_atomic(path, to_bytes({"items": items} if labels is None else {"items": items, "labels": labels}))
    return SampleSet(items, path, meta, labels)


def read_samples(path: Path) -> SampleSet:
    """Read one sample set.

    Raises:
        RunError: a file of the set is missing or damaged.
    """
    meta = read_meta(path)
    try:
        tensors, _ = from_file(path)
        items, labels = tensors["items"], tensors.get("labels")
        check_items(items)
        if labels is not None and (labels.dtype != torch.int64 or labels.shape != items.shape[:1]):
            raise ValueError(f"labels of {labels.dtype} and shape {tuple(labels.shape)} are not one int64 an item")
        if labels is not None and labels.min() < 0:
            raise ValueError("a label is negative")
    except KeyError as error:
        raise _unreadable(path, "it holds no items") from error
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(path, error) from error
    return SampleSet(items, path, meta, labels)


def read_meta(path: Path) -> dict[str, Any]:
    """How the sample set at `path` was made. Raises as `read_samples`."""
    try:
        return validated(SampleMeta, path.with_suffix(".json").read_bytes())
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def list_samples(run: Run) -> list[Path]:
    """The finished sample sets of a run, oldest first."""
    sets = (path for path in run.samples_path.glob("*.safetensors") if not path.stem.endswith(STEPS))
    return sorted(sets, key=lambda path: path.stat().st_mtime_ns)


def steps_path(samples: Path) -> Path:
    """Where the strip lies that shows how the first items of the set at `samples` came to be."""
    return samples.with_stem(samples.stem + STEPS)


def _unreadable(path: Path, reason: Exception | str) -> RunError:
    return RunError(f"Cannot read the samples {path}: {reason}; delete the file and sample again.")
