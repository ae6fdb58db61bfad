"""Snapshots: the averaged weights after some of a training's steps, and their scores."""

import re
from pathlib import Path
from typing import Any

from qdiffusion.errors import RunError
from qdiffusion.runs.records import Metrics, validated
from qdiffusion.runs.run import Run


def snapshot_path(run: Run, step: int) -> Path:
    """Where the weights after `step` steps lie."""
    return run.snapshots_path / f"step-{step:08d}.safetensors"


def snapshot_scores_path(run: Run, step: int) -> Path:
    """Where the scores of the weights after `step` steps lie; as metrics.json."""
    return run.snapshots_path / f"step-{step:08d}.json"


def list_snapshots(run: Run) -> list[int]:
    """The steps after which weights were kept, in order."""
    return _steps(run, "safetensors")


def read_snapshot_scores(run: Run) -> list[tuple[int, dict[str, Any]]]:
    """Steps and their scores, in order; steps that were not scored are left out.

    Raises:
        RunError: a file is damaged.
    """
    return [(step, _read(snapshot_scores_path(run, step))) for step in _steps(run, "json")]


def _steps(run: Run, suffix: str) -> list[int]:
    names = (re.fullmatch(rf"step-(\d{{8,}})\.{suffix}", path.name) for path in run.snapshots_path.glob("step-*"))
    return sorted(int(name[1]) for name in names if name)


def _read(path: Path) -> dict[str, Any]:
    try:
        return validated(Metrics, path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); delete it, the report can do without it.") from error
