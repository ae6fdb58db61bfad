"""Everything a user can do wrong ends in one sentence on stderr and the right exit code."""

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from qdiffusion.cli import main

TINY = (
    *("--data.size", "16", "--model.dim", "8", "--model.groups", "4", "--model.multipliers", "1", "1"),
    *("--stages.0.batch-size", "8", "--log-every", "1", "--checkpoint-every", "2"),
    *("--sampling.count", "4", "--sampling.steps", "2", "--evaluation.count", "0"),
)


def failure(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the sentence; stderr holds no other error and nothing after it."""
    exit_code = main(words)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "Traceback" in line] == []
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
    assert lines[-1].endswith((".", "?"))
    return exit_code, lines[-1]


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["train", "unet-classical", *TINY, "--steps", "4", "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["data"], ["COMMAND", "qdiffusion data --help"]),
        (["trian"], ["'trian'", "did you mean train?", "qdiffusion --help"]),
        (["data", "fetsh", "mnist"], ["'fetsh'", "did you mean fetch?"]),
        (["presets", "--jsn"], ["'--jsn'", "qdiffusion presets --help"]),
        (["sample"], ["DIR", "qdiffusion sample --help"]),
        (["sample", "x", "-n", "many"], ["-n", "'many'"]),
        (["evaluate", "x"], ["-n/--count"]),
        (["data", "fetch", "imagenet"], ["imagenet", "mnist, fashion-mnist"]),
        (["train", "quickstart"], ["--out", "--dry-run"]),
        (["train", "quickstart", "--steps", "few", "--out", "x"], ["--steps", "'few'"]),
        (["train", "quickstart", "--steps", "0", "--out", "x"], ["steps is 0", "at least 1"]),
        (["train", "quikstart", "--out", "x"], ["'quikstart'", "Did you mean quickstart?"]),
        (["describe", "qvunet-9hq"], ["'qvunet-9hq'", "qvunet-7hq"]),
        (["train", "quickstart", "--out", "x", "--data.nam", "mnist"], ["--data.nam", "did you mean --data.name?"]),
        (["train", "quickstart", "--out", "x", "--sed=3"], ["--sed", "did you mean --seed?"]),
        (["train", "quickstart", "--out", "x", "--seed", "3", "4"], ["Unknown argument '4'"]),
        (["train", "quickstart", "--out", "x", "--seed", "three"], ["--seed expects int", "three was given"]),
        (["train", "quickstart", "--out", "x", "--seed=three"], ["--seed expects int", "three was given"]),
        (["train", "quickstart", "--out", "x", "--seed"], ["--seed expects int", "nothing was given"]),
        (["train", "quickstart", "--out", "x", "--precision", "fp4"], ["--precision expects no or bf16", "fp4"]),
        (["describe", "quickstart", "--model.circuits", "all"], ["--model.circuits expects int or full", "all"]),
        (["train", "quickstart", "--out", "x", "--stages.0.optimiser.betas", "1"], ["expects float float", "1 was"]),
        (["train", "quickstart", "--out", "x", "--stages.0.batch-size", "-1"], ["batch_size is -1"]),
        (["train", "quickstart", "--out", "x", "--model.kind", "vit"], ["--model.kind expects unet or", "vit was"]),
        (["describe", "quickstart", "--data.kind", "ensemble"], ["images", "states of shape 2"]),
        (["describe", "unet-classical", "--model.circuits", "7"], ["Unknown field --model.circuits"]),
        (["train", "quickstart", "--out", "x", "--snapshots", "3", "9999"], ["snapshots is (3, 9999)", "1,200"]),
    ],
)
def test_wrong_requests(words, parts, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exit_code, sentence = failure(words, capsys)
    assert exit_code == 2
    for part in parts:
        assert part in sentence
    assert list(tmp_path.iterdir()) == []


def test_missing_data_names_the_places(capsys, tmp_path):
    root, out = tmp_path / "nowhere", tmp_path / "run"
    words = ["train", "unet-classical", "--data.name", "mnist", "--data.root", str(root), "--out", str(out)]
    exit_code, sentence = failure(words, capsys)
    assert exit_code == 1
    assert str(root) in sentence
    assert "qdiffusion data fetch mnist" in sentence
    assert not out.exists()


def test_truncated_data_file_is_named(capsys, tmp_path):
    header = struct.pack(">4B3I", 0, 0, 8, 3, 60000, 28, 28)
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (tmp_path / name).write_bytes(gzip.compress(header + bytes(1000))[:-20])
    words = ["train", "unet-classical", "--data.name", "mnist", "--data.root", str(tmp_path)]
    exit_code, sentence = failure([*words, "--out", str(tmp_path / "run")], capsys)
    assert exit_code == 1
    assert "-ubyte.gz" in sentence
    assert not (tmp_path / "run").exists()


def test_images_of_the_wrong_range_are_refused(capsys, tmp_path):
    np.savez(tmp_path / "floats.npz", images=np.random.default_rng(0).random((64, 16, 16)))
    words = ["train", "unet-classical", *TINY, "--data.path", str(tmp_path / "floats.npz")]
    exit_code, sentence = failure([*words, "--out", str(tmp_path / "run")], capsys)
    assert exit_code == 1
    assert "uint8" in sentence
    assert not (tmp_path / "run").exists()


def test_out_below_a_file(capsys, tmp_path):
    (tmp_path / "file").write_text("x")
    exit_code, sentence = failure(["train", "unet-classical", *TINY, "--out", str(tmp_path / "file" / "run")], capsys)
    assert exit_code == 1
    assert str(tmp_path / "file") in sentence


def test_foreign_folder_is_left_alone(capsys, tmp_path):
    (tmp_path / "diary.txt").write_text("dear")
    words = ["train", "unet-classical", *TINY, "--out", str(tmp_path), "--overwrite"]
    exit_code, sentence = failure(words, capsys)
    assert exit_code == 2
    assert "--overwrite" in sentence
    assert (tmp_path / "diary.txt").read_text() == "dear"


@pytest.mark.parametrize("words", [["resume"], ["report"], ["sample"], ["evaluate", "-n", "100"]])
def test_no_run_there(words, capsys, tmp_path):
    exit_code, sentence = failure([words[0], str(tmp_path), *words[1:]], capsys)
    assert exit_code == 1
    assert f"{tmp_path} is not a run" in sentence


def test_loss_that_is_not_finite(capsys, tmp_path):
    out = tmp_path / "run"
    words = ["train", "unet-classical", *TINY, "--stages.0.optimiser.learning-rate", "1e30", "--out", str(out)]
    exit_code, sentence = failure(words, capsys)
    assert exit_code == 1
    assert "learning rate" in sentence.replace("_", " ")
    assert (out / "experiment.json").is_file()


def test_corrupted_checkpoint_is_named(trained, capsys, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    last = sorted((run / "checkpoints").iterdir())[-1]
    content = bytearray(last.read_bytes())
    content[-1] ^= 1
    last.write_bytes(content)
    exit_code, sentence = failure(["resume", str(run)], capsys)
    assert exit_code == 1
    assert last.name in sentence


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--sampler", "euler"], ["euler", "ddpm", "ddim", "dpmpp"]),
        (["--steps", "5000"], ["5000", "1000"]),
        (["-n", "0"], ["0"]),
        (["--guidance", "2"], ["guidance 2", "knows no classes"]),
        (["--classes", "3"], ["without labels", "--classes"]),
        (["--classes", "three"], ["--classes", "'three'", "3,7"]),
        (["--snapshot", "3"], ["no snapshot of step 3", "none", "--snapshots"]),
        (["--show-steps", "9"], ["9 moments", "1 to 2"]),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_sampling(flags, parts, trained, capsys):
    before = files(trained)
    exit_code, sentence = failure(["sample", str(trained), *flags], capsys)
    assert exit_code == 2
    for part in parts:
        assert part in sentence
    assert before.items() <= files(trained).items()


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["-n", "100", "--features", "absent.pt"], ["absent.pt"]),
        (["-n", "50"], ["at least 100 images", "got 50", "draw more"]),
    ],
)
def test_wrong_evaluation(flags, parts, trained, capsys):
    before = files(trained)
    exit_code, sentence = failure(["evaluate", str(trained), *flags], capsys)
    assert exit_code == 2
    for part in parts:
        assert part in sentence
    assert before.items() <= files(trained).items()
