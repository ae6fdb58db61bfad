"""What the report shows beside the results is made of the run's own images, process and samples."""

import signal
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch

from qdiffusion.data import ImageSet, Space, load_images, to_uint8, to_unit_range
from qdiffusion.diffusion import GaussianConfig, ScheduleConfig, SchedulerConfig, System
from qdiffusion.models import PixelsConfig, UNet
from qdiffusion.runs import Run
from qdiffusion.runs.description import read_description
from qdiffusion.runs.pictures import forward_path, read_real, read_strip, real_path, reverse_path
from qdiffusion.runs.samples import list_samples, read_samples
from qdiffusion.training import Interrupted, describe, resume, sample_run, train
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.loading import load_system
from qdiffusion.training.pictures import balanced, forward_strip
from training_interruptions import signal_at
from training_tiny import outcome, tiny, write_images


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("data") / "data.npz")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Run:
    experiment = tiny(data, sampling=SchedulerConfig("ddpm", steps=16, count=6))
    return train(experiment, tmp_path_factory.mktemp("runs") / "run")


def image_set(labels: list[int] | None) -> ImageSet:
    """Images that carry their own number."""
    numbers = torch.arange(40 if labels is None else len(labels), dtype=torch.uint8)
    images = numbers.view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    given = None if labels is None else torch.tensor(labels)
    return ImageSet("numbers", "train", images, given, "numbers", 0 if labels is None else 3)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12])
def test_any_first_few_real_images_are_balanced_and_different(count: int) -> None:
    labels = [0] * 5 + [1] * 20 + [2] * 4
    chosen = balanced(image_set(labels), count, seed=3)[:, 0, 0, 0].tolist()
    assert len(set(chosen)) == count
    sizes = np.bincount([labels[number] for number in chosen], minlength=3)
    assert sizes.max() - sizes.min() <= 1


def test_a_small_class_gives_all_it_has() -> None:
    labels = [0] * 2 + [1] * 20 + [2] * 20
    chosen = balanced(image_set(labels), 20, seed=0)[:, 0, 0, 0].tolist()
    assert np.bincount([labels[number] for number in chosen]).tolist() == [2, 9, 9]


@pytest.mark.parametrize("labels", [None, [0, 1, 2] * 10])
def test_the_choice_is_the_seeds(labels: list[int] | None) -> None:
    images = image_set(labels)
    first, again, other = (balanced(images, 8, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(set(balanced(images, 100, 1)[:, 0, 0, 0].tolist())) == len(images)


def test_real_images_of_a_run_are_training_images(trained: Run, data: Path) -> None:
    training = load_images(tiny(data).data, "train")
    real = read_real(trained)
    assert real is not None
    number = {image.numpy().tobytes(): index for index, image in enumerate(training.images)}
    chosen = [number[image.numpy().tobytes()] for image in real]
    assert len(set(chosen)) == len(chosen) == min(64, len(training))
    assert training.labels is not None
    assert training.labels[chosen[:10]].bincount().tolist() == [5, 5]


def noising(schedule: ScheduleConfig, images: torch.Tensor) -> System:
    """A system that can destroy such images; its denoiser is none."""
    space = Space("images", tuple(images.shape[1:]))
    return System(PixelsConfig().build(space), torch.nn.Identity(), GaussianConfig(schedule).build(space, 0))


def levels(labels: tuple[tuple[str, ...], ...]) -> list[int]:
    """The level that each column is labelled with; -1 for the data."""
    return [-1 if label == ("data",) else int(label[0].removeprefix("t ")) for label in labels]


def ratio(label: tuple[str, ...]) -> float:
    """The signal-to-noise ratio below a column: "24", "2·10⁻⁹"."""
    digits = label[1].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(digits.replace("·10", "e"))


@pytest.mark.parametrize("schedule", [ScheduleConfig("linear", 50), ScheduleConfig("cosine", 1000)])
def test_the_forward_strip_follows_the_formula(schedule: ScheduleConfig) -> None:
    images = torch.randint(256, (3, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    strip = forward_strip(noising(schedule, images), images, seed=5)
    assert torch.equal(strip.items[:, 0], images)
    shown = levels(strip.labels)
    assert (shown[0], shown[-1]) == (-1, schedule.timesteps - 1)
    gaps = np.diff(shown)
    assert gaps.max() - gaps.min() <= 1
    noise = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(5)).double()
    x0 = to_unit_range(images).double()
    betas = schedule.betas()
    for column, t in enumerate(shown[1:], start=1):
        kept = torch.prod(1 - betas[: t + 1])
        expected = kept.sqrt() * x0 + (1 - kept).sqrt() * noise
        torch.testing.assert_close(strip.items[:, column], to_uint8(expected.clamp(-1, 1)), rtol=0, atol=1)
        # Of two digits or one, so within half of the last.
        assert ratio(strip.labels[column]) == pytest.approx(float(kept / (1 - kept)), rel=0.5)


@pytest.mark.parametrize("timesteps", [1, 3, 8, 20])
def test_short_processes_have_short_strips(timesteps: int) -> None:
    images = torch.zeros(1, 1, 2, 2, dtype=torch.uint8)
    strip = forward_strip(noising(ScheduleConfig("linear", timesteps), images), images, 0)
    shown = levels(strip.labels)
    assert shown == sorted(set(shown))
    assert len(shown) == strip.items.shape[1] == min(timesteps, 8) + 1


def test_the_reverse_strip_is_the_way_of_the_samples(trained: Run, data: Path) -> None:
    samples = read_samples(list_samples(trained)[-1])
    strip = read_strip(reverse_path(trained, samples.name))
    assert strip is not None
    system, _ = load_system(trained)
    assert system.state_dict().keys() == {
        f"denoiser.{name}" for name in UNet.from_pretrained(trained.model_path).state_dict()
    }
    sampler = SchedulerConfig("ddpm", steps=16).build(system)
    generator, steps = torch.Generator().manual_seed(derived_seed(0, 0)), {}
    sampler(system, 6, generator, on_step=steps.__setitem__)
    assert torch.equal(strip.items[:, -1], samples.items[:4])
    for column, done in enumerate(range(0, 17, 2)):
        assert torch.equal(strip.items[:, column], to_uint8(steps[done][:4].clamp(-1, 1)))
        assert levels(strip.labels)[column] == (sampler.levels[done] if done < 16 else -1)


def test_every_sample_set_keeps_its_own_strip(trained: Run) -> None:
    for seed, count in ((8, 3), (9, 5)):
        samples = sample_run(trained, count, steps=3, seed=seed, batch_size=2)
        strip = read_strip(reverse_path(trained, samples.name))
        assert strip is not None
        assert torch.equal(strip.items[:, -1], samples.items[:2])
        assert strip.items.shape[1] == 4


def test_an_interrupted_run_has_them_already(tmp_path: Path, data: Path) -> None:
    with pytest.raises(Interrupted):
        train(tiny(data), tmp_path / "run", progress=signal_at(1, signal.SIGINT))
    run = Run.open(tmp_path / "run")
    assert real_path(run).exists()
    assert forward_path(run).exists()
    assert read_description(run) == describe(tiny(data))


@pytest.mark.parametrize("kept", range(3))
def test_resume_makes_what_is_missing_or_damaged_and_nothing_else(tmp_path: Path, data: Path, kept: int) -> None:
    run = train(tiny(data), tmp_path / "run")
    made = [run.description_path, real_path(run), forward_path(run)]
    # A copy: tensors as read are the file itself, which is about to be damaged.
    before = deepcopy((outcome(run), read_description(run), read_real(run), read_strip(forward_path(run))))
    untouched = made[kept].stat().st_mtime_ns
    missing, damaged = (path for path in made if path != made[kept])
    missing.unlink()
    damaged.write_bytes(b"mine")
    resume(run.path)
    # Not their bytes: safetensors writes metadata of several entries in any order.
    after = outcome(run), read_description(run), read_real(run), read_strip(forward_path(run))
    assert after[:2] == before[:2]
    assert torch.equal(after[2], before[2])
    assert torch.equal(after[3].items, before[3].items)
    assert (after[3].labels, after[3].caption) == (before[3].labels, before[3].caption)
    assert made[kept].stat().st_mtime_ns == untouched


def test_training_and_samples_do_not_depend_on_them(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = outcome(train(tiny(data), tmp_path / "shown"))
    monkeypatch.setattr("qdiffusion.training.loop.write_missing", lambda *_: None)
    monkeypatch.setattr("qdiffusion.training.samplesets.Film.keep", lambda *_: None)
    monkeypatch.setattr("qdiffusion.training.samplesets.Film.strip", lambda *_: None)
    monkeypatch.setattr("qdiffusion.training.samplesets.write_strip", lambda *_: None)
    assert outcome(train(tiny(data), tmp_path / "bare")) == shown
