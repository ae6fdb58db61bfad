"""A trained run's weights: written as diffusers lays models out, and read back into a system."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from accelerate import PartialState
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from qdiffusion import __version__
from qdiffusion.data.space import Space
from qdiffusion.diffusion.system import System
from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import Checkpoint, digest, list_checkpoints, load
from qdiffusion.runs.files import write_bytes_atomic, write_folder_atomic, write_json_atomic
from qdiffusion.runs.items import to_bytes
from qdiffusion.runs.records import validated
from qdiffusion.training.building import build_system
from qdiffusion.training.experiment import Codec, Experiment, Model
from qdiffusion.training.setup import read_experiment
from qdiffusion.training.snapshots import read_snapshot

WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"


def save_system(run: Run, experiment: Experiment, space: Space, system: System) -> None:
    """Write `codec/`, where the codec has weights, and `model/`, whose presence says that the training is over.

    Raises:
        RunError: the folders cannot be written.
    """
    if system.codec_has_weights:
        _save(run.codec_path, experiment.codec, space, system.codec)
    _save(run.model_path, experiment.model_of(-1), system.codec.space, system.denoiser)


def load_system(run: Run, snapshot: int | None = None) -> tuple[System, dict[str, Any]]:
    """A run's system with averaged weights, ready to sample, and where they come from.

    Args:
        run: a run, finished or not.
        snapshot: take the weights of this step rather than the last.

    Returns:
        The system on the device at hand, and {"step": steps of training, "finished": whether that was all of it,
        "weights_sha256": …}.

    Raises:
        UsageError: the experiment keeps no such snapshot.
        RunError: there is neither a finished model nor a checkpoint, or it is damaged.
    """
    experiment, space = read_experiment(run)[:2]
    if snapshot is not None:
        system = build_system(experiment, space, experiment.stage_at(snapshot))
        return _ready(run, system, read_snapshot(run, snapshot, experiment.snapshots), snapshot, False)
    if run.model_path.is_dir():
        system = build_system(experiment, space)
        return _ready(run, system, _saved(run, experiment, space, system), experiment.total_steps, True)
    checkpoint = last_checkpoint(run)
    system = build_system(experiment, space, checkpoint.meta["stage"])
    weights = checkpoint.part("ema") or checkpoint.part("system")
    return _ready(run, system, weights, checkpoint.meta["step"], False)


def last_checkpoint(run: Run) -> Checkpoint:
    """The newest checkpoint.

    Raises:
        RunError: there is none, or it is damaged.
    """
    paths = list_checkpoints(run)
    if not paths:
        raise RunError(
            f"{run.path} has neither a model nor a checkpoint yet; let `qdiffusion resume {run.path}` train it first."
        )
    try:
        return load(paths[-1])
    except RunError:
        if paths[-1].exists():
            raise
        return last_checkpoint(run)  # a training under way has newer ones, and has deleted this


def _ready(
    run: Run, system: System, weights: dict[str, Tensor], step: int, finished: bool
) -> tuple[System, dict[str, Any]]:
    try:
        system.load_state_dict(weights)
    except RuntimeError as error:
        raise _unreadable(run, error) from error
    origin = {"step": step, "finished": finished, "weights_sha256": digest(system.state_dict())}
    return system.eval().requires_grad_(False).to(PartialState().device), origin


def _saved(run: Run, experiment: Experiment, space: Space, system: System) -> dict[str, Tensor]:
    """The weights in `codec/` and `model/`, under their names in the system."""
    parts: list[tuple[str, Path, Codec | Model, Space]] = [
        ("denoiser", run.model_path, experiment.model_of(-1), system.codec.space)
    ]
    if system.codec_has_weights:
        parts.append(("codec", run.codec_path, experiment.codec, space))
    try:
        return dict(chain.from_iterable(_read(*part) for part in parts))
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(run, error) from error


def _read(name: str, folder: Path, config: Codec | Model, space: Space) -> Iterable[tuple[str, Tensor]]:
    _check_config(folder, _layout(config, space))
    files = folder.glob("*.safetensors")
    tensors = chain.from_iterable(load_file(file).items() for file in files)
    return [(f"{name}.{key}", tensor) for key, tensor in tensors]


def _save(folder: Path, config: Codec | Model, space: Space, module: nn.Module) -> None:
    def fill(place: Path) -> None:
        write_json_atomic(place / "config.json", {**_layout(config, space), "_qdiffusion_version": __version__})
        write_bytes_atomic(place / WEIGHTS_FILE, to_bytes(module.state_dict(), {"format": "pt"}))

    write_folder_atomic(folder, fill)


def _layout(config: Codec | Model, space: Space) -> dict[str, Any]:
    """What config.json says but for versions: the class, and the arguments that it was made with."""
    return {"_class_name": config.class_name, **config.arguments(space)}


def _check_config(folder: Path, expected: dict[str, Any]) -> None:
    """Raise ValueError unless config.json is that of the experiment's model."""
    try:
        config = validated(dict[str, Any], (folder / "config.json").read_bytes())
    except ValueError as error:
        raise ValueError(f"config.json is wrong {error}") from error
    missing = object()
    names = sorted(name for name in {*config, *expected} if not name.endswith("_version"))
    differing = [name for name in names if config.get(name, missing) != _plain(expected.get(name, missing))]
    if differing:
        raise ValueError(f"config.json is not of the experiment's model: it differs in {', '.join(differing)}")


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value


def _unreadable(run: Run, error: Exception) -> RunError:
    return RunError(
        f"The model of {run.path} cannot be read ({error}); delete {run.model_path} and run "
        f"`qdiffusion resume {run.path}` to have it written again."
    )
