"""Whatever stands in a run's files, a command on it works or ends in one sentence."""

import copy
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from qdiffusion.cli import main
from qdiffusion.diffusion import SchedulerConfig
from qdiffusion.errors import RunError
from qdiffusion.plots import write_report
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import Checkpoint, list_checkpoints, load, save
from qdiffusion.runs.samples import read_samples
from qdiffusion.training import evaluate_run, resume, sample_run, train
from qdiffusion.training.loading import load_system
from qdiffusion.training.setup import read_experiment
from qdiffusion.training.stages import _last_checkpoint
from training_tiny import tiny, write_images

EVALUATE = ["evaluate", "-n", "100", "--features", "mnist-cnn"]
MISSING = object()
WRONG = ("x", "", -1, 0, 0.5, 1e30, float("nan"), None, True, [], {}, [None], {"x": 1}, MISSING)
FILES = ("experiment", "config", "metrics", "stats", "samples", "checkpoint")
SET = "ddim-2-seed0-n2"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    experiment = tiny(write_images(folder / "data.npz"), sampling=SchedulerConfig(steps=2, count=2))
    run = train(experiment, folder / "run")
    evaluate_run(run, 100, features="mnist-cnn")
    return run.path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    return Run(shutil.copytree(trained, tmp_path / "run"))


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value within a JSON value, itself first."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from places(part, (*path, key))


def replaced(value: Any, path: tuple[str | int, ...], wrong: Any) -> Any:
    """The JSON value with another one at `path`, or with none there."""
    if not path:
        return wrong
    changed = copy.deepcopy(value)
    *way, last = path
    inner = changed
    for key in way:
        inner = inner[key]
    if wrong is MISSING:
        del inner[last]
    else:
        inner[last] = wrong
    return changed


def file_of(run: Run, name: str) -> Path:
    return {
        "experiment": run.experiment_path,
        "config": run.model_path / "config.json",
        "metrics": run.metrics_path,
        "stats": run.stats_path,
        "samples": run.samples_path / f"{SET}.json",
        "checkpoint": list_checkpoints(run)[-1],
    }[name]


def content_of(run: Run, name: str) -> Any:
    if name == "checkpoint":
        return load(list_checkpoints(run)[-1]).meta
    return run.read_stats() if name == "stats" else json.loads(file_of(run, name).read_bytes())


def write(run: Run, name: str, content: Any) -> None:
    """Put damaged content into a file; a checkpoint gets a fresh SHA-256, so that nothing else is wrong with it."""
    path = file_of(run, name)
    if name == "checkpoint":
        save(path, Checkpoint(load(path).tensors, content))
    elif name == "stats" and isinstance(content, list):
        path.write_text("".join(json.dumps(line) + "\n" for line in content))
    else:
        path.write_text(json.dumps(content) + "\n")


def damages(run: Run, name: str, some: random.Random, kinds: int) -> Iterator[tuple[str, Any]]:
    """Every value of a file replaced by `kinds` wrong ones: a description and the damaged content."""
    content = content_of(run, name)
    for path in places(content):
        for wrong in some.sample(WRONG[:-1] if not path else WRONG, kinds):
            yield f"{name} {path}: {'missing' if wrong is MISSING else repr(wrong)}", replaced(content, path, wrong)


READERS: dict[str, Callable[[Run], object]] = {
    "experiment": read_experiment,
    "config": load_system,
    "metrics": Run.read_metrics,
    "stats": Run.read_stats,
    "samples": lambda run: read_samples(run.samples_path / f"{SET}.safetensors"),
    "checkpoint": lambda run: _last_checkpoint(run, read_experiment(run).experiment.legs),
}


@pytest.mark.parametrize("name", FILES)
def test_every_value_of_every_file_may_be_of_the_wrong_kind(run: Run, name: str) -> None:
    path = file_of(run, name)
    sound, sentences = path.read_bytes(), []
    for description, content in damages(run, name, random.Random(name), kinds=2):
        write(run, name, content)
        try:
            READERS[name](run)
            write_report(run)
        except RunError as error:
            sentences.append(str(error))
        except Exception as error:
            pytest.fail(f"{description}: {error!r}")
        path.write_bytes(sound)
    assert len(sentences) > 5
    assert [sentence for sentence in sentences if path.stem not in sentence] == []


@pytest.mark.parametrize(
    ("name", "path", "wrong", "sentence"),
    [
        ("experiment", ("environment",), "x", "experiment.json is damaged: at environment"),
        ("experiment", ("data",), "x", "experiment.json is damaged: at data"),
        ("experiment", ("data", "space", "shape"), [1, 0, 8], "experiment.json is damaged: at data.space.shape"),
        ("experiment", ("experiment", "model", "heads"), 1e30, "experiment.json is damaged: .* model.unet.heads"),
        ("experiment", ("experiment", "stages", 0), MISSING, "experiment.json is damaged: .* at least one stage"),
        ("stats", (0, "loss"), float("nan"), "stats.jsonl is damaged"),
        ("stats", (0, "step"), "3", "stats.jsonl is damaged"),
    ],
)
@pytest.mark.parametrize("words", [["report"], ["sample", "-n", "2"], ["resume"], EVALUATE], ids=lambda words: words[0])
def test_no_command_takes_it(
    run: Run,
    name: str,
    path: tuple[str | int, ...],
    wrong: Any,
    sentence: str,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(run, name, replaced(content_of(run, name), path, wrong))
    assert main([words[0], str(run.path), *words[1:]]) == 1
    *_, last = capsys.readouterr().err.splitlines()
    assert re.match(f"error: {run.path}/{sentence}", last)


@pytest.mark.parametrize("wrong", [[], "x", {"heads": 1e30}, {"n_layers": {}}])
def test_the_experiment_decides_the_model(run: Run, wrong: Any) -> None:
    config = file_of(run, "config")
    content = json.loads(config.read_bytes())
    config.write_text(json.dumps({**content, **wrong} if isinstance(wrong, dict) else wrong))
    with pytest.raises(RunError, match=r"config\.json|the whole"):
        load_system(run)
    config.write_text(json.dumps({**content, "_diffusers_version": "0.1"}))
    load_system(run)


def test_a_checkpoint_beyond_the_experiment_is_refused(run: Run) -> None:
    for meta in ({"step": 13}, {"stage": 1}, {"round": 1}):
        write(run, "checkpoint", {**content_of(run, "checkpoint"), **meta})
        with pytest.raises(RunError, match=r"which the stages of experiment\.json do not have"):
            resume(run.path)


@pytest.mark.parametrize("note", ["", "[", "[]", '"x"', "{}", None])
def test_damaged_parts_are_drawn_again(run: Run, note: str | None) -> None:
    whole = run.samples_path / f"{SET}.safetensors"
    expected = read_samples(whole).items
    parts = whole.with_suffix(".parts")
    parts.mkdir()
    request = json.loads(whole.with_suffix(".json").read_bytes())
    sound = json.dumps({key: value for key, value in request.items() if key not in ("seconds", "environment")})
    (parts / "request.json").write_text(sound if note is None else note)
    save_file({"items": expected[:1]}, parts / "batch-000000.safetensors")
    whole.unlink()
    assert torch.equal(sample_run(run, 2).items, expected)
