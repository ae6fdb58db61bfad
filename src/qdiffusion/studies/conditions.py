"""Under which conditions the cells were made: said once where equal, and where they differ, in which cells."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from qdiffusion.studies.budget import Budget
from qdiffusion.studies.cells import Cells
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
    """Whether the cells state the study's own budget, in a sentence; what differs, with its own value in brackets."""
    budgets = [(record.conditions, _own(study, record).to_dict()) for record in cells.records]
    told = []
    for name, text in _BUDGET.items():
        pairs = [(given[name], own.get(name, NOT_STATED)) for given, own in budgets if name in given]
        differing = [pair for pair in pairs if pair[0] != pair[1]]
        if differing:
            given, own = map(_span, zip(*differing, strict=True))
            told.append(f"{text.format(given)} ({own})")
    if not told:
        return "Every cell was given the study's own budget."
    return f"Not the study's own budget, which stands in brackets: {', '.join(told)}."


def _own(study: Study, record: CellRecord) -> Budget:
    return study.cell(study.spec, record.column, record.seed, study.budget).budget


def _span(values: Iterable[int | str]) -> str:
    """A value of all, or the least and the greatest."""
    ordered = sorted(set(values), key=lambda value: (isinstance(value, str), value))
    texts = [f"{value:,}" if isinstance(value, int) else str(value) for value in (ordered[0], ordered[-1])]
    return " to ".join(dict.fromkeys(texts))


def conditions(cells: Cells) -> list[tuple[str, str]]:
    """Names and values, seeds first, then in the order in which the records have them.

    Where cells differ, the commonest value comes first, then each other one with its columns, or single cells.
    """
    stated = [(record, dict(_flat({**record.conditions, **record.environment}))) for record in cells.records]
    names = dict.fromkeys(name for _, values in stated for name in values)
    seeds = ", ".join(map(str, sorted({record.seed for record in cells.records})))
    return [("seeds", seeds), *(row for name in names for row in _told(cells, name, stated))]


def _told(cells: Cells, name: str, stated: Sequence[tuple[CellRecord, Mapping[str, str]]]) -> Iterator[tuple[str, str]]:
    holders: dict[str, list[CellRecord]] = {}
    for record, values in stated:
        holders.setdefault(values.get(name, NOT_STATED), []).append(record)
    if len(holders) == len(stated) > 2:
        yield name, f"differs in every cell, from {min(holders)} to {max(holders)}"
        return
    commonest, *others = sorted(holders, key=lambda value: -len(holders[value]))
    yield name, commonest
    for value in others:
        yield f"{name} of {', '.join(_named(cells, holders[value]))}", value


def _named(cells: Cells, records: Sequence[CellRecord]) -> Iterator[str]:
    """Columns of which these are all cells; single cells of others."""
    for column in dict.fromkeys(record.column for record in records):
        seeds = [record.seed for record in records if record.column == column]
        label, is_whole = cells.study.label(column), len(seeds) == len(cells.of(column))
        yield label if is_whole else f"{label} (seed {', '.join(map(str, seeds))})"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values by dotted names: {"versions": {"torch": "2"}} → versions.torch."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)
