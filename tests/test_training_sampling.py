"""Samples and scores of a run."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from qdiffusion.data import load_images, to_uint8
from qdiffusion.diffusion import SchedulerConfig, System
from qdiffusion.errors import RunError, UsageError
from qdiffusion.metrics import ImagesEvaluationConfig, load_features, score_images
from qdiffusion.models import PixelsConfig, UNet
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import list_checkpoints, load
from qdiffusion.runs.samples import read_samples
from qdiffusion.training import Interrupted, evaluate_run, sample_run, train
from qdiffusion.training.batches import derived_seed
from training_interruptions import OnUpdate, signal_at
from training_tiny import files, tiny, write_images


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("data") / "data.npz")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Run:
    experiment = tiny(data, sampling=SchedulerConfig("ddpm", steps=3, count=0))
    return train(experiment, tmp_path_factory.mktemp("runs") / "run")


def sampled(model: torch.nn.Module, data: Path) -> System:
    """A system of this denoiser and the tiny experiment's noise."""
    space = tiny(data).data.load("train").space
    return System(PixelsConfig().build(space), model, tiny(data).forward.build(space, 0))


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpmpp"])
def test_images_are_those_of_the_averaged_model(trained: Run, data: Path, sampler: str) -> None:
    samples = sample_run(trained, 5, sampler=sampler, steps=4, seed=3, batch_size=3)
    system = sampled(UNet.from_pretrained(trained.model_path).eval(), data)
    expected = []
    for first, size in ((0, 3), (3, 2)):
        generator = torch.Generator().manual_seed(derived_seed(3, first))
        x = SchedulerConfig(sampler, 4).build(system)(system, size, generator)
        expected.append(to_uint8(x.clamp(-1, 1)))
    assert torch.equal(samples.items, torch.cat(expected))
    assert torch.equal(read_samples(samples.path).items, samples.items)


def test_what_is_not_said_is_the_experiments(trained: Run) -> None:
    meta = sample_run(trained, 2).meta
    assert (meta["sampler"], meta["steps"], meta["seed"], meta["count"]) == ("ddpm", 3, 0, 2)
    assert (meta["step"], meta["finished"]) == (12, True)


def test_seeds_make_different_images(trained: Run) -> None:
    first, second = (sample_run(trained, 2, seed=seed).items for seed in (0, 1))
    assert not torch.equal(first, second)


def test_the_same_request_is_read_not_sampled(trained: Run) -> None:
    def refuse(done: int) -> None:
        raise AssertionError("sampled again")

    before = sample_run(trained, 3, seed=5)
    again = sample_run(trained, 3, seed=5, progress=OnUpdate("Sampling", refuse))
    assert torch.equal(again.items, before.items)
    with pytest.raises(AssertionError, match="sampled again"):
        sample_run(trained, 3, seed=5, batch_size=2, progress=OnUpdate("Sampling", refuse))


def test_a_damaged_set_is_sampled_again(trained: Run) -> None:
    before = sample_run(trained, 3, seed=6)
    before.path.write_bytes(b"")
    assert torch.equal(sample_run(trained, 3, seed=6).items, before.items)


@pytest.fixture
def intra_op() -> Iterator[None]:
    """torch's number of threads is as it was, whatever a test sets."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("intra_op")
def test_an_interrupted_sampling_goes_on_where_it_was(trained: Run) -> None:
    torch.set_num_threads(1)
    whole = sample_run(trained, 6, seed=7, batch_size=2).items
    (trained.samples_path / "ddpm-3-seed7-n6.safetensors").unlink()
    seen: list[int] = []

    def interrupt(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_run(trained, 6, seed=7, batch_size=2, progress=OnUpdate("Sampling", interrupt))
    continued = sample_run(trained, 6, seed=7, batch_size=2, progress=OnUpdate("Sampling", seen.append))
    assert seen in ([4, 5, 6, 7, 8, 9], [7, 8, 9])  # the second batch may have ended before it was told
    assert torch.equal(continued.items, whole)
    assert not [name for name in files(trained.path) if ".parts" in name]


@pytest.mark.usefixtures("intra_op")
@pytest.mark.parametrize("threads", [2, 5])
def test_items_do_not_depend_on_how_many_batches_are_drawn_at_once(trained: Run, threads: int) -> None:
    path = trained.samples_path / f"ddpm-3-seed{20 + threads}-n9.safetensors"
    drawn = []
    for n_threads in (1, threads):
        torch.set_num_threads(n_threads)
        drawn.append(sample_run(trained, 9, seed=20 + threads, batch_size=2).items)
        path.unlink()
        assert torch.get_num_threads() == n_threads
    assert torch.equal(*drawn)


def test_parts_of_another_request_are_thrown_away(trained: Run) -> None:
    expected = sample_run(trained, 4, seed=8, batch_size=4).items
    (trained.samples_path / "ddpm-3-seed8-n4.safetensors").unlink()

    def interrupt(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_run(trained, 4, seed=8, batch_size=2, progress=OnUpdate("Sampling", interrupt))
    assert torch.equal(sample_run(trained, 4, seed=8, batch_size=4).items, expected)


def test_an_unfinished_run_samples_from_its_last_checkpoint_and_says_so(tmp_path: Path, data: Path) -> None:
    with pytest.raises(Interrupted):
        train(tiny(data), tmp_path / "run", progress=signal_at(9, signal.SIGINT))
    run = Run.open(tmp_path / "run")
    samples = sample_run(run, 2, sampler="ddim", steps=4)
    assert (samples.meta["step"], samples.meta["finished"]) == (9, False)
    system = sampled(tiny(data).model.build(tiny(data).data.load("train").space).eval(), data)
    system.load_state_dict(load(list_checkpoints(run)[-1]).part("ema"))
    generator = torch.Generator().manual_seed(derived_seed(0, 0))
    expected = SchedulerConfig("ddim", 4).build(system)(system, 2, generator)
    assert torch.equal(samples.items, to_uint8(expected.clamp(-1, 1)))


def test_a_run_without_a_model_is_refused(tmp_path: Path, data: Path) -> None:
    with pytest.raises(Interrupted):
        train(tiny(data), tmp_path / "run", progress=signal_at(1, signal.SIGINT))
    run = Run.open(tmp_path / "run")
    for path in run.checkpoints_path.iterdir():
        path.unlink()
    with pytest.raises(RunError, match="neither a model nor a checkpoint yet"):
        sample_run(run, 2)


def test_a_damaged_model_is_refused(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    weights = run.model_path / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RunError, match=r"The model of .* cannot be read .*have it written again"):
        sample_run(run, 2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"count": 0}, "0 samples"),
        ({"count": 2, "batch_size": 0}, "batches of 0"),
        ({"count": 2, "sampler": "euler"}, "no sampler 'euler'"),
        ({"count": 2, "seed": -1}, "seed is -1"),
        ({"count": 2, "seed": 2**63}, "seed is 9223372036854775808"),
        ({"count": 2, "steps": 0}, "steps is 0, but must be at least 1"),
        ({"count": 2, "steps": 21}, "21 steps; give 1 to 20"),
        ({"count": 2, "guidance": 2.0}, "guidance 2, but the denoiser knows no classes"),
        ({"count": 2, "classes": (0,)}, "trained without labels"),
        ({"count": 2, "snapshot": 4}, "no snapshot of step 4; this experiment keeps none"),
        ({"count": 2, "show_steps": 4}, "4 moments were asked for; give 1 to 3"),
        ({"count": 2, "colour": "red"}, "colour was given.* it has sampler, steps"),
    ],
)
def test_requests_out_of_range_are_refused(trained: Run, asked: dict[str, int], sentence: str) -> None:
    before = files(trained.path)
    with pytest.raises(UsageError, match=sentence):
        sample_run(trained, **asked)
    assert files(trained.path) == before


@pytest.mark.parametrize("split", ["train", "test"])
def test_scores_are_those_of_the_samples_and_stay_in_the_run(trained: Run, data: Path, split: str) -> None:
    scores = evaluate_run(trained, 100, features="mnist-cnn", seed=4, split=split)
    samples = read_samples(trained.samples_path / "ddpm-3-seed4-n100.safetensors")
    reference = load_images(tiny(data).data, split)
    assert scores == score_images(samples.items, reference, load_features("mnist-cnn"), seed=4)
    metrics = trained.read_metrics()
    assert metrics is not None
    assert json.loads(json.dumps(scores.to_dict())).items() <= metrics.items()
    expected = {"made": ["ddpm", "3 steps"], "seed": 4, "step": 12, "samples": samples.name}
    assert expected.items() <= metrics.items()
    assert metrics["details"]["reference"] == reference.source


def test_the_split_is_the_experiments_unless_said(tmp_path: Path, data: Path) -> None:
    test = load_images(tiny(data).data, "test")
    assert test.source != load_images(tiny(data).data, "train").source
    run = train(tiny(data, evaluation=ImagesEvaluationConfig(split="test")), tmp_path / "run")
    assert evaluate_run(run, 100, features="mnist-cnn").details["reference"] == test.source


def test_a_training_on_a_few_images_is_compared_with_all(tmp_path: Path, data: Path) -> None:
    whole = tiny(data).data
    run = train(replace(tiny(data), data=replace(whole, count=10)), tmp_path / "run")
    assert run.read_experiment()["data"]["count"] == 10
    details = evaluate_run(run, 100, features="mnist-cnn").details
    assert details["reference"] == load_images(whole, "train").source
    assert details["n_reference"] == len(load_images(whole, "train")) > 10


def test_too_few_samples_are_refused_before_one_is_drawn(trained: Run) -> None:
    before = files(trained.path)
    with pytest.raises(UsageError, match="A score takes at least 100 images, but got 99"):
        evaluate_run(trained, 99, features="mnist-cnn", seed=5)
    assert files(trained.path) == before


def test_own_data_need_a_named_feature_network(trained: Run) -> None:
    before = files(trained.path)
    with pytest.raises(UsageError, match="--features"):
        evaluate_run(trained, 100)
    assert files(trained.path) == before
