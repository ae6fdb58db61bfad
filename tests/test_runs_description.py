"""description.json: what was written is read, and nothing else."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from plots_helpers import description, make_run
from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.description import (
    CircuitFacts,
    LayerFacts,
    grouped_circuits,
    grouped_layers,
    read_description,
    write_description,
)

MODELS = (description(), replace(description(), stage="second, third", circuits=(), drawings=()))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = make_run(tmp_path / "run")
    write_description(run, MODELS)
    return run


def test_round_trip(run: Run) -> None:
    assert read_description(run) == MODELS


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
        (["stage"], None, "stage"),
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
    plain = json.loads(run.description_path.read_text())
    change(plain["models"][0], place, value)
    run.description_path.write_text(json.dumps(plain))
    sentence = rf"description\.json is damaged \(at models\.0\.{told}.*qdiffusion resume .* writes it again"
    with pytest.raises(RunError, match=sentence):
        read_description(run)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"models": 1}', "{}"])
def test_what_is_no_description_is_refused(run: Run, text: str) -> None:
    run.description_path.write_text(text)
    with pytest.raises(RunError, match=r"description\.json is damaged"):
        read_description(run)


def test_equal_banks_of_consecutive_modules_are_one() -> None:
    banks = [CircuitFacts(f"steps.{step}", "layered", 2, 3, 12, 20) for step in range(20)]
    other = CircuitFacts("steps.20", "layered", 2, 3, 13, 20)
    (row, last) = grouped_circuits([*banks, other])
    assert row == CircuitFacts("steps.0 … steps.19", "layered", 40, 3, 12, 20)
    assert last == other


def test_equal_parts_are_one_and_their_parameters_are_summed() -> None:
    steps = [LayerFacts(f"steps.{step}", "Layer", 16, (4,)) for step in range(5)]
    rest = [LayerFacts("steps.5", "Layer", 17, (4,)), LayerFacts("out", "Linear", 16, (4,))]
    assert grouped_layers([*steps, *rest]) == [LayerFacts("steps.0 … steps.4", "Layer", 80, (4,)), *rest]


def test_the_terminal_tells_groups_and_stages() -> None:
    banks = tuple(CircuitFacts(f"steps.{step}", "layered", 1, 3, 12, 20) for step in range(20))
    console = Console(width=120, record=True, file=StringIO())
    console.print(replace(description(), circuits=banks, stage="first").table())
    told = " ".join(console.export_text().split())
    assert "tiny · first" in told
    assert "steps.0 … steps.19 │ layered │ 20 │ 3" in told
