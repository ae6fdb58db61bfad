"""A training small enough for tests, and what to compare of two runs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from qdiffusion.data import ImagesConfig
from qdiffusion.diffusion import GaussianConfig, ScheduleConfig, SchedulerConfig
from qdiffusion.metrics import ImagesEvaluationConfig
from qdiffusion.models import QVUNetConfig, UNetConfig
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import list_checkpoints, load
from qdiffusion.runs.samples import list_samples, read_samples
from qdiffusion.training import EMAConfig, Experiment, Stage

UNET = UNetConfig(dim=4, multipliers=(1, 2), heads=1, head_dim=4, groups=2)
QVUNET = QVUNetConfig(dim=4, multipliers=(1, 2), heads=1, head_dim=4, groups=2, circuits=1, ansatz="fqconv", n_layers=1)


def write_images(path: Path, count: int = 64, seed: int = 0) -> Path:
    """Random 8×8 grey images of two classes as an .npz file."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, 8, 8), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(count) % 2)
    return path


def tiny(data: Path, **changes: Any) -> Experiment:
    """12 steps of 8 images, logged every 3 and saved every 4."""
    experiment = Experiment(
        name="tiny",
        data=ImagesConfig(path=data, size=8),
        model=UNET,
        forward=GaussianConfig(ScheduleConfig(timesteps=20)),
        stages=(Stage(steps=12, batch_size=8, ema=EMAConfig(start=5, every=2)),),
        sampling=SchedulerConfig(steps=2, count=4),
        evaluation=ImagesEvaluationConfig(count=0),
        log_every=3,
        checkpoint_every=4,
    )
    return replace(experiment, **changes)


def outcome(run: Run) -> dict[str, Any]:
    """Everything of a run that must not depend on whether it was stopped; tensors as bytes."""
    last = load(list_checkpoints(run)[-1])
    timed = ("seconds", "items_per_second")
    return {
        "checkpoints": [path.name for path in list_checkpoints(run)],
        "state": _bytes(last.tensors),
        "model": _bytes(load_file(run.model_path / "diffusion_pytorch_model.safetensors")),
        "stats": [{key: value for key, value in line.items() if key not in timed} for line in run.read_stats()],
        "samples": {path.name: _bytes({"items": read_samples(path).items}) for path in list_samples(run)},
    }


def files(folder: Path) -> set[str]:
    """The names of all files in a folder and below, TensorBoard's apart, which carry the time."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith("tensorboard/")}


def _bytes(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {
        name: (
            str(tensor.dtype),
            tuple(tensor.shape),
            tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes(),
        )
        for name, tensor in tensors.items()
    }
