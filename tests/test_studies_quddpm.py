"""The studies of QuDDPM and MSQuDDPM: what their columns share, and that they are carried out."""

from dataclasses import replace
from pathlib import Path

import pytest

from qdiffusion.cli import main
from qdiffusion.studies.catalog import get_study
from qdiffusion.studies.study import Cell
from qdiffusion.training import describe, get_preset

TASKS = [("quddpm", key) for key in ("cluster1", "cluster2", "circle", "noise", "tfim")]
MIXED = [("msquddpm", key) for key in ("cluster", "circle")]


def cell_of(study: str, column: str, seed: int = 3) -> Cell:
    found = get_study(study)
    return found.cell(found.spec, column, seed, found.budget)


@pytest.mark.parametrize(("study", "task"), TASKS + MIXED)
def test_columns_are_the_presets(study: str, task: str) -> None:
    own, base = cell_of(study, task).experiment, get_preset(f"{study}-{task}").build()
    assert (own.model, own.forward, own.codec, own.sampling) == (base.model, base.forward, base.codec, base.sampling)
    assert own.stages == (replace(base.stages[0], steps=own.stages[0].steps),)
    assert replace(own.data, test_count=base.data.test_count, seed=0) == base.data
    assert (own.seed, own.data.seed) == (3, 3)


@pytest.mark.parametrize(("study", "task"), TASKS + MIXED)
def test_one_circuit_has_the_angles_and_the_gates_of_the_chain(study: str, task: str) -> None:
    chain, direct = cell_of(study, task), cell_of(study, task + "-direct")
    angles = [describe(each.experiment)[-1].parameters.total for each in (chain, direct)]
    assert angles[0] == angles[1]
    assert direct.experiment.forward.timesteps == direct.experiment.model.n_steps == 1
    assert direct.experiment.stages == chain.experiment.stages
    assert chain.experiment.total_steps == chain.experiment.model.n_steps * direct.experiment.total_steps
    assert direct.experiment.data == chain.experiment.data


@pytest.mark.parametrize("task", [task for _, task in TASKS])
def test_cold_ones_differ_in_their_start_alone(task: str) -> None:
    chain, cold = cell_of("quddpm", task).experiment, cell_of("quddpm", task + "-cold").experiment
    objectives = [each.stages[0].objective for each in (chain, cold)]
    assert replace(objectives[1], warm=True) == objectives[0] != objectives[1]
    assert replace(cold, stages=chain.stages, name=chain.name) == chain


@pytest.mark.parametrize("task", ["cluster", "circle"])
def test_nothing_random_differs_in_that_alone(task: str) -> None:
    chain, still = cell_of("msquddpm", task).experiment, cell_of("msquddpm", task + "-still").experiment
    assert still.model.n_random == 0
    assert replace(still, model=chain.model, name=chain.name) == chain


@pytest.mark.parametrize(
    ("study", "columns"), [("quddpm", "cluster1,cluster1-direct"), ("msquddpm", "cluster,cluster-still")]
)
def test_they_are_carried_out_and_told(study: str, columns: str, tmp_path: Path) -> None:
    words = ["reproduce", study, "--out", str(tmp_path), "--epochs", "2", "--samples", "100", "--columns", columns]
    assert main(words) == 0
    table = (tmp_path / "table.md").read_text()
    assert "Wasserstein" in table
    assert "| Data: Cluster of one qubit |" in table
