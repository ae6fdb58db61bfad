"""A study carried out: cell after cell, each resumable, none done twice, by as many processes as are started."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from qdiffusion.errors import RunError, TrainingError, UsageError, require
from qdiffusion.progress import Progress
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import checkpoint_path
from qdiffusion.runs.lock import held_elsewhere, locked
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.cells import FOLDER, cell_name, strip_name
from qdiffusion.studies.finished import record_of, write_forward, write_grid
from qdiffusion.studies.records import read_record, write_record
from qdiffusion.studies.study import Cell, Study
from qdiffusion.studies.trainings import CLASSICAL
from qdiffusion.training import branch, resume, train
from qdiffusion.training.setup import read_experiment

RUNS = "runs"
"""Where a study's runs lie within its folder; nothing in there has to be kept once the cells are done."""
PATIENCE = 10.0
"""Seconds between two looks at a cell that another process is making."""


@dataclass(frozen=True)
class Reproduction:
    """A study at a budget in a folder.

    Attributes:
        study: which.
        budget: what each cell is given.
        out: the folder: `cells/` with a record and a picture of each finished cell, `runs/`.
        columns: those to be made now.
        seeds: those to be made now.
    """

    study: Study
    budget: Budget
    out: Path
    columns: tuple[str, ...]
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        known = self.study.spec.keys
        unknown = [column for column in self.columns if column not in known]
        if unknown:
            raise UsageError(
                f"The study {self.study.spec.name} has no column {unknown[0]!r}; it has {', '.join(known)}."
            )
        require(len(self.seeds) >= 1, "seeds", self.seeds, "at least one")

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Seed after seed, the classical net first: others branch off from it."""
        wanted = [key for key in self.study.spec.keys if key in self.columns]
        made = [self._cell(key, seed) for seed in self.seeds for key in wanted]
        if any(cell.branches_at is not None for cell in made) and CLASSICAL not in wanted:
            made = [self._cell(CLASSICAL, seed) for seed in self.seeds] + made
        return tuple(made)

    def _cell(self, column: str, seed: int) -> Cell:
        return self.study.cell(self.study.spec, column, seed, self.budget)

    def record_path(self, cell: Cell) -> Path:
        """The JSON file that a finished cell leaves."""
        return self.out / FOLDER / f"{cell_name(cell.column, cell.seed)}.json"

    def run_path(self, cell: Cell) -> Path:
        """The run that makes a cell."""
        return self.out / RUNS / cell_name(cell.column, cell.seed)

    def is_done(self, cell: Cell) -> bool:
        """Whether the cell's record is there.

        Raises:
            UsageError: it was made with another budget, or by another study.
            RunError: it is damaged.
        """
        path = self.record_path(cell)
        if not path.exists():
            return False
        record = read_record(path)
        if record.study != self.study.spec.name:
            raise UsageError(
                f"{path} belongs to the study {record.study}; give another --out for {self.study.spec.name}."
            )
        made = record.conditions
        wanted = cell.budget.to_dict()
        differing = [name for name, value in wanted.items() if made.get(name) != value]
        if differing:
            told = ", ".join(f"{name} {made.get(name)} instead of {wanted[name]}" for name in differing)
            raise UsageError(
                f"{path} was made with another budget ({told}); give that budget, or another --out for this one."
            )
        return True

    def carry_out(self, progress: Progress, on_cell: Callable[[], object] = lambda: None) -> None:
        """Make every cell that is not there; a cell that another process is making is left to it.

        A cell whose training diverges is given up, and told of when the others are done.

        Args:
            progress: where to report.
            on_cell: called after each cell.

        Raises:
            UsageError: a cell was made with another budget, or by another study.
            RunError, DataError, TrainingError, Interrupted: as `training.train`; a second call goes on.
        """
        clock, is_waiting = _Clock(time.monotonic()), False
        diverged: dict[Cell, TrainingError] = {}
        while left := [cell for cell in self.cells if not self.is_done(cell) and not self._rests_on(cell, diverged)]:
            cell = next((cell for cell in left if self._is_ready(cell)), None)
            if cell is None:
                if not is_waiting:
                    progress.say("All cells that are left are being made by other processes; waiting for them.")
                is_waiting = True
                time.sleep(PATIENCE)
                continue
            is_waiting = False
            done = len(self.cells) - len(left)
            place = f"Cell {done + 1} of {len(self.cells)}: {cell.column}, seed {cell.seed}"
            with locked(self.run_path(cell), "cell", "reproduce", on_wait=progress.say):
                if self.is_done(cell):
                    continue
                progress.say(f"{place}{clock.left(sum(map(self._cost, left)))}.")
                begun = self.run_path(cell).joinpath("experiment.json").exists()
                try:
                    self._make(cell, progress)
                except TrainingError as error:
                    diverged[cell] = error
                    progress.say(str(error))
                    continue
            on_cell()
            if begun:
                clock = _Clock(time.monotonic())  # what an earlier process did says nothing of the pace
            else:
                clock.spent += self._cost(cell)

        for cell, reason in diverged.items():
            raise TrainingError(f"{cell_name(cell.column, cell.seed)} and what rests on it was given up: {reason}")

    def _rests_on(self, cell: Cell, others: Collection[Cell]) -> bool:
        """Whether it is one of the others, or branches off from one."""
        return cell in others or (cell.branches_at is not None and self._cell(CLASSICAL, cell.seed) in others)

    def _is_ready(self, cell: Cell) -> bool:
        if held_elsewhere(self.run_path(cell), "cell"):
            return False
        return cell.branches_at is None or self.is_done(self._cell(CLASSICAL, cell.seed))

    def _make(self, cell: Cell, progress: Progress) -> None:
        path = self.run_path(cell)
        if (path / "experiment.json").is_file():
            run = Run.open(path)
            if read_experiment(run).experiment != cell.experiment:
                raise RunError(f"{path} holds another training than this study's; delete it, or give another --out.")
            run = resume(path, progress=progress)
        else:
            run = self._begun(cell, path, progress)
        record = self.record_path(cell)
        record.parent.mkdir(parents=True, exist_ok=True)
        write_grid(run, record.with_suffix(".png"))
        if self.study.spec.forward:
            write_forward(run, record.with_name(f"{strip_name(cell.column, cell.seed)}.png"))
        write_record(record, record_of(run, cell, self.study.spec.name))

    def _begun(self, cell: Cell, path: Path, progress: Progress) -> Run:
        """A new run, branched off where the classical one is still there; from the start it ends up the same."""
        if cell.branches_at is None:
            return train(cell.experiment, path, progress=progress)
        source = Run(self.run_path(self._cell(CLASSICAL, cell.seed)))
        if not checkpoint_path(source, cell.branches_at).exists():
            return train(cell.experiment, path, progress=progress)
        branch(source, cell.branches_at, cell.experiment, path)
        return resume(path, progress=progress)

    def _cost(self, cell: Cell) -> float:
        """Images that go through the network, a step of the training counted as three times forward."""
        steps = cell.experiment.total_steps - (cell.branches_at or 0)
        scored = len(cell.experiment.snapshots) + 1
        budget = cell.budget
        return 3 * steps * budget.batch_size + scored * budget.samples * (budget.sampling_steps or 1)


@dataclass
class _Clock:
    """How long the rest takes at the pace so far."""

    begun: float
    spent: float = 0.0

    def left(self, cost: float) -> str:
        if not self.spent:
            return ""
        minutes = (time.monotonic() - self.begun) / self.spent * cost / 60
        return f"; about {minutes:.0f} minutes for it and those behind it"
