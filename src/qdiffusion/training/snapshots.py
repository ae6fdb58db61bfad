"""Averaged weights of chosen steps, kept beside the checkpoints, which come and go."""

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from qdiffusion.errors import RunError, UsageError
from qdiffusion.runs import Run
from qdiffusion.runs.files import told_as_run_error, write_bytes_atomic
from qdiffusion.runs.items import to_bytes
from qdiffusion.runs.snapshots import snapshot_path


def write_snapshot(run: Run, step: int, system: nn.Module) -> None:
    """Write a system's weights.

    Raises:
        RunError: the folder cannot be written.
    """
    path = snapshot_path(run, step)
    with told_as_run_error(path):
        path.parent.mkdir(exist_ok=True)
    write_bytes_atomic(path, to_bytes(system.state_dict()))


def read_snapshot(run: Run, step: int, kept: tuple[int, ...]) -> dict[str, Tensor]:
    """The weights of `step`; `kept` are the steps that the experiment keeps.

    Raises:
        UsageError: the experiment keeps no such step.
        RunError: the file is missing or damaged.
    """
    if step not in kept:
        steps = ", ".join(map(str, kept)) or "none"
        raise UsageError(f"There is no snapshot of step {step}; this experiment keeps {steps} (--snapshots).")
    path = snapshot_path(run, step)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"Cannot read the snapshot {path}: {error}; train on to that step, or train again.") from error
