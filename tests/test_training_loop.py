"""The loop does what its description says: Adam on the objective, EMA, checkpoints, log; and stops well."""

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from qdiffusion.data import ImagesConfig, load_images
from qdiffusion.diffusion import DenoiseConfig, ReconstructConfig, SchedulerConfig
from qdiffusion.errors import DataError, QDiffusionError, RunError, TrainingError, UsageError
from qdiffusion.metrics import ImagesEvaluationConfig
from qdiffusion.models import MLPConfig, RawConfig, UNet, UNetConfig
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import list_checkpoints, load
from qdiffusion.training import AdamConfig, EMAConfig, Experiment, Interrupted, Stage, resume, train
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.building import NOISE, build_system
from qdiffusion.training.setup import make_batches
from runs_helpers import full_disk
from training_interruptions import OnUpdate, signal_at
from training_tiny import files, outcome, tiny, write_images


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_images(tmp_path / "data.npz")


def plain_training(experiment: Experiment) -> dict[str, Any]:
    """The same training in the plainest torch: every stage with an Adam and an average of its own."""
    images = load_images(experiment.data, "train")
    system = build_system(experiment, images.space, 0)
    model, process = system.denoiser, system.process
    generator = torch.Generator().manual_seed(derived_seed(experiment.seed, NOISE))
    losses = []
    for stage, leg in zip(experiment.stages, experiment.legs, strict=True):
        adam = torch.optim.Adam(model.parameters(), stage.optimiser.learning_rate, stage.optimiser.betas, foreach=False)
        average = {name: value.clone() for name, value in model.state_dict().items()}
        gamma, k = stage.objective.p2_gamma, stage.objective.p2_k
        batches = make_batches(experiment, images, leg)
        for step in range(1, stage.steps + 1):
            adam.zero_grad()
            x0 = batches[step - 1].items / 127.5 - 1
            t = torch.randint(process.timesteps, (len(x0),), generator=generator)
            noise = torch.randn(x0.shape, generator=generator)
            signal, noise_scale = (scale[t].view(-1, 1, 1, 1) for scale in (process.signal_scale, process.noise_scale))
            errors = (
                (model(signal * x0 + noise_scale * noise, t, return_dict=False)[0] - noise).square().mean((1, 2, 3))
            )
            loss = ((k + (signal / noise_scale).flatten() ** 2) ** -gamma * errors).mean()
            loss.backward()
            adam.step()
            losses.append(loss.item())
            if step <= stage.ema.start:
                keep = 0.0
            elif step % stage.ema.every == 0:
                keep = min(stage.ema.decay, 1 - (step - stage.ema.start) ** -stage.ema.power)
            else:
                keep = 1.0
            for name, value in model.state_dict().items():
                average[name] = keep * average[name] + (1 - keep) * value
    return {"system": model.state_dict(), "ema": average, "losses": losses}


def test_is_adam_on_the_objective_stage_after_stage(tmp_path: Path, data: Path) -> None:
    plain, weighted = DenoiseConfig(p2_gamma=0.0), DenoiseConfig(p2_k=2.0)
    first = Stage("first", 7, 8, plain, AdamConfig(2e-3, (0.8, 0.9)), EMAConfig(start=2, every=2))
    second = Stage("second", 5, 4, weighted, ema=EMAConfig(start=1, every=3))
    experiment = tiny(data, stages=(first, second), log_every=1)
    run = train(experiment, tmp_path / "run")
    expected = plain_training(experiment)
    last = load(list_checkpoints(run)[-1])
    for part in ("system", "ema"):
        named = {f"denoiser.{name}": value for name, value in expected[part].items()}
        torch.testing.assert_close(last.part(part), named, rtol=0, atol=5e-5)
    torch.testing.assert_close(UNet.from_pretrained(run.model_path).state_dict(), expected["ema"], rtol=0, atol=5e-5)
    stats = run.read_stats()
    assert [line["stage"] for line in stats] == ["first"] * 7 + ["second"] * 5
    assert [line["learning_rate"] for line in stats] == [2e-3] * 7 + [1e-3] * 5
    assert [line["loss"] for line in stats] == pytest.approx(expected["losses"], rel=1e-4)


def test_each_stage_has_an_order_of_its_own(data: Path) -> None:
    experiment = tiny(data, stages=(Stage(steps=6, batch_size=8), Stage(steps=6, batch_size=8)))
    images = load_images(experiment.data, "train")
    first, second = (make_batches(experiment, images, leg) for leg in experiment.legs)
    assert not any(torch.equal(first[step].places, second[step].places) for step in range(6))


def test_the_logged_loss_is_the_mean_since_the_last_line(tmp_path: Path, data: Path) -> None:
    each = train(tiny(data, log_every=1), tmp_path / "each").read_stats()
    some = train(tiny(data, log_every=5), tmp_path / "some").read_stats()
    assert [line["step"] for line in some] == [5, 10, 12]
    for line, (begin, end) in zip(some, [(0, 5), (5, 10), (10, 12)], strict=True):
        mean = sum(step["loss"] for step in each[begin:end]) / (end - begin)
        assert line["loss"] == pytest.approx(mean, rel=1e-12)
        errors = sum(step["mse"] for step in each[begin:end]) / (end - begin)
        assert line["mse"] == pytest.approx(errors, rel=1e-12)


def test_speed_is_images_over_the_seconds_since_the_last_line(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clock says, and across an interruption: every look at this one takes a second."""
    clock = count()
    monkeypatch.setattr("qdiffusion.training.log.time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    with pytest.raises(Interrupted):
        train(tiny(data), tmp_path / "run", progress=signal_at(5, signal.SIGINT))
    lines = resume(tmp_path / "run").read_stats()
    assert [line["step"] for line in lines] == [3, 6, 9, 12]
    for before, line in pairwise([{"seconds": 0.0}, *lines]):
        assert line["items_per_second"] * (line["seconds"] - before["seconds"]) == pytest.approx(24, rel=1e-3)


def test_a_seed_fixes_everything_and_torchs_own_chance_is_left_alone(tmp_path: Path, data: Path) -> None:
    torch.manual_seed(1)
    first = train(tiny(data), tmp_path / "first")
    state = torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert outcome(train(tiny(data), tmp_path / "second")) == outcome(first)
    assert outcome(train(tiny(data, seed=1), tmp_path / "other"))["model"] != outcome(first)["model"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [1, 5, 12])
def test_a_signal_saves_and_resume_ends_as_without_it(tmp_path: Path, data: Path, number: int, step: int) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted, match=rf"Stopped after step {step}; .*`qdiffusion resume .*stopped`") as stop:
        train(tiny(data), tmp_path / "stopped", progress=signal_at(step, number))
    assert stop.value.exit_code == 130
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert load(list_checkpoints(Run(tmp_path / "stopped"))[-1]).meta["step"] == step
    stopped = resume(tmp_path / "stopped")
    assert outcome(stopped)["state"] == outcome(whole := train(tiny(data), tmp_path / "whole"))["state"]
    for part in ("model", "stats", "samples"):
        assert outcome(stopped)[part] == outcome(whole)[part]


def test_a_second_signal_does_not_wait_for_the_step(tmp_path: Path, data: Path) -> None:
    def impatient(done: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tiny(data), tmp_path / "run", progress=OnUpdate("Training", impatient))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_sampling_says_how_to_go_on(tmp_path: Path, data: Path, number: int) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    def interrupt(done: int) -> None:
        os.kill(os.getpid(), number)

    with pytest.raises(Interrupted, match=r"after the last step .*`qdiffusion resume"):
        train(tiny(data), tmp_path / "run", progress=OnUpdate("Sampling", interrupt))
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert outcome(resume(tmp_path / "run")) == outcome(train(tiny(data), tmp_path / "whole"))


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    before, names = outcome(run), files(run.path)
    resume(run.path)
    assert (outcome(run), files(run.path)) == (before, names)


def test_a_loss_that_is_not_finite_ends_the_training_and_spares_the_checkpoints(tmp_path: Path, data: Path) -> None:
    wild = Stage("wild", 50, 8, optimiser=AdamConfig(learning_rate=1e30))
    experiment = tiny(data, stages=(Stage("calm", 4, 8), wild), log_every=100, checkpoint_every=8)
    with pytest.raises(TrainingError, match=r"NaN at step 6; .*below 1e\+30 .*stages\.1\.opt.*step-00000004.*unharmed"):
        train(experiment, tmp_path / "run")
    (kept,) = list_checkpoints(Run(tmp_path / "run"))
    assert all(torch.isfinite(value).all() for value in load(kept).part("system").values())


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path, data: Path) -> None:
    wild = (Stage("wild", 1, 8, optimiser=AdamConfig(learning_rate=1e39)),)
    with pytest.raises(TrainingError, match="NaN at step 1"):
        train(tiny(data, stages=wild), tmp_path / "run")
    assert not list_checkpoints(Run(tmp_path / "run"))


def test_full_disk_ends_in_a_sentence_and_loses_nothing(tmp_path: Path, data: Path) -> None:
    whole = train(tiny(data), tmp_path / "whole")
    size = list_checkpoints(whole)[-1].stat().st_size
    with pytest.raises(Interrupted):
        train(tiny(data), tmp_path / "run", progress=signal_at(5, signal.SIGINT))
    with full_disk(size - 1000), pytest.raises(RunError, match=r"Cannot write .*step-00000008.*unharmed"):
        resume(tmp_path / "run")
    resumed = outcome(resume(tmp_path / "run"))
    assert resumed["stats"] == outcome(whole)["stats"]
    assert resumed["state"] == outcome(whole)["state"]


def test_a_damaged_checkpoint_is_refused_and_the_one_before_leads_to_the_same_end(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    expected = outcome(run)
    *_, last = list_checkpoints(run)
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"step-00000012.* damaged .*delete it.*continues from step-00000008"):
        resume(run.path)
    last.unlink()
    assert outcome(resume(run.path)) == expected


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    run.experiment_path.write_text(run.experiment_path.read_text().replace('"head_dim": 4', '"head_dim": 8'))
    with pytest.raises(RunError, match=r"does not fit the model of experiment\.json"):
        resume(run.path)


def test_other_images_are_refused(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    write_images(data, seed=1)
    with pytest.raises(RunError, match="not those the run began with"):
        resume(run.path)


@pytest.mark.parametrize("name", ["checkpoints", "samples"])
def test_a_folder_that_is_gone_is_made_again(tmp_path: Path, data: Path, name: str) -> None:
    run = train(tiny(data), tmp_path / "run")
    before = outcome(run)
    shutil.rmtree(run.path / name)
    assert outcome(resume(run.path))["state"] == before["state"]


def test_tensorboard_that_cannot_be_written_is_named(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    shutil.rmtree(run.tensorboard_path)
    run.tensorboard_path.touch()
    with pytest.raises(RunError, match=r"Cannot write .*tensorboard"):
        resume(run.path)


def test_an_edited_experiment_is_refused(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    run.experiment_path.write_text(run.experiment_path.read_text().replace('"log_every"', '"log_evry"'))
    with pytest.raises(RunError, match=r"experiment\.json is damaged: .*unknown field log_evry"):
        resume(run.path)


WRONG: list[tuple[dict[str, Any], type[QDiffusionError], str]] = [
    ({"stages": (Stage(batch_size=1000),)}, UsageError, "batch size of at most"),
    ({"stages": (Stage(steps=1, batch_size=8), Stage(batch_size=1000))}, UsageError, "batch size of at most"),
    (
        {"stages": (Stage(steps=1, batch_size=8, train=("vertex_*",)),)},
        UsageError,
        r"'vertex_\*' of train .*denoiser\.",
    ),
    (
        {"stages": (Stage(steps=1, batch_size=8), Stage(steps=1, batch_size=8, fresh=("vertex_*",)))},
        UsageError,
        r"'vertex_\*' of fresh .*denoiser\.",
    ),
    ({"stages": (Stage(batch_size=8, objective=ReconstructConfig()),)}, UsageError, "a Pixels has nothing to learn"),
    ({"sampling": SchedulerConfig(steps=2, guidance=2.0)}, UsageError, "guidance 2, but the denoiser knows no classes"),
    ({"codec": RawConfig()}, UsageError, "raw takes states or vectors, but was given images of shape 1×8×8"),
    ({"model": MLPConfig()}, UsageError, "An MLP takes vectors, but was given images of shape 1×8×8"),
    ({"sampling": SchedulerConfig(steps=21)}, UsageError, "21 steps; give 1 to 20"),
    ({"model": UNetConfig()}, UsageError, "Images of 8×8 pixels"),
    ({"evaluation": ImagesEvaluationConfig(count=100)}, UsageError, "feature network"),
    ({"evaluation": ImagesEvaluationConfig(count=100, features="nowhere.pt")}, UsageError, r"nowhere\.pt"),
    (
        {
            "data": ImagesConfig(name="mnist-subset", size=8, colour="rgb"),
            "evaluation": ImagesEvaluationConfig(count=100),
        },
        UsageError,
        "mnist-cnn takes grey images",
    ),
    ({"data": ImagesConfig(path=Path("missing.npz"))}, DataError, r"missing\.npz"),
]


@pytest.mark.parametrize(("changes", "error", "sentence"), WRONG)
def test_what_cannot_work_is_refused_before_anything_is_written(
    tmp_path: Path, data: Path, changes: dict[str, Any], error: type[QDiffusionError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        train(replace(tiny(data), **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_overwrite_spares_the_old_run_when_the_new_one_cannot_work(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    before = outcome(run)
    with pytest.raises(UsageError, match="batch size"):
        train(tiny(data, stages=(Stage(batch_size=1000),)), run.path, overwrite=True)
    assert outcome(run) == before
    again = train(tiny(data, seed=1), run.path, overwrite=True)
    assert outcome(again)["model"] != before["model"]


def test_bfloat16_computes_in_lower_precision_and_keeps_float32_weights(tmp_path: Path, data: Path) -> None:
    full = train(tiny(data, log_every=1), tmp_path / "full")
    low = train(tiny(data, log_every=1, precision="bf16"), tmp_path / "low")
    losses = [[line["loss"] for line in run.read_stats()] for run in (full, low)]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    weights = load(list_checkpoints(low)[-1]).part("system").values()
    assert {value.dtype for value in weights} == {torch.float32}


def test_resume_works_from_another_folder_and_name(tmp_path: Path, data: Path) -> None:
    with pytest.raises(Interrupted):
        train(tiny(data), tmp_path / "run", progress=signal_at(5, signal.SIGINT))
    (tmp_path / "run").rename(tmp_path / "moved")
    assert resume(tmp_path / "moved").read_stats()[-1]["step"] == 12


def test_tensorboard_holds_each_step_once(tmp_path: Path, data: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with pytest.raises(Interrupted):
        train(tiny(data, log_every=1), tmp_path / "run", progress=signal_at(6, signal.SIGINT))
    list_checkpoints(Run(tmp_path / "run"))[-1].unlink()
    run = resume(tmp_path / "run")
    events = EventAccumulator(str(run.tensorboard_path)).Reload().Scalars("loss")
    assert [event.step for event in events] == list(range(1, 13))
    assert [event.value for event in events] == pytest.approx([line["loss"] for line in run.read_stats()], rel=1e-6)


def test_experiment_json_says_what_was_trained_on_what(tmp_path: Path, data: Path) -> None:
    saved = train(tiny(data), tmp_path / "run").read_experiment()
    images = load_images(ImagesConfig(path=data, size=8), "train")
    assert saved["data"]["source"] == images.source
    assert (saved["data"]["count"], saved["data"]["space"]["shape"]) == (len(images), [1, 8, 8])
    assert saved["environment"]["torch"] == torch.__version__
    assert saved["experiment"]["stages"][0]["steps"] == saved["steps"] == 12


def test_trains_outside_the_main_thread(tmp_path: Path, data: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(train, tiny(data), tmp_path / "inside").result()
    assert outcome(inside) == outcome(train(tiny(data), tmp_path / "outside"))
