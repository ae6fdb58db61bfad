"""Under which conditions the cells were made: said once where equal, and where they differ, in which cells."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qdiffusion.studies.budget import Budget
from qdiffusion.studies.cells import Cells, cell_name
from qdiffusion.studies.records import CellRecord
from qdiffusion.studies.study import Study

NOT_STATED = "not stated"
_BUDGET = {
    "epochs": "{} epochs",
    "train_size": "{} training items",
    "batch_size": "batches of {}",
    "samples": "{} samples",
    "sampler": "sampler {}",
    "sampling_steps": "{} sampling steps",
}


def budget_told(study: Study, cells: Cells) -> str:
    """Whether the cells have the study's own budget, in a sentence; what differs, with its own value in brackets."""
    given = [record.conditions for record in cells.records]
    own = [_own(study, record).to_dict() for record in cells.records]
    told = [
        f"{text.format(_span(given, name))} ({_span(own, name)})"
        for name, text in _BUDGET.items()
        if any(name in each and each[name] != most[name] for each, most in zip(given, own, strict=True))
    ]
    if not told:
        return "Every cell was given the study's own budget."
    return f"Not the study's own budget, which stands in brackets: {', '.join(told)}."


def _own(study: Study, record: CellRecord) -> Budget:
    return study.cell(study.spec, record.column, record.seed, study.budget).budget


def _span(budgets: Sequence[Mapping[str, Any]], name: str) -> str:
    """A value of all, or the least and the greatest."""
    values = sorted({each[name] for each in budgets if name in each})
    texts = [f"{value:,}" if isinstance(value, int) else str(value) for value in values]
    return " to ".join(dict.fromkeys((texts[0], texts[-1])))


def conditions(cells: Cells) -> list[tuple[str, str]]:
    """Names and values, seeds first, then in the order in which the records have them."""
    stated = [(record, dict(_flat({**record.conditions, **record.environment}))) for record in cells.records]
    names = dict.fromkeys(name for _, values in stated for name in values)
    seeds = ", ".join(map(str, sorted({record.seed for record in cells.records})))
    return [("seeds", seeds), *((name, _told(cells, name, stated)) for name in names)]


def _told(cells: Cells, name: str, stated: Sequence[tuple[CellRecord, Mapping[str, str]]]) -> str:
    """The value that most cells have, and each other one with its cells."""
    holders: dict[str, list[CellRecord]] = {}
    for record, values in stated:
        holders.setdefault(values.get(name, NOT_STATED), []).append(record)
    if len(holders) == 1:
        return next(iter(holders))
    if len(holders) == len(stated) > 2:
        return f"differs in every cell, from {min(holders)} to {max(holders)}"
    most, *others = sorted(holders, key=lambda value: -len(holders[value]))
    return "; ".join([most, *(f"but {value} in {', '.join(_named(cells, holders[value]))}" for value in others)])


def _named(cells: Cells, records: Sequence[CellRecord]) -> Iterator[str]:
    """Cells by name; a column of which these are all, by its own."""
    for column in dict.fromkeys(record.column for record in records):
        seeds = [record.seed for record in records if record.column == column]
        if len(seeds) == len(cells.of(column)):
            yield column
        else:
            yield from (cell_name(column, seed) for seed in seeds)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values by dotted names: {"versions": {"torch": "2"}} → versions.torch."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)
