"""description.json: what was written is read, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from plots_helpers import description, make_run
from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.description import read_description, write_description


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = make_run(tmp_path / "run")
    write_description(run, description())
    return run


def test_round_trip(run: Run) -> None:
    assert read_description(run) == description()


def test_older_runs_have_none(tmp_path: Path) -> None:
    assert read_description(make_run(tmp_path / "run")) is None


def change(plain: dict[str, Any], place: list[Any], value: Any) -> dict[str, Any]:
    *outer, last = place
    inner: Any = plain
    for key in outer:
        inner = inner[key]
    inner[last] = value
    return plain


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (["parameters"], "x", "parameters"),
        (["parameters", "total"], "12", r"parameters\.total"),
        (["circuits"], None, "circuits"),
        (["unknown"], 1, "unknown"),
        (["drawings", 0, "gates", 0, "targets"], [2], r"drawings\.0: .*leaves the wires 0 … 1"),
        (["drawings", 0, "gates", 0, "targets"], [], r"drawings\.0: .*leaves the wires"),
        (["drawings", 0, "read"], [[-1, "Z"]], r"drawings\.0: .*leaves the wires"),
        (["drawings", 0, "repeated"], 9, r"drawings\.0: .*9 of 3 gates"),
    ],
)
def test_damage_is_told_in_a_sentence(run: Run, place: list[Any], value: Any, told: str) -> None:
    plain = change(json.loads(run.description_path.read_text()), place, value)
    run.description_path.write_text(json.dumps(plain))
    with pytest.raises(RunError, match=rf"description\.json is damaged \(at {told}.*qdiffusion resume .* writes it again"):
        read_description(run)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_what_is_no_description_is_refused(run: Run, text: str) -> None:
    run.description_path.write_text(text)
    with pytest.raises(RunError, match=r"description\.json is damaged"):
        read_description(run)
