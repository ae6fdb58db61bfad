"""What is kept of a cell's run: its record, and a picture of its samples."""

import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from qdiffusion.plots.grid import sample_grid
from qdiffusion.plots.pictures import newest_samples
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import digest
from qdiffusion.runs.description import LayerFacts, read_description
from qdiffusion.runs.items import kind_of
from qdiffusion.runs.pictures import forward_path, read_strip
from qdiffusion.runs.samples import SampleSet
from qdiffusion.runs.snapshots import read_snapshot_scores
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.records import CellRecord, Mark, Score
from qdiffusion.studies.study import Cell
from qdiffusion.training.setup import read_experiment

SHOWN = 64
"""Samples in a cell's picture."""
_OF_REAL = ("real", "floor")


def record_of(run: Run, cell: Cell, study: str) -> CellRecord:
    """The record of a finished run.

    Raises:
        RunError: a file of the run is damaged or missing.
    """
    saved, facts = run.read_experiment(), read_experiment(run)
    last = run.read_metrics()
    assert last is not None  # a budget scores at least 100 samples
    scored = [*read_snapshot_scores(run), (facts.experiment.total_steps, last)]
    samples = _samples(run)
    trained = (read_description(run) or ())[-1]
    return CellRecord(
        study=study,
        column=cell.column,
        seed=cell.seed,
        parameters=trained.parameters.total - sum(each.parameters for each in trained.layers if _is_codec(each)),
        dead=trained.parameters.dead,
        marks=tuple(_mark(step - cell.lead, metrics, cell.budget) for step, metrics in scored),
        training_seconds=run.read_stats()[-1]["seconds"],
        sampling_seconds=samples.meta["seconds"],
        conditions={"data": facts.source, **cell.budget.to_dict()},
        environment={**saved["environment"], "commit": _commit(), "date": date.today().isoformat()},
        samples_sha256=digest({"items": samples.items}),
    )


def write_grid(run: Run, path: Path) -> None:
    """Write the first samples of a finished run as PNG, where they are images."""
    items = _samples(run).items
    if kind_of(items) == "images":
        sample_grid(items, path, SHOWN)


def write_forward(run: Run, path: Path) -> None:
    """Write the strip of a run's forward process as PNG: a row an image, a column a level."""
    strip = read_strip(forward_path(run))
    assert strip is not None  # a finished run has one
    sample_grid(strip.items.flatten(0, 1), path, strip.items.shape[:2].numel(), columns=strip.items.shape[1])


def _samples(run: Run) -> SampleSet:
    found = newest_samples(run)
    assert found is not None  # a run that ends with an evaluation has drawn some
    return found


def _is_codec(layer: LayerFacts) -> bool:
    return layer.name.startswith("codec.")


def _mark(step: int, metrics: dict[str, Any], budget: Budget) -> Mark:
    scores = {
        row["name"]: Score(
            row["value"], row["std"], _real(row["beside"]), row.get("better", "lower"), _free(row["beside"])
        )
        for row in metrics["rows"]
    }
    return Mark(step / budget.steps_per_epoch, step, scores)


def _real(beside: dict[str, float | None]) -> float | None:
    """What real images score: so many of them, where that is known, else two halves."""
    return next((beside[name] for name in _OF_REAL if name in beside), None)


def _free(beside: dict[str, float | None]) -> dict[str, float]:
    """What stands beside a score but for what real images score."""
    return {name: value for name, value in beside.items() if name not in _OF_REAL and value is not None}


def _commit() -> str | None:
    """The commit of the code that runs, where it is a checkout."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        # Someone else's repository may hold an installed package, but does not track it.
        subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True, check=True)
        command = [*git, "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
