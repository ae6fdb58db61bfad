"""Pictures that the report shows beside the samples: real items, and strips along the two processes."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from qdiffusion.errors import RunError
from qdiffusion.runs.files import told_as_run_error, write_bytes_atomic
from qdiffusion.runs.items import check_items, from_file, to_bytes
from qdiffusion.runs.records import validated
from qdiffusion.runs.run import Run


@dataclass(frozen=True)
class Strip:
    """A few items, each at several levels of a process.

    items: (rows, levels, …), a row an item: uint8 (…, C, H, W), complex (…, 2^n) or float32 (…, d).
    labels: of each level the short lines that stand with it.
    caption: what is seen, in sentences.
    """

    items: Tensor
    labels: tuple[tuple[str, ...], ...]
    caption: str = ""


def real_path(run: Run) -> Path:
    """Where some of the training items lie."""
    return run.pictures_path / "real.safetensors"


def forward_path(run: Run) -> Path:
    """Where the strip of the forward process lies."""
    return run.pictures_path / "forward.safetensors"


def reverse_path(run: Run, samples: str) -> Path:
    """Where the strip of the reverse process lies that ended in the sample set of this name."""
    return run.pictures_path / f"reverse-{samples}.safetensors"


def write_real(run: Run, items: Tensor) -> None:
    """Write some training items: uint8 (N, C, H, W), complex (N, 2^n) or float32 (N, d).

    Raises:
        RunError: the folder cannot be written.
    """
    _write(real_path(run), items, {})


def write_strip(path: Path, strip: Strip) -> None:
    """Write a strip. Raises as `write_real`."""
    labels = json.dumps(strip.labels, ensure_ascii=False)
    _write(path, strip.items, {"labels": labels, "caption": strip.caption})


def read_real(run: Run) -> Tensor | None:
    """The training items that `write_real` wrote, or None where a run has none.

    Raises:
        RunError: the file is damaged.
    """
    path = real_path(run)
    if not path.exists():
        return None
    try:
        return _items(path, leading=1)[0]
    except (OSError, ValueError, SafetensorError) as error:
        raise _damaged(path, error) from error


def read_strip(path: Path) -> Strip | None:
    """A strip, or None where there is none. Raises as `read_real`."""
    if not path.exists():
        return None
    try:
        items, metadata = _items(path, leading=2)
        labels = tuple(map(tuple, validated(list[list[str]], metadata.get("labels", "null"))))
        if len(labels) != items.shape[1]:
            raise ValueError(f"{items.shape[1]} levels, labels of {len(labels)}")
    except (OSError, ValueError, SafetensorError) as error:
        raise _damaged(path, error) from error
    return Strip(items, labels, metadata.get("caption", ""))


def _write(path: Path, items: Tensor, metadata: dict[str, str]) -> None:
    with told_as_run_error(path):
        path.parent.mkdir(exist_ok=True)
    write_bytes_atomic(path, to_bytes({"items": items}, metadata))


def _items(path: Path, leading: int) -> tuple[Tensor, dict[str, str]]:
    tensors, metadata = from_file(path)
    if tensors.keys() != {"items"}:
        raise ValueError(f"it holds {', '.join(sorted(tensors)) or 'nothing'} instead of items")
    check_items(tensors["items"], leading)
    return tensors["items"], metadata


def _damaged(path: Path, reason: Exception) -> RunError:
    return RunError(f"The picture {path} is damaged ({reason}); delete it, the report can do without it.")
