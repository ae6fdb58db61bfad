"""What every family has to keep, and what each is: one loop, one run folder, the same verbs."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from qdiffusion.errors import UsageError
from qdiffusion.models import UnitaryConfig
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import checkpoint_path, list_checkpoints, load
from qdiffusion.runs.pictures import forward_path, read_real, read_strip
from qdiffusion.runs.samples import steps_path
from qdiffusion.runs.snapshots import list_snapshots, read_snapshot_scores
from qdiffusion.states import fidelity
from qdiffusion.training import (
    Experiment,
    Interrupted,
    describe,
    evaluate_run,
    from_json,
    resume,
    sample_run,
    to_json,
    train,
)
from qdiffusion.training.building import build_system
from qdiffusion.training.loading import load_system
from qdiffusion.training.snapshots import read_snapshot
from training_families import FAMILIES, chain, conditional, depolarising, latent, scrambling, transfer
from training_interruptions import signal_at
from training_tiny import files, outcome

Family = Callable[[Path], Experiment]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_survives_json(family: Family, tmp_path: Path) -> None:
    assert from_json(to_json(family(tmp_path))) == family(tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_stopped_it_ends_as_without_a_stop(family: Family, tmp_path: Path) -> None:
    """In the midst of a leg or at its end: weights, moments, chain inputs, samples."""
    experiment = _unscored(family(tmp_path))
    whole = train(experiment, tmp_path / "whole")
    for step in sorted({1, experiment.legs[0].end, experiment.total_steps - 1}):
        with pytest.raises(Interrupted):
            train(experiment, tmp_path / f"{step}", progress=signal_at(step, signal.SIGTERM))
        stopped = resume(tmp_path / f"{step}")
        for part in ("state", "model", "stats", "samples"):
            assert outcome(stopped)[part] == outcome(whole)[part], (step, part)
        assert files(stopped.path) - _checkpoints(stopped) == files(whole.path) - _checkpoints(whole)


def _unscored(experiment: Experiment) -> Experiment:
    return replace(experiment, evaluation=replace(experiment.evaluation, count=0))


def _checkpoints(run: Run) -> set[str]:
    """Their names: a signal makes one where no other would be."""
    return {f"checkpoints/{path.name}" for path in list_checkpoints(run)}


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_sampled_scored_and_described_by_the_same_calls(family: Family, tmp_path: Path) -> None:
    experiment = family(tmp_path)
    run = train(_unscored(experiment), tmp_path / "run")
    first, again, other = (sample_run(run, 3, seed=seed) for seed in (1, 1, 2))
    space = experiment.data.load("train").space
    system = build_system(experiment, space)
    made = system.codec.decode(system.codec.encode(experiment.data.load("train").items[:3]))
    assert torch.equal(first.items, again.items)
    # Channels on the maximally mixed state have no chance.
    assert torch.equal(first.items, other.items) == (family is depolarising)
    assert (first.items.shape, first.items.dtype) == (made.shape, made.dtype)
    described = describe(experiment)
    assert described[-1].parameters.total == sum(parameter.numel() for parameter in system.parameters())
    if experiment.evaluation.kind != "images":
        scores = evaluate_run(run, experiment.evaluation.count)
        assert all(row.value == row.value for row in scores.rows)
        assert (run.read_metrics() or {})["rows"][0]["value"] == scores.rows[0].value


def test_a_transfer_takes_over_all_but_the_vertex(tmp_path: Path) -> None:
    """At the first step of the second stage everything else is what the first ended with, bit for bit."""
    experiment = replace(transfer(tmp_path), checkpoint_every=1, snapshots=())
    with pytest.raises(Interrupted):
        train(experiment, tmp_path / "run", progress=signal_at(3, signal.SIGINT))
    before = load(checkpoint_path(Run(tmp_path / "run"), 3)).part("system")
    space = experiment.data.load("train").space
    fresh = build_system(experiment, space, 1).state_dict()
    frozen = replace(
        experiment, stages=(experiment.stages[0], replace(experiment.stages[1], train=("denoiser.conv_out.bias",)))
    )
    after = load(list_checkpoints(train(frozen, tmp_path / "frozen"))[-1]).part("system")
    assert after.keys() == fresh.keys() != before.keys()
    for name, value in after.items():
        if name.startswith("denoiser.vertex_"):
            assert torch.equal(value, fresh[name]), name
        elif name != "denoiser.conv_out.bias":
            assert torch.equal(value, before[name]), name


def test_only_what_a_stage_trains_moves(tmp_path: Path) -> None:
    """The autoencoder's statistics too stand still while the denoiser learns."""
    experiment = replace(latent(tmp_path), checkpoint_every=1)
    run = train(experiment, tmp_path / "run")
    second_last, last = (load(path).part("system") for path in list_checkpoints(run)[-2:])
    moved = {name for name, value in last.items() if not torch.equal(value, second_last[name])}
    assert moved == {name for name in last if name.startswith("denoiser.")}
    saved = load_file(run.path / "codec" / "diffusion_pytorch_model.safetensors")
    assert all(
        torch.equal(saved[name.removeprefix("codec.")], last[name]) for name in last if name.startswith("codec.")
    )


def test_a_learnt_codec_shows_its_process_once_it_is_trained(tmp_path: Path) -> None:
    """The forward strip begins with what the trained codec makes of real images, not the untrained one."""
    experiment = latent(tmp_path)
    with pytest.raises(Interrupted):
        train(experiment, tmp_path / "run", progress=signal_at(1, signal.SIGINT))
    assert read_strip(forward_path(Run(tmp_path / "run"))) is None
    run = resume(tmp_path / "run")
    strip, real = read_strip(forward_path(run)), read_real(run)
    assert strip is not None and real is not None  # noqa: PT018
    codec = load_system(run)[0].codec
    assert torch.equal(strip.items[:, 0], codec.decode(codec.encode(real[:4])))


def test_carried_moments_go_on_and_others_start_afresh(tmp_path: Path) -> None:
    """Adam counts its steps: six where they are carried, three where they are not."""
    experiment = scrambling(tmp_path)
    dropped = replace(experiment, stages=(experiment.stages[0], replace(experiment.stages[1], carry=False)))
    counts = [
        load(list_checkpoints(train(each, tmp_path / str(index)))[-1]).tensors[
            "optimiser/denoiser.layers.0.weights/step"
        ]
        for index, each in enumerate((experiment, dropped))
    ]
    assert [int(count) for count in counts] == [6, 3]


def test_moments_of_another_shape_or_of_fresh_parameters_are_not_carried(tmp_path: Path) -> None:
    """A wider circuit, or a fresh one, has parameters of the same name that the moments do not belong to."""
    experiment = scrambling(tmp_path)
    fresh = {"fresh": ("denoiser.*",)}
    for name, changes in (("wider", {"model": UnitaryConfig(n_layers=3), **fresh}), ("fresh", fresh)):
        changed = replace(experiment, stages=(experiment.stages[0], replace(experiment.stages[1], **changes)))
        last = load(list_checkpoints(train(changed, tmp_path / name))[-1])
        assert int(last.tensors["optimiser/denoiser.layers.0.weights/step"]) == 3


def test_each_round_of_a_chain_trains_its_own_step(tmp_path: Path) -> None:
    """Round r moves step T-1-r alone; the inputs of round 1 are outcomes of step 2, and lie in its checkpoints."""
    experiment = replace(chain(tmp_path), checkpoint_every=3)
    run = train(experiment, tmp_path / "run")
    one, two = (load(path) for path in list_checkpoints(run))
    names = [name for name, value in two.part("system").items() if not torch.equal(value, one.part("system")[name])]
    assert names == ["denoiser.steps.0.weights"]
    assert (one.meta["round"], two.meta["round"]) == (1, 2)
    inputs = one.part("leg")["inputs"]
    system = build_system(experiment, experiment.data.load("train").space)
    system.load_state_dict(one.part("system"))
    assert inputs.shape == (8, 2)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(inputs, two.part("leg")["inputs"])
    assert torch.allclose(inputs.norm(dim=-1), torch.ones(8))


def test_snapshots_are_the_averaged_weights_of_their_steps(tmp_path: Path) -> None:
    experiment = replace(transfer(tmp_path), checkpoint_every=1)
    run = train(experiment, tmp_path / "run")
    assert list_snapshots(run) == [2, 5]
    with pytest.raises(Interrupted):
        train(experiment, tmp_path / "stopped", progress=signal_at(5, signal.SIGINT))
    expected = load(checkpoint_path(Run(tmp_path / "stopped"), 5)).part("ema")
    kept = read_snapshot(run, 5, experiment.snapshots)
    assert all(torch.equal(kept[name], value) for name, value in expected.items())
    assert kept.keys() == expected.keys()
    assert {path.name for path in run.samples_path.glob("*step2*.safetensors")}


def test_snapshots_are_scored_with_their_own_stage(tmp_path: Path) -> None:
    """The fidelity after the first stage is that of undoing the first stage's scrambler."""
    experiment = scrambling(tmp_path)
    run = train(experiment, tmp_path / "run")
    (step, first), (last, _) = read_snapshot_scores(run)
    assert (step, last) == (3, 6)
    items = experiment.data.load("train")
    system = build_system(experiment, items.space, 0)
    system.load_state_dict(read_snapshot(run, 3, experiment.snapshots))
    t = torch.zeros(len(items), dtype=torch.int64)
    noised = system.process.noised(items.items, t, torch.Generator())
    restored = system.denoiser(noised.x, t, return_dict=False)[0]
    expected = fidelity(items.items, restored).mean().item()
    assert first["rows"][0]["value"] == pytest.approx(expected, abs=1e-6)


def test_an_unknown_snapshot_is_refused(tmp_path: Path) -> None:
    run = train(scrambling(tmp_path), tmp_path / "run")
    with pytest.raises(UsageError, match=r"no snapshot of step 4; this experiment keeps 3, 6"):
        sample_run(run, 2, snapshot=4)


def test_classes_are_drawn_in_turn_and_named_as_the_data_name_them(tmp_path: Path) -> None:
    experiment = conditional(tmp_path)
    swapped = replace(experiment, data=replace(experiment.data, classes=(1, 0)))
    run = train(swapped, tmp_path / "run")
    samples = sample_run(run, 5, classes=(1,))
    assert samples.labels is not None
    assert samples.labels.tolist() == [0] * 5
    assert sample_run(run, 4).labels.tolist() == [0, 1, 0, 1]  # type: ignore[union-attr]
    for classes in ((2,), ()):
        with pytest.raises(UsageError, match=r"were asked for; the data has 1, 0"):
            sample_run(run, 2, classes=classes)


def test_the_steps_shown_are_those_asked_for_and_of_the_set_beside_them(tmp_path: Path) -> None:
    run = train(chain(tmp_path), tmp_path / "run")
    drawn = sample_run(run, 2, seed=1)
    path = steps_path(drawn.path)
    assert not path.exists()
    for shown in (2, 3):
        assert torch.equal(sample_run(run, 2, seed=1, show_steps=shown).items, drawn.items)
        assert len(read_strip(path).labels) == shown + 1  # type: ignore[union-attr]
    assert torch.equal(read_strip(path).items[:, -1], drawn.items)  # type: ignore[union-attr]
    sample_run(run, 2, seed=1, batch_size=1)  # another set of the same name
    assert not path.exists()


def test_steps_are_shown_of_a_set_that_was_interrupted_without_them(tmp_path: Path) -> None:
    run = train(chain(tmp_path), tmp_path / "run")
    wanted = sample_run(run, 4, seed=1, batch_size=2)
    parts, note = wanted.path.with_suffix(".parts"), wanted.path.with_suffix(".json")
    request = {key: value for key, value in wanted.meta.items() if key not in ("seconds", "environment")}
    wanted.path.unlink()
    parts.mkdir()
    (parts / "request.json").write_text(json.dumps(request))
    save_file({"items": wanted.items[:2].contiguous()}, parts / "batch-000000.safetensors")
    assert note.exists()
    again = sample_run(run, 4, seed=1, batch_size=2, show_steps=3)
    assert torch.equal(again.items, wanted.items)
    assert torch.equal(read_strip(steps_path(again.path)).items[:, -1], wanted.items[:2])  # type: ignore[union-attr]


def test_guidance_of_zero_is_the_model_without_labels(tmp_path: Path) -> None:
    run = train(conditional(tmp_path), tmp_path / "run")
    one, other = (sample_run(run, 4, guidance=0.0, classes=classes).items for classes in ((0,), (1,)))
    assert torch.equal(one, other)
    assert not torch.equal(sample_run(run, 4, guidance=3.0, classes=(0,)).items, one)
