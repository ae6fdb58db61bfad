"""The scores of one evaluation, as numbers for `metrics.json` and as text."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Row:
    """One score, dimensionless, and what stands beside it: what real data score, what chance does."""

    name: str
    value: float
    std: float | None = None
    """Its standard deviation, over parts of the samples or over items."""
    beside: Mapping[str, float | None] = field(default_factory=dict)
    """Values of the same score to read it against: {"floor": …}."""
    better: Literal["lower", "higher"] = "lower"


@dataclass(frozen=True)
class Scores:
    """Rows of scores with everything needed to read them.

    `scores[name]` is the value of one row.
    """

    title: str
    rows: tuple[Row, ...]
    conditions: tuple[str, ...]
    """Sentences: how many samples, against what, how to read the rows."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Numbers and names behind the conditions."""

    def __getitem__(self, name: str) -> float:
        return next(row.value for row in self.rows if row.name == name)

    def followed_by(self, other: "Scores") -> "Scores":
        """Both sets of rows, conditions and details, under this title."""
        return Scores(
            self.title, self.rows + other.rows, self.conditions + other.conditions, {**self.details, **other.details}
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def table(self) -> str:
        """The rows as text, each beside what it is read against, with the conditions below."""
        heads = list(dict.fromkeys(name for row in self.rows for name in row.beside))
        cells = [("score", "value", *heads)]
        cells += [
            (row.name, number(row.value, row.std), *(number(row.beside.get(h)) for h in heads)) for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        return "\n".join([*(line.rstrip() for line in lines), *self.conditions])

    def __str__(self) -> str:
        return self.table()


def number(value: float | None, std: float | None = None) -> str:
    """A score in four digits, with its spread in two: "12.34 ± 0.56"; "–" where there is none."""
    if value is None:
        return "–"
    return f"{value:.4g}" if std is None else f"{value:.4g} ± {std:.2g}"
