"""A study's tables: a row a column of the paper, its scores over seeds, at the end of the training and before."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO

from qdiffusion.plots.markdown import markdown_table
from qdiffusion.studies.cells import Cells
from qdiffusion.studies.records import Score
from qdiffusion.studies.texts import MISSING, estimate_text, score_title

ALONG = "Along the training"
FURTHER = "further scores"
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


@dataclass(frozen=True)
class Table:
    """Columns in groups: what each is about, and its heads; the label stands before them."""

    groups: list[tuple[str, list[str]]]
    rows: list[list[str]]
    """Label and texts of every column of the paper, finished or not; last the references."""

    def to_markdown(self, titled: bool = True) -> str:
        """Where it is titled, each head has its group's title in brackets."""
        head = [f"{name} ({title})" if title and titled else name for title, names in self.groups for name in names]
        return markdown_table(["Column", *head], self.rows)


def final(cells: Cells) -> Table:
    """What came of it: the facts of each column, the study's scores at the end of the training, and all others."""
    last = len(cells.study.moments) - 1
    kinds = cells.kinds(last)
    main = [kind for kind in cells.study.scores if kind in kinds]
    further = [kind for kind in kinds if kind not in main]
    scored = [(cells.moment_title(last), last, main), (FURTHER, last, further)]
    return _table(cells, [each for each in scored if each[2]], with_facts=True)


def earlier(cells: Cells) -> Table | None:
    """The study's scores at the moments before the end; None where there are none."""
    scored = []
    for moment in range(len(cells.study.moments) - 1):
        kinds = cells.kinds(moment)
        main = [kind for kind in cells.study.scores if kind in kinds]
        if main:
            scored.append((cells.moment_title(moment), moment, main))
    return _table(cells, scored, with_facts=False) if scored else None


def _table(cells: Cells, scored: Sequence[tuple[str, int, list[str]]], with_facts: bool) -> Table:
    """Of scores at moments, each with its title."""

    def texts(key: str) -> list[str]:
        return [
            estimate_text(cells.estimate(key, moment, cells.score_name(kind)))
            for _, moment, kinds in scored
            for kind in kinds
        ]

    heads = list(_FACTS) if with_facts else []
    trained = [
        [column.label, *(_facts(cells, column.key) if heads else []), *texts(column.key)]
        for column in cells.study.columns
    ]
    free = [[row.label, *[MISSING] * len(heads), *texts(row.key)] for row in cells.study.references]
    titled = [(title, [_score_title(cells, kind) for kind in kinds]) for title, _, kinds in scored]
    return Table([("", heads), *titled] if heads else titled, [*trained, *free])


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


def to_markdown(cells: Cells, budget: str, facts: Iterable[tuple[str, str]]) -> str:
    """How much is done and with which budget, the tables, how to read them, and the conditions."""
    before = earlier(cells)
    along = [f"## {ALONG}", before.to_markdown()] if before else []
    lines = [
        f"# {cells.study.title}",
        f"{cells.progress} {budget}",
        f"## After {cells.moment_title(-1)}",
        final(cells).to_markdown(titled=False),
        *reading(cells),
        *along,
        "## Conditions",
        markdown_table(["Condition", "Value"], facts),
    ]
    return "\n\n".join(lines) + "\n"


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


def _score_title(cells: Cells, kind: str) -> str:
    return score_title(kind, cells.better(cells.score_name(kind)))


def _facts(cells: Cells, column: str) -> list[str]:
    found = cells.of(column)
    counts = ({record.parameters for record in found}, {record.dead for record in found})
    minutes = cells.over_seeds(column, lambda record: record.training_seconds / 60)
    return [*map(_counts, counts), str(len(found)), estimate_text(minutes)]


def _counts(values: Iterable[int]) -> str:
    return " / ".join(f"{value:,}" for value in sorted(values)) or MISSING
