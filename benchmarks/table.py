"""Turns the result files of benchmarks/results/ into the tables of docs/benchmarks.md.

python benchmarks/table.py [--results benchmarks/results] [--out docs/benchmarks.md]
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import ROOT

HEAD = "# Benchmarks\n\nWritten by `python benchmarks/table.py`; how to run them is in `benchmarks/README.md`.\n"


def cell(value: Any) -> str:
    """A number to three digits; a timing as its median and range."""
    if isinstance(value, dict) and "median" in value:
        return f"{value['median']:.3g} ({value['min']:.3g} … {value['max']:.3g})"
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else str(value)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table; a column for every key that any row has."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = [keys, ["---"] * len(keys), *([cell(row.get(key)) for key in keys] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def section(name: str, result: dict[str, Any]) -> str:
    """What was asked, the command, the machine and the versions, then the rows and the bars."""
    facts = {**result.get("machine", {}), **result.get("versions", {})}
    parts = [
        f"## {name}\n\n{result.get('question', '')}.",
        f"`{result.get('command', '')}` at {result.get('revision', 'unknown')}"
        f"{'; a quick run, whose times mean nothing' if result.get('quick') else ''}.",
        f"{', '.join(f'{key} {cell(value)}' for key, value in facts.items())}.",
        "Times are medians in seconds, with the least and the greatest in brackets.",
        table(result["rows"]),
        *(f"{name}: {value}." for name, value in result.get("summary", {}).items()),
        *(f"Left out: {line}." for line in result.get("skipped", [])),
    ]
    if result.get("bars"):
        parts.append(table(result["bars"]))
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    options = parser.parse_args()
    files = sorted(options.results.glob("*.json"))
    if not files:
        raise SystemExit(f"{options.results} holds no result files; run `make bench` first.")
    sections = [section(file.stem, json.loads(file.read_text(encoding="utf-8"))) for file in files]
    options.out.write_text("\n".join([HEAD, *sections]), encoding="utf-8")


if __name__ == "__main__":
    main()
