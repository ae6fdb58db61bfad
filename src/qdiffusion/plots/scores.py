"""The scores in metrics.json as a table; a score never goes without what is needed to read it."""

from collections.abc import Mapping
from typing import Any


def table_rows(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table, as text: name, value, and what stands beside any of the scores, "–" where none."""
    beside = list(dict.fromkeys(name for row in metrics["rows"] for name in row["beside"]))
    head = ["Score", "Samples", *(name[:1].upper() + name[1:] for name in beside)]
    rows = [
        [row["name"], value_text(row), *(_text(row["beside"].get(name)) for name in beside)] for row in metrics["rows"]
    ]
    return head, rows


def value_text(row: Mapping[str, Any]) -> str:
    """The value, with its spread where it has one."""
    spread = "" if row["std"] is None else f" ± {row['std']:.2g}"
    return _text(row["value"]) + spread


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
