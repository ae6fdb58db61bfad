"""A run killed at any moment and resumed ends, bit for bit, as one that was never stopped."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from qdiffusion.runs import Run
from qdiffusion.training import Experiment, Stage, resume, train
from training_families import chain, latent, scrambling, transfer
from training_tiny import QVUNET, files, outcome, tiny, write_images

WORKERS = multiprocessing.get_context("forkserver")
# Packages load their modules lazily: named one by one, so that no worker loads torch and diffusers anew.
WORKERS.set_forkserver_preload(
    ["pytest", "qdiffusion.training.loop", "qdiffusion.models.pretrained", "torch.utils.tensorboard"]
)


def work(experiment: Experiment, out: Path, dies_at: int | None) -> None:
    """Train or go on, in a process of its own, which kills itself before or after it puts a file in its place."""
    torch.set_num_threads(1)
    moments = 0

    def moment() -> None:
        nonlocal moments
        moments += 1
        if moments == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    replace = os.replace

    def mortal_replace(source: Path, target: Path) -> None:
        moment()
        replace(source, target)
        moment()

    os.replace = mortal_replace
    if (out / "experiment.json").exists():
        resume(out)
    else:
        train(experiment, out)


def start(experiment: Experiment, out: Path, dies_at: int | None = None) -> multiprocessing.Process:
    process = WORKERS.Process(target=work, args=(experiment, out, dies_at))
    process.start()
    return process


def finish(experiment: Experiment, out: Path) -> None:
    process = start(experiment, out)
    process.join()
    assert process.exitcode == 0


def assert_same(stopped: Path, whole: Path) -> None:
    assert outcome(Run.open(stopped)) == outcome(Run.open(whole))
    assert files(stopped) == files(whole)


def dies_at_and_goes_on(experiment: Experiment, folder: Path, moment: int) -> bool:
    """Whether there was a write to be killed at; if so, the run went on and ended as `folder`/whole."""
    out = folder / f"at-{moment}"
    process = start(experiment, out, dies_at=moment)
    process.join()
    if process.exitcode == 0:
        return False
    assert process.exitcode == -signal.SIGKILL
    finish(experiment, out)
    assert_same(out, folder / "whole")
    return True


def test_killed_at_every_write(tmp_path: Path) -> None:
    experiment = tiny(
        write_images(tmp_path / "data.npz"),
        stages=(Stage(steps=2, batch_size=8), Stage(steps=1, batch_size=4)),
        log_every=2,
        checkpoint_every=1,
    )
    finish(experiment, tmp_path / "whole")

    moment = next(m for m in range(1, 200) if not dies_at_and_goes_on(experiment, tmp_path, m))
    assert moment > 20, "the run wrote fewer files than a run of this length does"


@pytest.mark.parametrize("family", [transfer, latent, scrambling, chain])
def test_a_family_killed_at_some_writes(family: Callable[[Path], Experiment], tmp_path: Path) -> None:
    """A chain's inputs, carried moments and a codec's statistics survive, too."""
    experiment = family(tmp_path)
    finish(experiment, tmp_path / "whole")

    assert sum(dies_at_and_goes_on(experiment, tmp_path, moment) for moment in range(11, 60, 16)) >= 2


def test_killed_again_and_again_at_random(tmp_path: Path) -> None:
    experiment = tiny(
        write_images(tmp_path / "data.npz"),
        model=QVUNET,
        stages=(Stage(steps=200, batch_size=8),),
        log_every=7,
        checkpoint_every=15,
    )
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    begun = time.monotonic()
    finish(experiment, whole)
    duration = time.monotonic() - begun
    moments = random.Random(0)
    for _ in range(5):
        process = start(experiment, stopped)
        process.join(moments.uniform(0, 0.35) * duration)
        process.kill()
        process.join()
    finish(experiment, stopped)
    assert_same(stopped, whole)
