"""The finished cells of a study, read from its folder, and their scores by column, moment and seed."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from qdiffusion.errors import RunError
from qdiffusion.studies.budget import epochs_at
from qdiffusion.studies.records import CellRecord, Mark, Score, read_record
from qdiffusion.studies.spec import Reference, StudySpec
from qdiffusion.studies.statistics import Estimate, estimate

FOLDER = "cells"
FARTHEST = 0.1  # a mark this far from a moment, in shares of the training, is not that moment's
EXACT = 0.01  # one within this lies at it


@dataclass(frozen=True)
class Cells:
    """What is finished of a study."""

    study: StudySpec
    records: tuple[CellRecord, ...]
    """At least one; in the order of the study's columns, then of the seeds."""
    seeds: tuple[int, ...]
    """Those that every column is to be trained with."""
    ignored: tuple[str, ...] = ()
    """Sentences about files that are no cells of this study."""

    @property
    def progress(self) -> str:
        """How much is done, in a sentence."""
        columns, seeds = len(self.study.columns), len(self.seeds)
        wanted = f"{columns} columns × {seeds} seed{'s' if seeds > 1 else ''}"
        return f"{len(self.records)} of {columns * seeds} cells are done ({wanted})."

    @cached_property
    def network(self) -> str:
        """The feature network that all cells are scored with; empty where none has to do with them.

        Raises:
            RunError: there is more than one.
        """
        names = {name for record in self.records for mark in record.marks for name in mark.scores}
        networks = sorted(name.removeprefix("fid-") for name in names if name.startswith("fid-"))
        if len(networks) > 1:
            raise RunError(
                f"The cells of {self.study.name} are scored by the feature networks {', '.join(networks)}, but "
                "expected one for all; delete those of the others and run the study again."
            )
        return "".join(networks)

    def score_name(self, kind: str) -> str:
        """A score's name in full: "fid" → "fid-mnist-cnn"; "infidelity", which no network has to do with, stays."""
        marks = (mark for record in self.records for mark in record.marks)
        return kind if any(kind in mark.scores for mark in marks) else f"{kind}-{self.network}"

    def kinds(self, moment: int) -> tuple[str, ...]:
        """The scores of a moment by that network and those that the study names, in the order in which cells have
        them.
        """
        marks = filter(None, (self.mark(record, moment) for record in self.records))
        names = dict.fromkeys(name for mark in marks for name in mark.scores)
        ending, own = f"-{self.network}", (*self.study.scores, *self.study.last)
        return tuple(name.removesuffix(ending) for name in names if name.endswith(ending) or name in own)

    def better(self, name: str) -> str:
        """Which direction of a score is better: lower, where no cell has it."""
        marks = (mark for record in self.records for mark in record.marks)
        return next((mark.scores[name].better for mark in marks if name in mark.scores), "lower")

    def of(self, column: str) -> tuple[CellRecord, ...]:
        """The cells of a column."""
        return tuple(record for record in self.records if record.column == column)

    def mark(self, record: CellRecord, moment: int) -> Mark | None:
        """The mark of a cell that lies nearest to a moment of the study, None where none lies near it.

        A mark at the moment's whole epoch (`epochs_at`) is its own, however few epochs there are; where that is the
        epoch of several moments, it is that of the nearest alone.
        """
        length = record.marks[-1].epoch

        def distance(mark: Mark, share: float) -> tuple[float, float]:
            apart = abs(mark.epoch / length - share)
            return (0.0 if mark.epoch == epochs_at(share, length) else apart), apart

        def distances(mark: Mark) -> list[tuple[float, float]]:
            return [distance(mark, each.share) for each in self.study.moments]

        found = [(distances(mark), mark) for mark in record.marks]
        near = [(own[moment], mark) for own, mark in found if own[moment][0] <= FARTHEST and own[moment] <= min(own)]
        return min(near, key=lambda pair: pair[0], default=(None, None))[1]

    def moment_title(self, moment: int, columns: Collection[object] = ()) -> str:
        """A moment with its epochs in cells of those columns, or of all; where they lie elsewhere in the training than
        it says, they alone: "half of the training, epoch 10"; "epoch 1 of 10".
        """
        records = [record for record in self.records if record.column in columns] or self.records
        found = [(mark, record.marks[-1]) for record in records if (mark := self.mark(record, moment))]
        share, label = self.study.moments[moment].share, self.study.moments[moment].label
        if not found:
            return label
        at, ends = (_span(mark.epoch for mark in marks) for marks in zip(*found, strict=True))
        exact = [abs(mark.epoch / end.epoch - share) < EXACT for mark, end in found]
        if all(exact):
            return f"{label}, epoch {at}"
        return f"{label} or near it, epoch {at} of {ends}" if any(exact) else f"epoch {at} of {ends}"

    def values(self, key: str | float, moment: int, name: str) -> dict[int, float]:
        """A score by seed: a column's, a reference's, the mean over the cells that say it, or a number itself."""
        if isinstance(key, float):
            return dict.fromkeys(self.seeds, key)
        reference = next((each for each in self.study.references if each.key == key), None)
        if reference is not None:
            return self._reference_values(reference, moment, name)
        return {record.seed: score.value for record, score in self._scores(moment, name) if record.column == key}

    def _reference_values(self, reference: Reference, moment: int, name: str) -> dict[int, float]:
        found = defaultdict[int, list[float]](list)
        for record, score in self._scores(moment, name):
            value = score.reference(reference.beside)
            if value is not None and (not reference.columns or record.column in reference.columns):
                found[record.seed].append(value)
        return {seed: fmean(values) for seed, values in found.items()}

    def _scores(self, moment: int, name: str) -> Iterator[tuple[CellRecord, Score]]:
        """A score of every cell that has it."""
        for record in self.records:
            mark = self.mark(record, moment)
            if mark is not None and name in mark.scores:
                yield record, mark.scores[name]

    def estimate(self, key: str, moment: int, name: str) -> Estimate | None:
        """A score of a column or reference over seeds, None where no cell has it."""
        values = self.values(key, moment, name)
        return estimate(list(values.values())) if values else None

    def over_seeds(self, column: str, of: Callable[[CellRecord], float]) -> Estimate | None:
        """A number of a column's cells over seeds."""
        values = [of(record) for record in self.of(column)]
        return estimate(values) if values else None


def read_cells(out: Path, study: StudySpec, seeds: Sequence[int] | None = None) -> Cells:
    """The cells in a study's folder; files that belong to another study, column or seed are ignored.

    Args:
        out: the folder that holds `cells/COLUMN-seedS.json`.
        study: the study.
        seeds: those that every column is to be trained with; None: those that any cell has.

    Raises:
        RunError: a file is damaged, or there is no cell.
    """
    records, ignored = [], []
    for path in sorted((out / FOLDER).glob("*.json")):
        record = read_record(path)
        reason = _foreign(path, record, study, seeds)
        if reason:
            ignored.append(f"{path.name} is left out: {reason}.")
        else:
            records.append(record)
    if not records:
        raise RunError(f"{out / FOLDER} holds no finished cell of {study.name}; run the study first.")
    records.sort(key=lambda record: (study.keys.index(record.column), record.seed))
    wanted = seeds if seeds is not None else {record.seed for record in records}
    return Cells(study, tuple(records), tuple(sorted(set(wanted))), tuple(ignored))


def cell_name(column: str, seed: int) -> str:
    """What the files of a cell are called, without their endings."""
    return f"{column}-seed{seed}"


def strip_name(column: str, seed: int) -> str:
    """What the picture of a cell's forward process is called, without its ending."""
    return f"{cell_name(column, seed)}-forward"


def _span(epochs: Iterable[float]) -> str:
    """The first and the last."""
    ordered = sorted(epochs)
    return "–".join(dict.fromkeys(f"{epoch:g}" for epoch in (ordered[0], ordered[-1])))


def _foreign(path: Path, record: CellRecord, study: StudySpec, seeds: Sequence[int] | None) -> str | None:
    """Why a record is no cell of this study."""
    if record.study != study.name:
        return f"it belongs to the study {record.study}"
    if record.column not in study.keys:
        return f"the study has no column {record.column}"
    if seeds is not None and record.seed not in seeds:
        return f"seed {record.seed} was not asked for"
    if path.stem != cell_name(record.column, record.seed):
        return f"it is the cell {cell_name(record.column, record.seed)} under another name"
    return None
