"""The study of the research log: what its columns share, and that it is carried out without images."""

from dataclasses import replace
from pathlib import Path

import pytest

from qdiffusion.cli import main
from qdiffusion.studies.catalog import get_study
from qdiffusion.studies.study import Cell
from qdiffusion.training import describe, get_preset

STUDY = get_study("research-log")


def cell_of(column: str, seed: int = 3) -> Cell:
    return STUDY.cell(STUDY.spec, column, seed, STUDY.budget)


@pytest.mark.parametrize("n_qubits", [4, 8])
def test_columns_train_as_the_presets_do(n_qubits: int) -> None:
    depth = {4: 4, 8: 3}[n_qubits]
    for column, preset in (("logged-{}q", "-logged"), ("mended-{}q-d" + str(depth), "")):
        own, base = cell_of(column.format(n_qubits)).experiment, get_preset(f"scrambling-{n_qubits}q{preset}").build()
        assert (own.stages, own.model, own.forward, own.sampling) == (
            base.stages,
            base.model,
            base.forward,
            base.sampling,
        )


def test_what_is_compared_differs_in_the_circuit_alone() -> None:
    """All undo one scrambler of a seed; at once, it is asked for in one step."""
    mended, ladder, direct = (cell_of(f"{kind}-4q-d3").experiment for kind in ("mended", "ladder", "direct"))
    assert replace(ladder, model=mended.model, name=mended.name) == mended
    assert (direct.forward.depth, direct.forward.timesteps) == (3, 1)
    assert replace(direct, model=mended.model, forward=mended.forward, name=mended.name) == mended
    assert cell_of("mended-4q-d3", 4).experiment.data.seed == 4


def test_what_starts_another_way_differs_in_that_alone() -> None:
    blocks, identity, ladder = (cell_of(f"{kind}-8q-d2").experiment for kind in ("blocks", "identity", "ladder"))
    assert replace(identity, model=replace(identity.model, start="random"), name=blocks.name) == blocks
    assert replace(identity, model=ladder.model, name=ladder.name) == ladder


@pytest.mark.parametrize("depth", [3, 4])
def test_grown_circuits_learn_layer_by_layer_for_as_many_steps(depth: int) -> None:
    """Behind those before it, which rest; then all of them."""
    grown, direct = (cell_of(f"{kind}-4q-d{depth}").experiment for kind in ("grown", "direct"))
    *added, together = grown.stages
    assert [stage.model.n_layers for stage in added] == [*range(1, depth + 1)]
    assert [stage.train for stage in added] == [(f"denoiser.layers.{n}.*",) for n in range(depth)]
    assert replace(together, name="") == replace(direct.stages[-1], name="")
    assert sum(stage.steps for stage in added) == direct.stages[0].steps
    assert grown.snapshots[-1] == direct.snapshots[-1]


def test_the_log_has_its_angles() -> None:
    found = {n: describe(cell_of(f"logged-{n}q").experiment)[-1].parameters.total for n in (4, 6, 8)}
    assert found == {4: 84, 6: 126, 8: 216}


def test_it_is_carried_out_and_told_without_images(tmp_path: Path) -> None:
    words = ["reproduce", "research-log", "--out", str(tmp_path), "--epochs", "2", "--seeds", "2"]
    assert main([*words, "--columns", "logged-4q,mended-4q-d1,mended-4q-d2"]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"gate-fidelity.png", "sweep.png"}
    assert not list(tmp_path.glob("cells/*.png"))
    page, table = (tmp_path / "index.html").read_text(), (tmp_path / "table.md").read_text()
    assert "Against the depth of the scrambler" in page
    assert "by the network" not in table
    haar = next(line for line in table.splitlines() if line.startswith("| Haar states, 4 qubits"))
    assert "0.0625" in haar
    judged = (tmp_path / "verdicts.md").read_text()
    assert "Haar-random ones. | no verdict | 0 of 0 judged, 1 in all |" in judged
