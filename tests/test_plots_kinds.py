"""Reports of every kind of data, of several models, rounds, classes and snapshots."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from plots_helpers import Page, description, line, make_run, metrics, random_states, strip
from qdiffusion.plots import draw_figures, write_report
from qdiffusion.runs import Run
from qdiffusion.runs.description import CircuitFacts, write_description
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.pictures import Strip, forward_path, reverse_path, write_real, write_strip
from qdiffusion.runs.samples import write_samples
from qdiffusion.runs.snapshots import snapshot_scores_path

IMAGES = torch.arange(8 * 9, dtype=torch.uint8).reshape(8, 1, 3, 3)


def page_of(run: Run) -> Page:
    draw_figures(run)
    return Page(write_report(run).read_text(encoding="utf-8"))


def add_set(run: Run, name: str, items: Tensor, labels: Tensor | None = None, **meta: object) -> None:
    write_samples(run.samples_path / f"{name}.safetensors", items, meta, labels)


def drawn(page: Page) -> list[str]:
    """The kind of every picture of items, in order."""
    kinds = {"sphere", "sphere small", "heat", "heat small", "scatter", "scatter small"}
    return [kind for _, attributes in page.tags if (kind := attributes.get("class")) in kinds]


@pytest.mark.parametrize(
    ("items", "picture", "words"),
    [
        (
            random_states(6, 1),
            "sphere",
            ("From state to noise and back", "States from the training set", "Bloch sphere"),
        ),
        (random_states(6, 3), "heat", ("From state to noise and back", "from |000⟩ to |111⟩")),
        (
            torch.linspace(0, 1, 24).reshape(6, 4),
            "scatter",
            ("From vector to noise and back", "Vectors from the training"),
        ),
    ],
)
def test_what_the_files_hold_decides_how_it_is_drawn(tmp_path: Path, items: Tensor, picture: str, words: tuple) -> None:
    run = make_run(tmp_path / "run", kind=words[0].split()[1] + "s")
    add_set(run, "chain", items, made=["20 steps"])
    write_real(run, items)
    levels = Strip(items.reshape(2, 3, -1), (("t 2",), ("t 1",), ()), "Gates scramble.")
    write_strip(forward_path(run), levels)
    write_strip(reverse_path(run, "chain"), replace(levels, caption="Gates restore."))
    page = page_of(run)
    assert drawn(page) == [picture] * 2 + [f"{picture} small"] * 6
    for told in (*words, "chain: 20 steps", "t 2 t 1", "Gates scramble.", "Gates restore."):
        assert told in page.text
    assert [tag for tag, _ in page.tags if tag == "img"] == []
    assert "image" not in page.text


def test_samples_of_snapshots_are_not_the_newest_samples(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_set(run, "final", IMAGES)
    add_set(run, "of-two", IMAGES, snapshot=2)
    score(run, {1: 3.0, 2: 1.0, 3: 2.0})
    page = page_of(run)
    assert "final:" in page.text
    assert "of-two" not in page.text
    assert "The best of them in fid-net is step 2: 1." in page.text
    assert [attributes["alt"] for tag, attributes in page.tags if tag == "img"] == ["samples: images", "step 2"]


def score(run: Run, values: dict[int, float]) -> None:
    run.snapshots_path.mkdir()
    for step, value in values.items():
        write_json_atomic(snapshot_scores_path(run, step), metrics(value))


def test_classes_have_rows(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_set(run, "cfg", IMAGES, torch.tensor([3, 7] * 4), made=["ddim", "guidance 2"])
    assert "cfg: ddim, guidance 2. Classes 3, 7, a row each." in page_of(run).text


def test_every_model_is_told_with_its_stages(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    banks = tuple(CircuitFacts(f"steps.{step}", "layered", 1, 3, 12, 20) for step in range(20))
    chain = replace(description(), stage="chain", circuits=(*banks, CircuitFacts("out", "other", 1, 3, 12, 20)))
    first = replace(description(dead=0), stage="first, <second>", circuits=(), drawings=())
    write_description(run, [first, chain])
    text = page_of(run).text
    for told in (
        "Model of first, <second>",
        "Model of chain",
        "Circuits of chain",
        "steps.0 … steps.19 layered 20 3 12 20",
    ):
        assert told in text
    assert "Circuits of first" not in text
    assert text.count("1,234: 1,200 classical") == 3


def test_banks_of_a_drawing_that_count_on_are_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    steps = replace(description().drawings[0], banks=tuple(f"steps.{step}" for step in range(20)), n_circuits=20)
    write_description(run, [replace(description(), drawings=(steps,))])
    assert "20 such circuits, each with its own angles, in 20 maps: steps.0 … steps.19." in page_of(run).text


def test_rounds_and_further_scalars_have_small_plots(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", kind="states")
    for step in range(1, 13):
        run.append_stats(line(step, 1.0 / step, "<chain>", round=(step - 1) // 3, fidelity=0.5))
    page = page_of(run)
    plots = [attributes for _, attributes in page.tags if "plot" in (attributes.get("class") or "").split()]
    assert [each["aria-label"] for each in plots] == [
        "loss against training step",
        "loss at its end against round of <chain>",
        "fidelity against training step",
    ]
    assert "Vertical lines: where a stage or a round begins" in page.text


def test_steps_of_all_rounds_are_planned(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_json_atomic(run.experiment_path, {**run.read_experiment(), "steps": 40_020})
    run.append_stats(line(2001, 0.5))
    assert "2,001 of 40,020" in page_of(run).text


def test_what_is_not_scored_yet_can_be_with_as_many_as_there_are_within_reason(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    record = run.read_experiment()
    for count, scored in ((10, 100), (500, 500), (60_000, 7000)):
        write_json_atomic(run.experiment_path, {**record, "data": {**record["data"], "count": count}})
        assert f"qdiffusion evaluate {run.path} -n {scored}" in page_of(run).text


def test_the_strip_of_steps_is_not_taken_for_samples(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_set(run, "ddim", IMAGES)
    write_strip(run.samples_path / "ddim-steps.safetensors", strip())
    assert "ddim-steps" not in page_of(run).text
