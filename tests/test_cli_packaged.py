"""Checkpoints that come with the package: shipped from a run, sampled, scored and reported as any run."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch
from diffusers import configuration_utils

from qdiffusion.cli import main
from qdiffusion.cli.fields import override
from qdiffusion.errors import UsageError
from qdiffusion.metrics.features import load_features
from qdiffusion.models import MLP, QVUNet, UNet, packaged
from qdiffusion.runs import Run
from qdiffusion.runs.samples import read_samples
from qdiffusion.training import from_json, get_preset, sample_run
from qdiffusion.training.unpacking import unpacked

TOOLS = Path(__file__).resolve().parents[1] / "tools"
TINY = (
    *("--data.name", "mnist-subset", "--data.size", "16", "--data.classes", "0", "1", "--stages.0.batch-size", "8"),
    *("--model.dim", "8", "--model.groups", "4", "--model.multipliers", "1", "1", "--steps", "2"),
    *("--sampling.count", "0", "--sampling.steps", "2", "--evaluation.count", "100"),
)


@pytest.fixture(scope="module")
def ship() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ship", TOOLS / "ship.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["train", "qvunet-1fq", *TINY, "--out", str(out)]) == 0
    return Run.open(out)


@pytest.fixture
def shipped(ship, trained, tmp_path, monkeypatch) -> Path:
    """The only checkpoint there is, and an empty working folder."""
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "pretrained")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return ship.ship(trained, "small", tmp_path / "pretrained")


def test_a_shipped_checkpoint_is_sampled_as_the_run_it_was(shipped, trained, capsys):
    assert main(["sample", "pretrained:small", "-n", "3", "--seed", "7"]) == 0
    images = Path(capsys.readouterr().out.split()[1])
    assert images.parts[:2] == ("small", "samples")
    assert torch.equal(read_samples(images).items, sample_run(trained, 3, seed=7).items)
    assert "Parameters" in Path("small/report.html").read_text()


@pytest.mark.parametrize("words", [["evaluate", "-n", "100"], ["report"]])
def test_it_is_scored_and_reported_too_and_copied_once(shipped, words, capsys):
    verb, *flags = words
    assert main([verb, "pretrained:small", *flags, "--out", "elsewhere"]) == 0
    written = Path("elsewhere/model/config.json").stat().st_mtime_ns
    assert main([verb, "pretrained:small", *flags, "--out", "elsewhere"]) == 0
    assert Path("elsewhere/model/config.json").stat().st_mtime_ns == written
    assert not Path("small").exists()


def test_the_network_loads_by_name_without_a_warning(shipped, trained, monkeypatch):
    warnings: list[str] = []
    monkeypatch.setattr(configuration_utils.logger, "warning", warnings.append)
    loaded, own = QVUNet.from_pretrained("pretrained:small"), QVUNet.from_pretrained(trained.model_path)
    assert not warnings
    torch.testing.assert_close(dict(loaded.state_dict()), dict(own.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("network", [UNet, QVUNet, MLP])
def test_an_unknown_name_lists_those_there_are(shipped, network, capsys):
    with pytest.raises(UsageError, match=r"no checkpoint pretrained:big; .* comes with pretrained:small"):
        network.from_pretrained("pretrained:big")
    assert main(["sample", "pretrained:big"]) == 2
    assert "comes with pretrained:small" in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_another_folder_of_that_name_is_left_alone(shipped, capsys):
    Path("small").mkdir()
    Path("small/notes.txt").write_text("mine")
    assert main(["sample", "pretrained:small"]) == 2
    assert (
        "small is there already, and is not pretrained:small; give another folder with --out" in capsys.readouterr().err
    )
    assert [path.name for path in Path("small").iterdir()] == ["notes.txt"]


def test_a_run_of_ones_own_takes_no_out(trained, capsys):
    assert main(["sample", str(trained.path), "--out", "elsewhere"]) == 2
    assert "leave it out" in capsys.readouterr().err


def test_nothing_of_the_machine_ships(shipped, trained):
    machine = {"platform", "cpu_count", "threads", "device"}
    saved, own = (json.loads((path / "experiment.json").read_text()) for path in (shipped, trained.path))
    assert saved["environment"] == {key: value for key, value in own["environment"].items() if key not in machine}
    assert saved["experiment"] == own["experiment"]
    assert {key: saved["data"][key] for key in ("sha256", "space")} == {
        key: own["data"][key] for key in ("sha256", "space")
    }
    assert str(trained.path) not in (shipped / "README.md").read_text()


def test_paths_are_cut_and_own_data_do_not_ship(ship, trained):
    saved = trained.read_experiment()
    saved["data"]["source"] = "MNIST (60,000 training images), from /home/me/mnist; classes 0, 1"
    saved["experiment"]["data"]["root"] = "/home/me"
    portable = ship.without_machine(saved)
    assert portable["data"]["source"] == "MNIST (60,000 training images); classes 0, 1"
    assert "/home/me" not in json.dumps(portable)
    saved["experiment"]["data"]["path"] = "/home/me/own.npz"
    with pytest.raises(SystemExit, match=r"/home/me/own\.npz"):
        ship.without_machine(saved)


def test_the_card_says_how_it_was_made_and_how_good_it_is(shipped, trained):
    card = (shipped / "README.md").read_text()
    metrics = trained.read_metrics()
    for row in metrics["rows"]:
        assert f"| {row['name']} | {row['value']:.4g}" in card
    assert all(sentence in card for sentence in metrics["conditions"])
    words = re.search("qdiffusion train qvunet-1fq (.*) --out small", card)[1].split()
    saved = json.dumps(trained.read_experiment()["experiment"])
    assert override(get_preset("qvunet-1fq").build(), words, "qdiffusion train") == from_json(saved)
    assert trained.read_experiment()["data"]["source"].rstrip(".") in card
    assert "CC BY-SA 3.0" in card


@pytest.mark.parametrize("name", ["unet-digits", "qvunet-digits"])
def test_the_digits_that_ship_are_what_they_are_told_to_be(name, tmp_path):
    """Three of each, in half of the steps: the classifier tells nine tenths of them."""
    samples = sample_run(unpacked(f"pretrained:{name}", tmp_path / name), 30, steps=10)
    told = load_features("mnist-cnn").logits(samples.items).argmax(1)
    assert torch.equal(samples.labels.bincount(), torch.full((10,), 3))
    assert (told == samples.labels).float().mean() >= 0.9


def test_what_ships_is_small_and_what_its_preset_says(tmp_path):
    files = [path for path in packaged.FOLDER.rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= 5_000_000
    for name in packaged.packaged_names():
        saved = unpacked(f"pretrained:{name}", tmp_path / name).read_experiment()["experiment"]
        assert from_json(json.dumps(saved)) == get_preset(name).build()
