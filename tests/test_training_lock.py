"""Of two processes on one run the second is refused before any work; readers read on."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch

from qdiffusion.cli import main
from qdiffusion.diffusion import SchedulerConfig
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import checkpoint_path, list_checkpoints
from qdiffusion.runs.samples import read_samples
from qdiffusion.training import resume, sample_run, train
from qdiffusion.training.loading import load_system
from training_interruptions import OnUpdate
from training_tiny import files, outcome, tiny, write_images

WORKERS = multiprocessing.get_context("forkserver")
WORKERS.set_forkserver_preload(
    ["pytest", "qdiffusion.training.loop", "qdiffusion.models.pretrained", "torch.utils.tensorboard"]
)


def paused(title: str, at: int, pipe: Connection) -> OnUpdate:
    """Stops once where `at` units of the task are done, until the other side of the pipe says go."""

    def pause(done: int) -> None:
        if done == at:
            pipe.send(os.getpid())
            pipe.recv()

    return OnUpdate(title, pause)


def train_paused(data: Path, out: Path, pipe: Connection) -> None:
    torch.set_num_threads(1)
    train(tiny(data), out, progress=paused("Training", 10, pipe))


def sample_paused(data: Path, out: Path, pipe: Connection) -> None:
    torch.set_num_threads(1)
    sample_run(Run(out), 4, progress=paused("Sampling", 1, pipe))


@contextmanager
def under_way(work: Callable[[Path, Path, Connection], None], data: Path, out: Path) -> Iterator[int]:
    """Another process in the midst of its work; it goes on and ends well behind the block."""
    here, there = WORKERS.Pipe()
    process = WORKERS.Process(target=work, args=(data, out, there))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join()
    assert process.exitcode == 0


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the workers: sums of several threads round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_images(tmp_path / "data.npz")


def refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 1
    *_, last = capsys.readouterr().err.splitlines()
    return last


def test_a_training_under_way_is_left_alone(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    overwrite = ["train", "unet-classical", "--overwrite", "--out", str(out)]
    with under_way(train_paused, data, out) as number:
        before = {name: (out / name).read_bytes() for name in files(out)}
        for words in (["resume", str(out)], ["evaluate", str(out), "-n", "100", "--features", "mnist-cnn"], overwrite):
            told = refusal(words, capsys)
            assert f"{out} is being written by `qdiffusion train` (process {number} on " in told
        assert {name: (out / name).read_bytes() for name in files(out)} == before
        assert main(["sample", str(out), "-n", "2"]) == 0
        assert main(["report", str(out)]) == 0
        samples = read_samples(out / "samples" / "ddim-2-seed0-n2.safetensors")
        assert (samples.meta["step"], samples.meta["finished"]) == (8, False)
    whole = train(tiny(data), tmp_path / "whole")
    assert outcome(Run(out)) == outcome(whole) | {"samples": outcome(Run(out))["samples"]}
    assert outcome(whole)["samples"].items() <= outcome(Run(out))["samples"].items()


def test_a_killed_training_is_gone_on_with(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "run"
    here, there = WORKERS.Pipe()
    process = WORKERS.Process(target=train_paused, args=(data, out, there))
    process.start()
    os.kill(here.recv(), signal.SIGKILL)
    process.join()
    resume(out)
    assert outcome(Run(out)) == outcome(train(tiny(data), tmp_path / "whole"))
    assert files(out) == files(tmp_path / "whole")


def test_of_two_samplings_of_one_set_the_second_is_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(tiny(data, sampling=SchedulerConfig(steps=2, count=0)), tmp_path / "run")
    with under_way(sample_paused, data, run.path) as number:
        told = refusal(["sample", str(run.path), "-n", "4"], capsys)
        assert f"ddim-2-seed0-n4 of {run.path} is being written by `qdiffusion sample` (process {number}" in told
        assert main(["sample", str(run.path), "-n", "4", "--seed", "1"]) == 0


def test_a_training_waits_for_a_sampling_of_its_last_set(tmp_path: Path, data: Path) -> None:
    run = train(tiny(data), tmp_path / "run")
    (run.samples_path / "ddim-2-seed0-n4.safetensors").unlink()
    here, there = WORKERS.Pipe()
    process = WORKERS.Process(target=sample_paused, args=(data, run.path, there))
    process.start()
    here.recv()
    told = []

    class Telling(OnUpdate):
        def say(self, sentence: str) -> None:
            told.append(sentence)
            if "waiting" in sentence:
                here.send(None)

    resume(run.path, progress=Telling("", lambda done: None))
    process.join()
    assert process.exitcode == 0
    assert [sentence for sentence in told if f"(process {process.pid} on" in sentence]


def test_sampling_takes_the_next_checkpoint_where_one_is_pruned_under_it(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(tiny(data), tmp_path / "run")
    run.model_path.rename(tmp_path / "model")
    last = list_checkpoints(run)[-1]
    listings = iter([[checkpoint_path(run, 1)], [last]])
    monkeypatch.setattr("qdiffusion.training.loading.list_checkpoints", lambda run: next(listings))
    assert load_system(run)[1]["step"] == 12
