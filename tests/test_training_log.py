"""What is logged goes to stats.jsonl and, in the same figures, to every tracker asked for."""

import signal
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from qdiffusion.errors import UsageError
from qdiffusion.runs import Run
from qdiffusion.training import Interrupted, resume, train
from training_interruptions import signal_at
from training_tiny import files, outcome, tiny, write_images


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_images(tmp_path / "data.npz")


class Wandb(ModuleType):
    """Stands in for the package: writes down how each run was begun, what it logged, and that it was finished."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.__spec__ = ModuleSpec("wandb", None)
        self.begun: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.finished = 0

    def init(self, **options: Any) -> "Wandb":
        self.begun.append(options)
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Wandb:
    stub = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", stub)
    return stub


def assert_same_figures(logged: list[tuple[int, dict[str, float]]], run: Run) -> None:
    """Those of stats.jsonl, which rounds the speed to a thousandth."""
    lines = run.read_stats()
    assert [step for step, _ in logged] == [line["step"] for line in lines]
    for (_, values), line in zip(logged, lines, strict=True):
        assert values.keys() == {"loss", "mse", "learning_rate", "items_per_second"}
        assert all(values[name] == line[name] for name in ("loss", "mse", "learning_rate"))
        assert values["items_per_second"] == pytest.approx(line["items_per_second"], abs=6e-4)


def test_a_tracker_receives_what_stats_say(tmp_path: Path, data: Path, wandb: Wandb) -> None:
    run = train(tiny(data, track=("wandb",)), tmp_path / "run")
    assert_same_figures(wandb.logged, run)
    (begun,) = wandb.begun
    assert (begun["name"], begun["config"]) == ("tiny", run.read_experiment()["experiment"])
    assert wandb.finished == 1
    assert not run.tensorboard_path.exists()


def test_a_resumed_run_goes_on_under_the_same_identity(tmp_path: Path, data: Path, wandb: Wandb) -> None:
    experiment = tiny(data, track=("wandb",), log_every=1)
    with pytest.raises(Interrupted):
        train(experiment, tmp_path / "run", progress=signal_at(5, signal.SIGINT))
    assert wandb.finished == 1
    run = resume(tmp_path / "run")
    assert_same_figures(wandb.logged, run)
    first, second = wandb.begun
    assert first == second
    assert first["resume"] == "allow"
    train(experiment, tmp_path / "other")
    assert wandb.begun[-1]["id"] != first["id"]


def test_trackers_change_nothing_of_the_training(tmp_path: Path, data: Path, wandb: Wandb) -> None:
    both = train(tiny(data, track=("tensorboard", "wandb")), tmp_path / "both")
    none = train(tiny(data, track=()), tmp_path / "none")
    assert outcome(both) == outcome(none)
    assert files(both.path) == files(none.path)
    assert both.tensorboard_path.exists()
    assert not none.tensorboard_path.exists()


def test_a_tracker_that_is_not_installed_is_told_before_any_work(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qdiffusion.training.log.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="wandb was asked for, but it is not installed; run `pip install wandb`"):
        train(tiny(data, track=("wandb",)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    train(tiny(data), tmp_path / "run")
