"""A run: one folder with everything about one training, in files that a person can read."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qdiffusion.errors import RunError, UsageError
from qdiffusion.runs import lock, records
from qdiffusion.runs.files import (
    TEMPORARY_SUFFIX,
    remove,
    remove_temporaries,
    told_as_run_error,
    write_text_atomic,
)

FORMAT = 2
"""Of experiment.json."""


@dataclass(frozen=True)
class Run:
    """A run folder; `Run.create` makes one, `Run.open` finds one."""

    path: Path

    @classmethod
    def create(cls, path: Path | str, *, overwrite: bool = False) -> "Run":
        """Make an empty run folder, in place of an older run if `overwrite`.

        Raises:
            UsageError: see `check_free`.
            RunError: the folder cannot be written.
        """
        run = cls(Path(path))
        check_free(run.path, overwrite=overwrite)
        with told_as_run_error(run.path):
            run._clear()
            run._make_folders()
        return run

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Find an existing run.

        Raises:
            RunError: the folder is missing or holds no run.
        """
        run = cls(Path(path))
        if not run.experiment_path.is_file():
            state = "has no experiment.json in it" if run.path.is_dir() else "does not exist"
            raise RunError(
                f"{run.path} is not a run: the folder {state}; give the folder that `qdiffusion train --out` wrote."
            )
        return run

    @property
    def experiment_path(self) -> Path:
        return self.path / "experiment.json"

    @property
    def description_path(self) -> Path:
        return self.path / "description.json"

    @property
    def stats_path(self) -> Path:
        return self.path / "stats.jsonl"

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model_path(self) -> Path:
        return self.path / "model"

    @property
    def codec_path(self) -> Path:
        return self.path / "codec"

    @property
    def snapshots_path(self) -> Path:
        return self.path / "snapshots"

    @property
    def samples_path(self) -> Path:
        return self.path / "samples"

    @property
    def pictures_path(self) -> Path:
        return self.path / "pictures"

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.json"

    @property
    def figures_path(self) -> Path:
        return self.path / "figures"

    @property
    def tensorboard_path(self) -> Path:
        return self.path / "tensorboard"

    @property
    def report_path(self) -> Path:
        return self.path / "report.html"

    def read_experiment(self) -> dict[str, Any]:
        """Read experiment.json: "experiment" (resolved), "environment" (versions, machine) and "data" (what was used).

        Raises:
            RunError: the file is damaged, or of another format: a version of before wrote it.
        """
        written = self._read(self.experiment_path, records.RunFormat, "train again")
        if written.get("format") != FORMAT:
            raise self._of_other_format(written)
        return self._read(self.experiment_path, records.RunRecord, "train again")

    def read_metrics(self) -> dict[str, Any] | None:
        """Read metrics.json, or give None when the run has not been evaluated.

        Raises:
            RunError: the file is damaged.
        """
        if not self.metrics_path.exists():
            return None
        return self._read(self.metrics_path, records.Metrics, "evaluate again")

    def read_stats(self) -> list[dict[str, Any]]:
        """Read the logged steps, oldest first; a last line that a killed process left unfinished is passed over.

        Raises:
            RunError: another line is damaged.
        """
        if not self.stats_path.exists():
            return []
        try:
            *lines, _unfinished = self.stats_path.read_bytes().split(b"\n")
            return [records.validated(records.LoggedStep, line) for line in lines]
        except (OSError, ValueError) as error:
            raise RunError(f"{self.stats_path} is damaged ({error}); restore it or delete it.") from error

    def append_stats(self, stats: dict[str, Any]) -> None:
        """Add one logged step, and see it on the disk.

        Raises:
            RunError: the file cannot be written.
        """
        with told_as_run_error(self.stats_path), self.stats_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(stats) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def truncate_stats(self, step: int) -> None:
        """Forget the steps logged after `step`, which a resumed training is about to do again.

        Raises:
            RunError: the file is damaged or cannot be written.
        """
        kept = [json.dumps(line) + "\n" for line in self.read_stats() if line["step"] <= step]
        write_text_atomic(self.stats_path, "".join(kept))

    def repair(self) -> None:
        """Remove what a process killed while writing has left behind, and make the folders that are missing.

        Raises:
            RunError: the folder cannot be written.
        """
        with told_as_run_error(self.path):
            self._make_folders()
        remove_temporaries(self.checkpoints_path)
        if not lock.held_elsewhere(self.path):  # what another process is sampling or reporting is no leftover
            for folder in (self.path, self.snapshots_path, self.samples_path, self.pictures_path):
                remove_temporaries(folder)

    def _make_folders(self) -> None:
        self.checkpoints_path.mkdir(parents=True, exist_ok=True)
        self.samples_path.mkdir(exist_ok=True)

    def _clear(self) -> None:
        """Remove the run's own files. experiment.json goes last: until then the folder is recognised as a run."""
        if not self.path.is_dir():
            return
        own = (
            self.description_path,
            self.stats_path,
            self.checkpoints_path,
            self.model_path,
            self.codec_path,
            self.snapshots_path,
            self.samples_path,
            self.pictures_path,
            self.metrics_path,
            self.figures_path,
            self.tensorboard_path,
            self.report_path,
        )
        for path in own:
            remove(path)
        remove_temporaries(self.path)
        remove(self.experiment_path)

    def _of_other_format(self, written: dict[str, Any]) -> RunError:
        age = "a later" if written.get("format", 0) > FORMAT else "an earlier"
        version = written.get("environment", {}).get("qdiffusion", "its version is not said")
        return RunError(
            f"{self.path} was made by {age} qdiffusion ({version}), whose experiments read otherwise; train it again, "
            "or open it with that version."
        )

    @staticmethod
    def _read(path: Path, kind: Any, instead: str) -> dict[str, Any]:
        try:
            return records.validated(kind, path.read_bytes())
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is damaged: {error}; restore it, or {instead}.") from error


def check_free(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a place where a new run would destroy something.

    Raises:
        UsageError: `path` is a file, a filled folder (without `overwrite`), or a filled folder that is no run; the
            folder it would lie in cannot be written.
        RunError: another process is writing the run that would be replaced.
    """
    if path.is_file():
        raise UsageError(f"{path} is a file, but a run needs a folder; choose another --out.")
    _check_writable(path)
    if not path.is_dir() or not any(not _is_leftover(entry) for entry in path.iterdir()):
        return
    if not overwrite:
        raise UsageError(
            f"{path} is not empty; choose another --out, continue it with `qdiffusion resume {path}`, "
            "or replace it with --overwrite."
        )
    if not (path / "experiment.json").is_file():
        raise UsageError(f"{path} is not a run, so --overwrite leaves it alone; choose another --out.")
    lock.check_unlocked(path)


def _check_writable(path: Path) -> None:
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise RunError(f"Cannot write {path}: {nearest} is not a folder that you may write to; choose another --out.")


def _is_leftover(entry: Path) -> bool:
    """Whether a run killed in its first instant left this: locks, an unfinished file, a folder with nothing in it."""
    if entry.name == lock.FOLDER or entry.name.endswith(TEMPORARY_SUFFIX):
        return True
    return entry.is_dir() and not any(entry.iterdir())
