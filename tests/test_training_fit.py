"""What cannot fit this machine is refused in one sentence before any work; what fits is not."""

from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from qdiffusion.capacity import check_disk, check_memory, ran_out_of_memory, readable
from qdiffusion.cli import main
from qdiffusion.data import Space
from qdiffusion.diffusion import SchedulerConfig
from qdiffusion.errors import UsageError
from qdiffusion.models import (
    AutoencoderConfig,
    ChainConfig,
    MLPConfig,
    PixelsConfig,
    QVUNetConfig,
    RawConfig,
    UNetConfig,
)
from qdiffusion.training import Experiment, Stage, evaluate_run, sample_run, train
from qdiffusion.training.building import build_system
from qdiffusion.training.fit import check_samples_fit, check_steps_fit, saved_bytes, weight_bytes
from training_tiny import QVUNET, UNET, files, tiny, write_images

HUGE = str(2**31)
SMALL, RGB, MNIST = (Space("images", shape) for shape in ((3, 8, 8), (3, 28, 28), (1, 28, 28)))
PIXELS = PixelsConfig()
TOO_MUCH = [
    ["--model.head-dim", HUGE],
    ["--model.head-dim", "1000000"],
    ["--model.head-dim", "9" * 400],
    ["--model.heads", HUGE],
    ["--model.heads", str(2**62)],
    ["--model.dim", "21474836480"],
    ["--model.dim", "1000000"],
    ["--model.multipliers", "1", "2", "3", HUGE],
    ["--model.multipliers", *["1"] * 40],
    ["--model.n-layers", HUGE],
    ["--model.circuits", "joint", "--model.multipliers", "1", "2", "3", "1000000"],
    ["--data.size", HUGE],
    ["--data.size", "2147483647"],
    ["--data.size", "9" * 30],
    ["--stages.0.batch-size", HUGE],
    ["--stages.0.steps", "9" * 30],
    ["--forward.schedule.timesteps", HUGE],
    ["--sampling.count", HUGE],
    ["--sampling.count", "9" * 30],
    ["--evaluation.count", HUGE],
]


@pytest.mark.parametrize("flags", TOO_MUCH, ids=lambda flags: f"{flags[0]}={flags[-1][:12]}")
def test_numbers_that_ask_for_terabytes(flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "qvunet-7hq", *flags, "--out", str(tmp_path / "run")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert [line for line in errors if line.startswith("error: ") and len(line) < 1000] == errors
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("codec", "config", "space"),
    [
        (PIXELS, UNET, SMALL),
        (PIXELS, QVUNET, SMALL),
        (PIXELS, UNetConfig(), RGB),
        (PIXELS, QVUNetConfig(circuits="full"), RGB),
        (AutoencoderConfig(), MLPConfig(), RGB),
        (RawConfig(), ChainConfig(n_steps=3), Space("states", (4,))),
    ],
)
def test_weights_are_counted_without_being_made(codec: Any, config: Any, space: Space) -> None:
    own = codec.build(space)
    values = [*own.state_dict().values(), *config.build(own.space).state_dict().values()]
    assert weight_bytes(codec, config, space) == sum(value.nbytes for value in values)


def test_what_a_step_keeps_is_counted_without_being_made() -> None:
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    model = UNetConfig().build(MNIST)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.zeros(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64))
    for parameter in model.parameters():
        kept.pop(parameter.untyped_storage().data_ptr(), None)
    real = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    assert saved_bytes(PIXELS, UNetConfig(), MNIST, 4) == pytest.approx(real, rel=0.1)


def with_free(monkeypatch: pytest.MonkeyPatch, memory: int, disk: int = 2**60) -> None:
    usage = namedtuple("usage", "available free")(memory, disk)
    monkeypatch.setattr("psutil.virtual_memory", lambda: usage)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def test_batches_are_measured_against_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment(name="x")
    needed = 5 * weight_bytes(PIXELS, UNetConfig(), MNIST) + saved_bytes(PIXELS, UNetConfig(), MNIST, 128)
    with_free(monkeypatch, needed)
    check_steps_fit(experiment, MNIST, 0)
    with_free(monkeypatch, needed - 1)
    with pytest.raises(UsageError, match=r"A training step of 128 items needs .* MB, but memory has .*batch_size"):
        check_steps_fit(experiment, MNIST, 0)
    check_steps_fit(replace(experiment, precision="bf16"), MNIST, 0)
    check_steps_fit(replace(experiment, stages=(Stage(accumulation=2),)), MNIST, 0)


def test_every_stage_is_measured_by_its_own_model(monkeypatch: pytest.MonkeyPatch) -> None:
    larger = UNetConfig(dim=20)
    stages = (Stage(batch_size=2), Stage(batch_size=2, model=larger), Stage(batch_size=2))
    experiment = Experiment(name="x", stages=stages)
    needed = 5 * weight_bytes(PIXELS, larger, MNIST) + saved_bytes(PIXELS, larger, MNIST, 2)
    with_free(monkeypatch, needed - 1)
    check_steps_fit(experiment, MNIST, 0)
    for index in (1, 2):
        with pytest.raises(UsageError, match="A training step of 2"):
            check_steps_fit(experiment, MNIST, index)


def test_a_model_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(monkeypatch, weight_bytes(PIXELS, UNetConfig(), MNIST) - 1)
    with pytest.raises(UsageError, match="A model of these sizes needs"):
        build_system(Experiment(name="x"), MNIST)


def test_samples_are_measured_against_memory_and_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_free(monkeypatch, memory=2 * 10 * 784, disk=2 * 10 * 784)
    check_samples_fit(tmp_path / "not" / "there", 10, MNIST)
    with pytest.raises(UsageError, match=r"Drawing 11 images of shape 1×28×28 needs 17\.2 kB, but memory has 15\.7 kB"):
        check_samples_fit(tmp_path, 11, MNIST)
    with_free(monkeypatch, memory=10**6, disk=2 * 10 * 784)
    with pytest.raises(UsageError, match=rf"but the disk of {tmp_path} has 15\.7 kB free; ask for fewer"):
        check_samples_fit(tmp_path / "not" / "there", 11, MNIST)


def test_more_samples_than_fit_are_refused_before_any_work(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data.npz")
    with pytest.raises(UsageError, match=r"Drawing 2,147,483,648 images"):
        train(tiny(data, sampling=SchedulerConfig(steps=2, count=2**31)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run = train(tiny(data), tmp_path / "run")
    before = files(run.path)
    for work in (sample_run, evaluate_run):
        with pytest.raises(UsageError, match=r"Drawing 10,000,000,000,000 images"):
            work(run, 10**13, **({"features": "mnist-cnn"} if work is evaluate_run else {}))
    assert files(run.path) == before


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1_700_000_000_000, "1.7 TB"),
        (10**400, "more than 1,000 PB"),
    ],
)
def test_bytes_in_words(size: int, text: str) -> None:
    assert readable(size) == text


def test_what_fits_is_not_refused(tmp_path: Path) -> None:
    check_memory(1, "x", "y")
    check_disk(1, tmp_path / "not" / "there", "x", "y")


def test_torchs_own_words_for_too_little_memory_are_known() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**55)
    assert ran_out_of_memory(error.value)
    assert not ran_out_of_memory(RuntimeError("shape mismatch"))
