"""A checkpoint that comes with the package as a run of the user's."""

from pathlib import Path
from shutil import copy, copytree

from qdiffusion.errors import UsageError
from qdiffusion.models.packaged import packaged_folder
from qdiffusion.runs import Run
from qdiffusion.runs.description import write_description
from qdiffusion.runs.files import write_folder_atomic
from qdiffusion.runs.run import check_free
from qdiffusion.training.describe import describe
from qdiffusion.training.setup import read_experiment


def unpacked(name: Path | str, out: Path | None = None) -> Run:
    """The run that a folder holds, or that `pretrained:NAME` is copied to, where no such copy is yet.

    Args:
        name: a run's folder, or `pretrained:NAME`.
        out: where to copy a checkpoint; NAME in the working folder by default.

    Raises:
        UsageError: there is no such checkpoint, `out` was given for a folder, or holds something else.
        RunError: the folder is no run, or cannot be written.
    """
    packaged = packaged_folder(name)
    if packaged is None:
        if out is not None:
            raise UsageError(f"{name} is a run folder of its own, so --out {out} says nothing; leave it out.")
        return Run.open(name)
    run = Run(Path(packaged.name) if out is None else out)
    if not _holds(run.path, packaged):
        _check_free(run.path, name)
        write_folder_atomic(run.path, lambda place: _fill(place, packaged))
    return run


def _holds(folder: Path, packaged: Path) -> bool:
    """Whether each of the checkpoint's files is in the folder."""
    files = [path.relative_to(packaged) for path in packaged.rglob("*") if path.is_file()]
    return all(
        (folder / file).is_file() and (folder / file).read_bytes() == (packaged / file).read_bytes() for file in files
    )


def _check_free(folder: Path, name: Path | str) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already, and is not {name}; give another folder with --out.")
    check_free(folder)


def _fill(place: Path, packaged: Path) -> None:
    for entry in packaged.iterdir():
        (copytree if entry.is_dir() else copy)(entry, place / entry.name)
    run = Run(place)
    run.samples_path.mkdir()
    experiment, space = read_experiment(run)[:2]
    write_description(run, describe(experiment, space))
