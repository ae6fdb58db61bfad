"""Cells of studies as trainings leave them, without training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qdiffusion.plots.grid import sample_grid
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.cells import FOLDER, Cells, cell_name
from qdiffusion.studies.records import CellRecord, Mark, Score, write_record
from qdiffusion.studies.spec import Claim, Column, Moment, Published, PublishedScore, StudySpec
from qdiffusion.studies.study import Cell, Study
from qdiffusion.training.presets import get_preset

NETWORK = "toy-cnn"


def spec(*claims: Claim, columns: Sequence[str] = ("plain", "hybrid", "twin")) -> StudySpec:
    """A study of a few columns, scored at half of the training and at its end."""
    return StudySpec(
        name="toy",
        title="A toy | study <of> three",
        columns=tuple(Column(key, key.upper(), f"how {key} is trained") for key in columns),
        moments=(Moment(0.5, "half"), Moment(1, "all")),
        claims=claims,
        published=(
            Published(
                "Toys, table 1", (PublishedScore(columns[0], 20, "fid", 45.25),), {}, ("Measured with other features.",)
            ),
        ),
    )


def study_of(shown: StudySpec) -> Study:
    """A study whose cells all train alike, 20 epochs."""
    experiment = get_preset("quickstart").build()
    return Study(shown, Budget(epochs=20), lambda _, column, seed, own: Cell(column, seed, own, experiment))


def mark(epoch: float, step: int, fid: float, network: str = NETWORK) -> Mark:
    scores = {
        f"fid-{network}": Score(fid, None, 1.25, "lower"),
        f"kid-{network}": Score(fid / 700, 0.0011, 0.0003, "lower"),
        f"is-{network}": Score(100 / (fid + 10), 0.05, None, "higher"),
        f"balance-{network}": Score(1 / (fid + 1), None, 0.99, "higher"),
    }
    return Mark(epoch, step, scores)


def cell(column: str, seed: int, fids: Sequence[float] = (80.0, 40.0), **changes: object) -> CellRecord:
    """A cell with as many marks as FIDs, evenly over 20 epochs."""
    marks = tuple(
        mark(20 * place / len(fids), 100 * place // len(fids), fid) for place, fid in enumerate(fids, start=1)
    )
    fields = {
        "study": "toy",
        "column": column,
        "seed": seed,
        "parameters": 483321,
        "dead": 24,
        "marks": marks,
        "training_seconds": 90.0 + seed,
        "sampling_seconds": 12.5,
        "conditions": {"data": "digits", "epochs": 20},
        "environment": {"threads": 2, "versions": {"torch": "2.11"}},
        "samples_sha256": "0" * 64,
        **changes,
    }
    return CellRecord(**fields)  # type: ignore[arg-type]


def cells(study: StudySpec, ends: dict[str, Sequence[float]]) -> Cells:
    """Cells whose last FIDs are these, seed by seed; twice that at half of the training."""
    records = tuple(
        cell(column, seed, (2 * fid, fid)) for column, fids in ends.items() for seed, fid in enumerate(fids)
    )
    return Cells(study, records, tuple(range(max(map(len, ends.values())))))


def write_cells(out: Path, records: Sequence[CellRecord], grids: bool = True) -> None:
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        name = cell_name(record.column, record.seed)
        write_record(folder / f"{name}.json", record)
        if grids:
            images = np.random.default_rng(record.seed).integers(0, 256, (64, 1, 28, 28), dtype=np.uint8)
            sample_grid(images, folder / f"{name}.png")
