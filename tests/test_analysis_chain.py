"""What is shown of a chain: its sets against the metrics and the training themselves, its files, and refused runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from torch import nn

from plots_helpers import random_states
from qdiffusion.analysis import ChainStudy, study_chain
from qdiffusion.analysis.chainfigures import BINS, QUBIT_COLOURS, bloch_figure, distance_figure, magnetisation_figure
from qdiffusion.analysis.chainpage import distance_rows, set_rows
from qdiffusion.analysis.chainstudy import noised_sets
from qdiffusion.cli import main
from qdiffusion.data import EnsembleConfig
from qdiffusion.diffusion.chain import ChainObjective
from qdiffusion.diffusion.scrambling import Scrambling
from qdiffusion.diffusion.state_config import ScramblingConfig
from qdiffusion.diffusion.system import System
from qdiffusion.errors import RunError, UsageError
from qdiffusion.models.chain import ChainDenoiser
from qdiffusion.models.denoised import Denoised
from qdiffusion.plots.markdown import markdown_table
from qdiffusion.plots.states import projected, qubit_bloch_vectors
from qdiffusion.runs import Run
from qdiffusion.states import (
    magnetisation,
    mixed_mmd,
    mixed_wasserstein,
    mmd,
    projector,
    purity,
    reduced_density,
    wasserstein,
)
from qdiffusion.training import Experiment, train
from training_families import chain, mixed_chain, scrambling
from training_tiny import tiny, write_images

HALF = 0.5**0.5
STATES = torch.tensor(
    [
        [1, 0, 0, 0],  # |0⟩|0⟩
        [0, HALF, 0, HALF],  # |+⟩|1⟩
        [0.5, 0.5j, 0.5, 0.5j],  # |+⟩|+i⟩
        [HALF, 0, 0, HALF],  # a Bell pair
    ],
    dtype=torch.complex128,
)
VECTORS = [
    [[0, 0, 1], [0, 0, 1]],
    [[1, 0, 0], [0, 0, -1]],
    [[1, 0, 0], [0, 1, 0]],
    [[0, 0, 0], [0, 0, 0]],
]


def of_qubits(folder: Path, n_qubits: int, **changes: object) -> Experiment:
    experiment = chain(folder)
    return replace(experiment, data=EnsembleConfig("cluster", n_qubits, count=8, test_count=6), **changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("chain")
    return train(of_qubits(folder, 2, snapshots=(4,)), folder / "run")


@pytest.fixture(scope="module")
def study(run: Run) -> ChainStudy:
    return study_chain(run)


@pytest.mark.parametrize("states", [STATES, projector(STATES)], ids=["states", "densities"])
def test_bloch_vectors_of_known_states(states: torch.Tensor) -> None:
    np.testing.assert_allclose(qubit_bloch_vectors(states), VECTORS, atol=1e-14)


def test_lengths_of_bloch_vectors_are_purities() -> None:
    """|r|² = 2 tr ρ² - 1, of pure states and of mixtures of them."""
    states = random_states(6, 3, dtype=torch.complex128)
    squared = (qubit_bloch_vectors(states) ** 2).sum(-1)
    for qubit in range(3):
        found = purity(reduced_density(states, [qubit])).numpy()
        np.testing.assert_allclose(squared[:, qubit], 2 * found - 1, atol=1e-12)
    mixture = projector(states).mean(0, keepdim=True)
    np.testing.assert_allclose(qubit_bloch_vectors(mixture)[0], qubit_bloch_vectors(states).mean(0), atol=1e-12)


def test_data_without_noise_are_as_far_as_the_metrics_say(run: Run, study: ChainStudy) -> None:
    """Sets of one size, the smallest of training data, held-out data and inputs."""
    data = study.experiment.data
    training, held_out = (data.load(split).items.to(torch.complex128)[:6] for split in ("train", "test"))
    assert study.n_states == 6
    assert study.forward[0].mmd == pytest.approx(mmd(training, held_out).item(), rel=1e-4)
    assert study.forward[0].wasserstein == pytest.approx(wasserstein(training, held_out).item(), rel=1e-4)
    np.testing.assert_allclose(study.forward[0].magnetisation, magnetisation(training), atol=1e-6)
    np.testing.assert_allclose(study.data.bloch, qubit_bloch_vectors(held_out), atol=1e-6)
    assert (study.data.mmd, study.data.wasserstein) == pytest.approx((0, 0), abs=1e-12)


def test_density_matrices_are_told_as_states_are(tmp_path: Path) -> None:
    """They lead from the data to the maximally mixed state and, by the super-fidelity, back."""
    made = replace(mixed_chain(tmp_path), data=EnsembleConfig("cluster", 2, count=8, test_count=6))
    study = study_chain(train(made, tmp_path / "run"))
    training, held_out = (made.data.load(split).items.to(torch.complex128)[:6] for split in ("train", "test"))
    clean, pure, mixed = study.forward[0], projector(training), torch.eye(4, dtype=torch.complex128)[None] / 4
    assert clean.mmd == pytest.approx(mixed_mmd(pure, projector(held_out)).item(), abs=1e-6)
    assert clean.wasserstein == pytest.approx(wasserstein(training, held_out).item(), abs=1e-6)
    np.testing.assert_allclose(clean.magnetisation, magnetisation(training), atol=1e-6)
    for walk in (study.forward, study.trained, study.fresh):
        assert walk[-1].wasserstein == pytest.approx(mixed_wasserstein(mixed, projector(held_out)).item(), abs=1e-4)
        np.testing.assert_allclose(walk[-1].bloch, 0, atol=1e-6)
    assert [row[0] for row in set_rows(study)[1]][-1] == "maximally mixed states"
    assert main(["analyze", "run", str(tmp_path / "run")]) == 0
    written = (tmp_path / "run" / "figures" / "analysis.md").read_text()
    assert "super-fidelity" in written
    assert "Haar" not in written


def test_levels_are_layers_of_noise() -> None:
    """Of layers of strengths 1, 0 and 1 the second changes nothing."""
    x0 = random_states(5, 2)
    system = System(nn.Identity(), nn.Identity(), Scrambling(2, 3, strength=(1.0, 0.0, 1.0)))
    clean, first, second, third = noised_sets(system, x0, seed=0)
    torch.testing.assert_close(clean, x0)
    torch.testing.assert_close(first, second)
    for one, other in ((clean, first), (second, third)):
        assert (1 - (one.conj() * other).sum(-1).abs() > 1e-3).all()


def test_each_circuit_is_shown_what_it_was_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, prepare = [], ChainObjective.prepare

    def recorded(*given: object) -> dict[str, torch.Tensor]:
        found = prepare(*given)
        kept.append(found["inputs"])
        return found

    monkeypatch.setattr(ChainObjective, "prepare", recorded)
    made = train(of_qubits(tmp_path, 2), tmp_path / "run")
    in_training, shown, forward = tuple(kept), [], ChainDenoiser.forward

    def watched(self: ChainDenoiser, sample: torch.Tensor, *given: object, **named: object) -> Denoised:
        if len(sample) == 6:
            shown.append(sample)
        return forward(self, sample, *given, **named)

    monkeypatch.setattr(ChainDenoiser, "forward", watched)
    study = study_chain(made)
    for level, inputs, again in zip((2, 1, 0), in_training, shown[:3], strict=True):
        torch.testing.assert_close(again, inputs[:6], msg=f"level {level}")
    np.testing.assert_allclose(study.trained[3].bloch, qubit_bloch_vectors(in_training[0][:6]), atol=1e-6)


def test_reverse_walks_end_at_the_data(run: Run, study: ChainStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain whose step 0 says |00⟩, and which leaves states as they are before: samples stand at level 0."""

    def idle(self: ChainDenoiser, sample: torch.Tensor, timestep: int, *given: object, **named: object) -> Denoised:
        zero = torch.zeros_like(sample)
        zero[:, 0] = 1
        return (sample if timestep else zero,)

    monkeypatch.setattr(ChainDenoiser, "forward", idle)
    found = study_chain(run)
    for walk in (found.trained, found.fresh):
        np.testing.assert_allclose(walk[0].bloch, np.broadcast_to([0, 0, 1], (6, 2, 3)), atol=1e-12)
        assert walk[2].mmd > walk[0].mmd
    for level in (1, 2):
        np.testing.assert_allclose(found.fresh[level].bloch, found.fresh[3].bloch, atol=1e-6)
    assert not np.allclose(found.fresh[3].bloch, found.trained[3].bloch), "other Haar states"
    np.testing.assert_array_equal(found.fresh[3].bloch, study.fresh[3].bloch)


def test_seeds_draw_the_same_states_or_others(run: Run, study: ChainStudy) -> None:
    same, other = study_chain(run, seed=0), study_chain(run, seed=1)
    assert [each.mmd for each in same.fresh] == [each.mmd for each in study.fresh]
    for walk in ("forward", "fresh"):
        assert getattr(other, walk)[3].mmd != getattr(study, walk)[3].mmd
    np.testing.assert_array_equal(other.trained[3].bloch, study.trained[3].bloch)
    assert other.forward[0].mmd == study.forward[0].mmd


def test_the_chain_on_paper(run: Run, study: ChainStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "out"
    assert main(["analyze", "run", str(run.path), "--seed", "0", "--out", str(out)]) == 0
    shown, text = capsys.readouterr().out, (out / "analysis.md").read_text()
    for table in (set_rows(study), distance_rows(study, range(4))):
        assert markdown_table(*table) in text
        assert all(cell in shown for row in table[1] for cell in row)
    for condition in ("--seed 0", torch.__version__, study.origin["weights_sha256"], *study.sources):
        assert condition.replace("|", "\\|") in text
    assert {path.name for path in out.glob("*.png")} == {"bloch.png", "distances.png", "magnetisation.png"}
    assert all(f"written  {path}" in shown for path in out.iterdir())


def test_figures_draw_the_numbers(study: ChainStudy) -> None:
    """Rows of spheres are the two ways, columns the levels, colours the qubits; curves are distances, bars shares."""
    panels = bloch_figure(study).axes
    assert [axes.get_title() for axes in panels[:4]] == ["t = 0", "t = 1", "t = 2", "t = 3"]
    for axes, moment in zip(panels, (*study.forward, *study.fresh), strict=True):
        points, colours = axes.collections[0].get_offsets(), axes.collections[0].get_facecolors()[:, :3]
        for qubit in range(2):
            drawn = points[(colours == to_rgb(QUBIT_COLOURS[qubit])).all(1)]
            seen = projected(moment.bloch[:, qubit])[:, :2]
            np.testing.assert_allclose(sorted(drawn.tolist()), sorted(seen.tolist()))
    for axes, measure in zip(distance_figure(study).axes, ("mmd", "wasserstein"), strict=True):
        *curves, floor = axes.lines
        for line, walk in zip(curves, (study.forward, study.trained, study.fresh), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), [getattr(each, measure) for each in walk])
        assert set(floor.get_ydata()) == {getattr(study.forward[0], measure)}
    axes = magnetisation_figure(study).axes[0]
    sets = study.data, study.fresh[0], study.fresh[-1]
    means = [f"{each.magnetisation.mean():.3f}" for each in sets]
    assert [label[-5:] for label in axes.get_legend_handles_labels()[1]] == means
    width = np.ptp([each.magnetisation for each in sets]) / BINS
    for bars in axes.patches:
        x, y = bars.get_xy().T
        area = (x * np.roll(y, 1) - y * np.roll(x, 1)).sum() / 2
        assert abs(area) == pytest.approx(width), "shares sum to 1"


def test_what_does_not_apply_is_left_out_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = train(chain(tmp_path), tmp_path / "run")
    assert main(["analyze", "run", str(made.path)]) == 0
    sentence = "magnetisation.png is left out: the magnetisation of a single qubit is always 1."
    assert sentence in capsys.readouterr().out
    assert sentence in (made.figures_path / "analysis.md").read_text()
    assert {path.stem for path in made.figures_path.glob("*.png")} - {"loss"} == {"bloch", "distances"}


def test_weights_of_a_snapshot_are_said_to_be_unfinished(run: Run, study: ChainStudy) -> None:
    early = study_chain(run, snapshot=4)
    assert "step 4 of 9" in early.left_out[0]
    assert study.left_out == ()
    # By step 4 the circuit of level 2 was trained, and no later step changes it.
    assert early.trained[3].mmd == study.trained[3].mmd
    assert early.fresh[2].mmd == study.fresh[2].mmd
    assert early.fresh[0].mmd != study.fresh[0].mmd


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["analyze", "run", *map(str, words)]) in (1, 2)
    return capsys.readouterr().err


def test_runs_and_options_that_do_not_fit_are_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.npz"
    write_images(path)
    images = train(tiny(path), tmp_path / "images")
    said = refused(capsys, images.path)
    assert all(name in said for name in ("gaussian", "scrambling-4q", "quddpm-cluster1")), said
    assert "--state was given, but" in refused(capsys, run.path, "--state", 0)
    assert "seed is -1" in refused(capsys, run.path, "--seed", -1)
    assert "keeps 4" in refused(capsys, run.path, "--snapshot", 5)
    with pytest.raises(UsageError, match="forward process gaussian"):
        study_chain(images)
    other = replace(scrambling(tmp_path), forward=ScramblingConfig(timesteps=2), snapshots=())
    other = replace(other, stages=(replace(other.stages[0], forward=None),))
    with pytest.raises(UsageError, match="the objective infidelity"):
        study_chain(train(other, tmp_path / "other"))


def test_a_scrambler_takes_no_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = train(replace(scrambling(tmp_path), snapshots=()), tmp_path / "run")
    assert "--seed was given, but the study of such a run takes --state and --snapshot" in refused(
        capsys, made.path, "--seed", 1
    )
    assert main(["analyze", "run", str(made.path), "--out", str(tmp_path / "out")]) == 0


def test_a_chain_without_weights_is_refused(tmp_path: Path) -> None:
    made = train(of_qubits(tmp_path, 1), tmp_path / "run")
    for folder in (made.model_path, made.path / "checkpoints"):
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()
    with pytest.raises(RunError, match="neither a model nor a checkpoint"):
        study_chain(made)
