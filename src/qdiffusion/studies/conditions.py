"""Under which conditions the cells were made: said once where equal, and where they differ, in which cells."""

from collections.abc import Iterator, Mapping
from typing import Any

from qdiffusion.studies.cells import Cells, cell_name

NOT_STATED = "not stated"


def conditions(cells: Cells) -> list[tuple[str, str]]:
    """Names and values, seeds first, then in the order in which the records have them."""
    stated = {
        cell_name(record.column, record.seed): dict(_flat({**record.conditions, **record.environment}))
        for record in cells.records
    }
    names = dict.fromkeys(name for values in stated.values() for name in values)
    seeds = ", ".join(map(str, sorted({record.seed for record in cells.records})))
    return [("seeds", seeds), *((name, _told(name, stated)) for name in names)]


def _told(name: str, stated: Mapping[str, Mapping[str, str]]) -> str:
    holders: dict[str, list[str]] = {}
    for cell, values in stated.items():
        holders.setdefault(values.get(name, NOT_STATED), []).append(cell)
    if len(holders) == 1:
        return next(iter(holders))
    if len(holders) == len(stated) > 2:
        return f"differs in every cell, from {min(holders)} to {max(holders)}"
    return "differs: " + "; ".join(f"{value} ({', '.join(found)})" for value, found in holders.items())


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values by dotted names: {"versions": {"torch": "2"}} → versions.torch."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)
