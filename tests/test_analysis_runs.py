"""What is shown of a run: its numbers against the run's own files, its files, and the runs that are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from qdiffusion.analysis import restored, study_run
from qdiffusion.analysis.curves import Span, StageCurve, stage_curves, stage_spans
from qdiffusion.analysis.recovery import Overlap
from qdiffusion.analysis.runpage import portrait_rows, snapshot_rows
from qdiffusion.cli import main
from qdiffusion.errors import UsageError
from qdiffusion.plots.markdown import markdown_table
from qdiffusion.runs import Run
from qdiffusion.runs.snapshots import read_snapshot_scores
from qdiffusion.states import fidelity, haar
from qdiffusion.training import get_preset, train
from test_analysis_portraits import ScramblerConfig, turned, undoing
from training_families import chain, scrambling

PICTURES = {"density", "hinton", "wigner", "mutual-information", "schmidt", "training", "recovery", "gap"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("scrambled")
    return train(scrambling(folder), folder / "run")


def line(step: int, value: float) -> dict[str, float]:
    return {"step": step, "fidelity": value}


def test_gains_are_counted_within_stages():
    """By hand: two stages of ten steps, logged unevenly; the drop between them is no gain."""
    spans = Span("one", 0, 10), Span("two", 10, 20)
    stats = [line(2, 0.1), line(4, 0.2), line(10, 0.5), line(12, 0.1), line(17, 0.2), {"step": 20}]
    one, two = stage_curves(spans, stats)
    steps, gains = one.gains(4)
    np.testing.assert_allclose(steps, [4, 10])
    np.testing.assert_allclose(gains, [0.2, 0.2])
    steps, gains = two.gains(5)
    np.testing.assert_allclose(steps, [7])
    np.testing.assert_allclose(gains, [0.1])
    assert [one.gain_until(step) for step in (1, 2, 4, 9, 10)] == pytest.approx([0, 0, 0.1, 0.1, 0.4])
    assert stage_curves(spans, [{"step": 3, "loss": 1.0}]) == ()


def test_stages_span_all_their_rounds(tmp_path):
    logged = get_preset("scrambling-4q-logged").build()
    assert stage_spans(logged)[1] == Span("depth-4", 100, 200)
    assert stage_spans(chain(tmp_path)) == (Span("chain", 0, 9),)


def test_shares_run_from_the_floor_to_one():
    assert Overlap(0.4, 0.03, 0.4).share == 0
    assert Overlap(1, 0, 0.4).share == 1
    assert Overlap(0.7, 0.03, 0.4).share == pytest.approx(0.5)
    assert Overlap(0.7, 0.03, 0.4).share_error == pytest.approx(0.05)


def test_perfect_undoing_recovers_all(generator):
    forward = ScramblerConfig(1, 2, prediction="previous")
    found = restored(undoing(forward, 3), haar(10, 3, generator))
    for each in (found.fidelity, found.magnitudes):
        assert each.mean == pytest.approx(1, abs=1e-5)
        assert each.error == pytest.approx(0, abs=1e-5)
    assert found.fidelity.floor == 1 / 8


def test_phases_that_are_left_wrong_cost_the_fidelity_alone(generator):
    """A denoiser that undoes the circuit, then turns each amplitude by a phase of its own."""
    made, states = undoing(ScramblerConfig(1), 3), haar(200, 3, generator)
    made.denoiser.register_forward_hook(lambda *given: (turned(given[-1][0], generator),))
    found = restored(made, states)
    assert found.magnitudes.share == pytest.approx(1, abs=1e-4)
    assert abs(found.fidelity.mean - 1 / 8) > 3 * found.fidelity.error
    assert found.fidelity.mean < 0.5


def test_errors_are_those_of_means(generator):
    """Standard deviation of the states' fidelities by √(N-1)."""
    made, states = undoing(ScramblerConfig(1), 2), haar(50, 2, generator)
    for layer in made.denoiser.layers:
        layer.weights.data += 0.4
    restored_states = made.denoiser(made.process.noised(states, torch.zeros(50, dtype=torch.int64), generator).x, 0)
    values = fidelity(states, restored_states.sample).double()
    found = restored(made, states).fidelity
    assert found.mean == pytest.approx(values.mean().item(), abs=1e-5)
    assert found.error == pytest.approx(values.std().item() / 50**0.5, rel=1e-4)


def test_snapshots_restore_what_the_run_has_scored(run):
    """Each by its own stage's scrambler: the evaluation scores the same states."""
    study = study_run(run)
    scored = [(step, {row["name"]: row for row in scores["rows"]}) for step, scores in read_snapshot_scores(run)]
    assert [(each.step, each.stage) for each in study.snapshots] == [(3, "depth-1"), (6, "depth-2")]
    for each, (step, rows) in zip(study.snapshots, scored, strict=True):
        assert each.step == step
        assert each.train.fidelity.mean == pytest.approx(rows["fidelity-train"]["value"], abs=1e-6)
        assert each.held_out.fidelity.mean == pytest.approx(rows["fidelity-held-out"]["value"], abs=1e-6)


def test_portraits_are_of_the_state_and_the_weights_asked_for(run):
    """The mean of all restored held-out states is what the snapshot has."""
    for step in (3, 6):
        found = [study_run(run, state, step) for state in range(4)]
        mean = np.mean([study.portraits[2].fidelity for study in found])
        held_out = {each.step: each.held_out for each in found[0].snapshots}[step]
        assert mean == pytest.approx(held_out.fidelity.mean, abs=1e-6)
        assert {study.origin["step"] for study in found} == {step}


def test_the_study_on_paper(run, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    assert main(["analyze", "run", str(run.path), "--state", "2", "--snapshot", "3", "--out", str(out)]) == 0
    shown, text = capsys.readouterr().out, (out / "analysis.md").read_text()
    study = study_run(run, 2, 3)
    for table in (portrait_rows(study.portraits), snapshot_rows(study.snapshots)):
        assert markdown_table(*table) in text
        assert all(cell in shown for row in table[1] for cell in row)
    for condition in ("--state 2 --snapshot 3", torch.__version__, study.origin["weights_sha256"], study.source):
        assert condition in text
    assert {path.stem for path in out.glob("*.png")} == PICTURES
    assert all(f"written  {path}" in shown for path in out.iterdir())


def test_what_does_not_apply_is_left_out_in_words(tmp_path, capsys):
    many = scrambling(tmp_path)
    many = replace(many, data=replace(many.data, n_qubits=7), snapshots=(), stages=many.stages[:1], log_every=50)
    made = train(many, tmp_path / "run")
    made.stats_path.unlink()
    assert main(["analyze", "run", str(made.path)]) == 0
    shown = capsys.readouterr().out
    for sentence in ("these states have 7", "has logged no fidelity", "keeps no snapshots"):
        assert sentence in shown
        assert sentence in (made.figures_path / "analysis.md").read_text()
    assert {path.stem for path in made.figures_path.glob("*.png")} - {"loss"} == {"mutual-information", "schmidt"}


def test_what_cannot_be_shown_is_refused(run, tmp_path):
    for state, snapshot, said in ((4, None, "held-out states 0 to 3"), (-1, None, "0 to 3"), (0, 4, "keeps 3, 6")):
        with pytest.raises(UsageError, match=said):
            study_run(run, state, snapshot)
    measured = train(chain(tmp_path), tmp_path / "chain")
    with pytest.raises(UsageError, match="has the forward process scrambling, but"):
        study_run(measured)


@pytest.mark.parametrize(
    ("change", "said"), [({"n_qubits": 1}, "states of 1 qubit"), ({"model": "chain"}, "ChainDenoiser, which measures")]
)
def test_single_qubits_and_measured_circuits_are_refused(change, said, tmp_path: Path):
    experiment = scrambling(tmp_path)
    if "model" in change:
        experiment = replace(experiment, model=replace(chain(tmp_path).model, n_steps=1))
    else:
        experiment = replace(experiment, data=replace(experiment.data, **change))
    made = train(replace(experiment, snapshots=()), tmp_path / "run")
    with pytest.raises(UsageError, match=said):
        study_run(made)


def test_a_curve_needs_no_fidelity_at_its_first_step():
    curve = StageCurve(Span("late", 100, 200), np.array([150.0]), np.array([0.3]))
    assert curve.gain_until(30) == 0
    assert len(curve.gains(5)[0]) == 0
