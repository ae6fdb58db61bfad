"""Along the training: the best step is the best, curves and pictures belong to their steps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from plots_helpers import Page, make_run, metrics, random_states
from qdiffusion.plots.along import MOST_COLUMNS, along_training, best_step
from qdiffusion.runs import Run
from qdiffusion.runs.files import write_json_atomic
from qdiffusion.runs.samples import write_samples
from qdiffusion.runs.snapshots import snapshot_scores_path

VALUES = {100: 4.0, 200: 1.0, 300: 9.0, 400: 1.0}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = make_run(tmp_path / "run")
    run.snapshots_path.mkdir()
    return run


def add_set(run: Run, name: str, items: torch.Tensor, step: int | None) -> None:
    meta = {} if step is None else {"snapshot": step}
    write_samples(run.samples_path / f"{name}.safetensors", items, meta)


@pytest.mark.parametrize(("better", "best"), [("lower", 200), ("higher", 300)])
def test_the_best_step_is_the_first_of_the_best(run: Run, better: str, best: int) -> None:
    scored = [(step, metrics(value, better)) for step, value in VALUES.items()]
    found = best_step(scored)
    assert found is not None
    assert (found[0], found[1]["value"]) == (best, VALUES[best])
    for step, each in scored:
        write_json_atomic(snapshot_scores_path(run, step), each)
    page = Page(along_training(run))
    assert f"The best of them in fid-net is step {best}: {VALUES[best]:g}." in page.text
    plots = [attributes for _, attributes in page.tags if "plot" in (attributes.get("class") or "").split()]
    assert [each["aria-label"] for each in plots] == ["fid-net against training step", "kid-net against training step"]
    assert [each["class"] for each in plots] == ["plot", "plot small"]


def test_the_best_is_not_told_where_better_is_not_known() -> None:
    unknown = metrics()
    del unknown["rows"][0]["better"]
    assert best_step([(100, unknown)]) is None
    assert best_step([(100, {"rows": []})]) is None
    assert best_step([]) is None


def test_nothing_is_told_of_a_run_without_snapshots(run: Run) -> None:
    add_set(run, "ddim", torch.zeros(2, 1, 3, 3, dtype=torch.uint8), None)
    assert along_training(run) == ""


def test_a_column_for_each_snapshot_in_order(run: Run) -> None:
    for step in (2000, 500, 1000):
        add_set(run, f"s{step}", random_states(step // 100, 1, seed=step), step)
    page = Page(along_training(run))
    spheres = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]
    assert spheres == ["step 500", "step 1,000", "step 2,000"]
    assert "step 500 step 1,000 step 2,000" in page.text


def test_of_many_snapshots_the_first_the_last_and_some_between_are_shown(run: Run) -> None:
    for step in range(1, 3 * MOST_COLUMNS):
        add_set(run, f"s{step}", torch.zeros(2, 1, 3, 3, dtype=torch.uint8), step)
    page = Page(along_training(run))
    shown = [int(attributes["alt"].removeprefix("step ")) for tag, attributes in page.tags if tag == "img"]
    assert (len(shown), shown[0], shown[-1]) == (MOST_COLUMNS, 1, 3 * MOST_COLUMNS - 1)
    assert set(np.diff(shown)) <= {3, 4}
