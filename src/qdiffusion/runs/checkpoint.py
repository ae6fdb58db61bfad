"""Checkpoints: everything that training needs to go on bit for bit, in one verified safetensors file a step.

SHA-256 covers the metadata and, tensor by tensor in the order of names, name, dtype, shape and bytes.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from qdiffusion.errors import RunError
from qdiffusion.runs.files import told_as_run_error, write_bytes_atomic
from qdiffusion.runs.records import CheckpointMeta, validated
from qdiffusion.runs.run import Run

KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `meta["step"]` steps.

    tensors: flat: "system/…", "ema/…", "optimiser/…", "random/…", "leg/…", "log/…"; any shape and dtype.
    meta: plain values: step, stage, round, seconds, versions
    """

    tensors: dict[str, Tensor]
    meta: dict[str, Any] = field(default_factory=dict)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under `prefix/`, without it."""
        start = f"{prefix}/"
        return {name.removeprefix(start): value for name, value in self.tensors.items() if name.startswith(start)}


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        RunError: the folder cannot be written or the disk is full.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    meta = json.dumps(checkpoint.meta, sort_keys=True)
    content = to_safetensors(tensors, metadata={"qdiffusion": meta, "sha256": digest(tensors, meta)})
    write_bytes_atomic(path, content)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint and verify it.

    Raises:
        RunError: the file is missing, truncated or corrupted; the sentence says which older one is left.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        intact = digest(tensors, header["qdiffusion"]) == header["sha256"]
        if not intact:
            raise ValueError("its SHA-256 does not match")
        meta = validated(CheckpointMeta, header["qdiffusion"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise RunError(_damaged(path, str(error))) from error
    return Checkpoint(tensors, meta)


def digest(tensors: Mapping[str, Tensor], meta: str = "") -> str:
    """SHA-256 over names, dtypes, shapes and bytes of CPU tensors of any shape, and over `meta`."""
    total = hashlib.sha256(meta.encode())
    for name, tensor in sorted(tensors.items()):
        total.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def checkpoint_path(run: Run, step: int) -> Path:
    """Where the checkpoint of `step` lies."""
    return run.checkpoints_path / f"step-{step:08d}.safetensors"


def list_checkpoints(run: Run) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted(run.checkpoints_path.glob("step-*.safetensors"))


def prune(run: Run, spared: Collection[int] = ()) -> None:
    """Delete all checkpoints but the last two and those of the steps `spared`."""
    paths = {checkpoint_path(run, step) for step in spared}
    with told_as_run_error(run.checkpoints_path):
        for path in list_checkpoints(run)[:-KEPT]:
            if path not in paths:
                path.unlink()


def _damaged(path: Path, reason: str) -> str:
    older = [other for other in sorted(path.parent.glob("step-*.safetensors")) if other.name < path.name]
    then = f"continues from {older[-1].name}" if older else "starts again from the beginning"
    return (
        f"The checkpoint {path} is damaged ({reason}); delete it, and `qdiffusion resume {path.parent.parent}` {then}."
    )
