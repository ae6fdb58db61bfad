"""Pictures that the report shows beside the samples: real images, and strips along the two processes."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from qdiffusion.errors import RunError
from qdiffusion.runs.files import told_as_run_error, write_bytes_atomic
from qdiffusion.runs.run import Run


@dataclass(frozen=True)
class Strip:
    """A few images, each at several noise levels.

    images: uint8 (rows, levels, C, H, W), a row an image.
    t: int64 (levels,), the noise levels 0 … T-1 of the columns; -1 is no noise.
    snr: float64 (levels,), ᾱ_t / (1 - ᾱ_t); infinite without noise.
    """

    images: Tensor
    t: Tensor
    snr: Tensor


def real_path(run: Run) -> Path:
    """Where some of the training images lie."""
    return run.pictures_path / "real.safetensors"


def forward_path(run: Run) -> Path:
    """Where the strip of the forward process lies."""
    return run.pictures_path / "forward.safetensors"


def reverse_path(run: Run, samples: str) -> Path:
    """Where the strip of the reverse process lies that ended in the sample set of this name."""
    return run.pictures_path / f"reverse-{samples}.safetensors"


def write_real(run: Run, images: Tensor) -> None:
    """Write some training images, uint8 (N, C, H, W).

    Raises:
        RunError: the folder cannot be written.
    """
    _write(real_path(run), {"images": images})


def write_strip(path: Path, strip: Strip) -> None:
    """Write a strip. Raises as `write_real`."""
    _write(path, {"images": strip.images, "t": strip.t, "snr": strip.snr})


def read_real(run: Run) -> Tensor | None:
    """The training images that `write_real` wrote, or None where a run has none.

    Raises:
        RunError: the file is damaged.
    """
    tensors = _read(real_path(run), {"images": (torch.uint8, 4)})
    return None if tensors is None else tensors["images"]


def read_strip(path: Path) -> Strip | None:
    """A strip, or None where there is none. Raises as `read_real`."""
    tensors = _read(path, {"images": (torch.uint8, 5), "t": (torch.int64, 1), "snr": (torch.float64, 1)})
    if tensors is None:
        return None
    strip = Strip(**tensors)
    if not strip.images.shape[1] == len(strip.t) == len(strip.snr):
        raise _damaged(path, f"{strip.images.shape[1]} images a row, {len(strip.t)} noise levels")
    return strip


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    with told_as_run_error(path):
        path.parent.mkdir(exist_ok=True)
    write_bytes_atomic(path, save({name: tensor.contiguous() for name, tensor in tensors.items()}))


def _read(path: Path, expected: dict[str, tuple[torch.dtype, int]]) -> dict[str, Tensor] | None:
    if not path.exists():
        return None
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error)) from error
    kinds = {name: (tensor.dtype, tensor.ndim) for name, tensor in tensors.items()}
    if kinds != expected or not all(tensor.numel() for tensor in tensors.values()):
        raise _damaged(path, "other tensors than expected")
    return tensors


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(f"The picture {path} is damaged ({reason}); delete it, the report can do without it.")
