"""A study's table: a row a column of the paper, its scores at every moment of the training, over seeds."""

import csv
from collections.abc import Iterable
from io import StringIO

from qdiffusion.plots.markdown import markdown_table
from qdiffusion.studies.cells import Cells
from qdiffusion.studies.records import Score
from qdiffusion.studies.texts import MISSING, estimate_text, score_title

_FACTS = ("Parameters", "Dead", "Seeds", "Minutes")
_CELL_FIELDS = (
    "study",
    "column",
    "seed",
    "parameters",
    "dead",
    "training_seconds",
    "sampling_seconds",
    "samples_sha256",
)
_SCORE_FIELDS = ("value", "std", "floor")


def groups(cells: Cells) -> list[tuple[str, list[str]]]:
    """The head: what each group of columns is about, and its columns; the first, the label, stands before them."""
    moments = range(len(cells.study.moments))
    scored = (
        (_moment_title(cells, moment), [_score_title(cells, kind) for kind in _kinds(cells, moment)])
        for moment in moments
    )
    return [("", list(_FACTS)), *scored]


def rows(cells: Cells) -> list[list[str]]:
    """Label and texts of every column of the paper, finished or not; last the references."""
    study = cells.study
    trained = [[column.label, *_facts(cells, column.key), *_scores(cells, column.key)] for column in study.columns]
    free = [[row.label, *[MISSING] * len(_FACTS), *_scores(cells, row.key)] for row in study.references]
    return [*trained, *free]


def reading(cells: Cells) -> list[str]:
    """Sentences: how the table is read, and what was left out of it."""
    images = (f"Scores of images are by the network {cells.network}; real images are scored against other real ones.",)
    return [
        "↓ lower is better, ↑ higher. Mean ± half of the 95 % interval over seeds (Student's t); one seed has no "
        "interval. Minutes are those of the training; dead are parameters that cannot learn.",
        *images[: bool(cells.network)],
        *cells.study.reading,
        *cells.ignored,
    ]


def to_markdown(cells: Cells, facts: Iterable[tuple[str, str]]) -> str:
    """The table, how to read it, and the conditions."""
    head = [f"{name} ({title})" if title else name for title, names in groups(cells) for name in names]
    lines = [
        f"# {cells.study.title}",
        markdown_table(["Column", *head], rows(cells)),
        cells.progress,
        *reading(cells),
        "## Conditions",
    ]
    return "\n\n".join([*lines, markdown_table(["Condition", "Value"], facts)]) + "\n"


def to_csv(cells: Cells) -> str:
    """A line a cell and mark, all digits; empty where a score is missing, or what stands beside it."""
    names = list(
        dict.fromkeys(name for record in cells.records for mark in record.marks for name in sorted(mark.scores))
    )
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    endings = ("" if field == "value" else f"-{field}" for field in _SCORE_FIELDS)
    beside = _beside(cells)
    heads = [f"{name}{ending}" for ending in endings for name in names]
    writer.writerow([*_CELL_FIELDS, "epoch", "step", *heads, *map("-".join, beside)])
    for record in cells.records:
        of_cell = [getattr(record, field) for field in _CELL_FIELDS]
        for mark in record.marks:
            scores = [_field(mark.scores.get(name), field) for field in _SCORE_FIELDS for name in names]
            free = [mark.scores[name].reference(other) if name in mark.scores else None for name, other in beside]
            writer.writerow([*of_cell, mark.epoch, mark.step, *scores, *free])
    return text.getvalue()


def _beside(cells: Cells) -> list[tuple[str, str]]:
    """Scores and what stands beside them anywhere, but for floors."""
    marks = [mark for record in cells.records for mark in record.marks]
    found = ((name, other) for mark in marks for name, score in mark.scores.items() for other in score.beside)
    return list(dict.fromkeys(found))


def _field(score: Score | None, field: str) -> float | None:
    return None if score is None else getattr(score, field)


def _kinds(cells: Cells, moment: int) -> list[str]:
    """The study's scores; at the end of the training all others too."""
    last, own = len(cells.study.moments) - 1, cells.study.scores
    kinds = cells.kinds(last)
    main = [kind for kind in own if kind in kinds]
    return main + [kind for kind in kinds if kind not in own] if moment == last else main


def _moment_title(cells: Cells, moment: int) -> str:
    marks = filter(None, (cells.mark(record, moment) for record in cells.records))
    epochs = sorted({mark.epoch for mark in marks})
    shown = list(dict.fromkeys(f"{epoch:g}" for epoch in epochs[:1] + epochs[-1:]))
    label = cells.study.moments[moment].label
    return f"{label}, epoch {'–'.join(shown)}" if shown else label


def _score_title(cells: Cells, kind: str) -> str:
    return score_title(kind, cells.better(cells.score_name(kind)))


def _facts(cells: Cells, column: str) -> list[str]:
    found = cells.of(column)
    counts = ({record.parameters for record in found}, {record.dead for record in found})
    minutes = cells.over_seeds(column, lambda record: record.training_seconds / 60)
    return [*map(_counts, counts), str(len(found)), estimate_text(minutes)]


def _counts(values: Iterable[int]) -> str:
    return " / ".join(f"{value:,}" for value in sorted(values)) or MISSING


def _scores(cells: Cells, key: str) -> list[str]:
    return [
        estimate_text(cells.estimate(key, moment, cells.score_name(kind)))
        for moment in range(len(cells.study.moments))
        for kind in _kinds(cells, moment)
    ]
