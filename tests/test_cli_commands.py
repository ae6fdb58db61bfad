"""The verbs from end to end, on a model of seconds."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from qdiffusion.cli import main
from qdiffusion.cli.fields import override
from qdiffusion.runs import Run
from qdiffusion.training import PRESETS, from_json, get_preset

TINY = (
    *("--data.size", "16", "--data.classes", "0", "1", "--stages.0.batch-size", "8", "--log-every", "2"),
    *("--model.dim", "8", "--model.groups", "4", "--model.multipliers", "1", "1"),
    *("--sampling.count", "4", "--sampling.steps", "2"),
)


def output(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    words = ["train", "unet-classical", *TINY, "--evaluation.count", "100", "--steps", "6", "--out", str(out)]
    assert main(words) == 0
    return out


def test_presets_a_line_each(capsys):
    lines = output(["presets"], capsys).splitlines()
    assert [line.split()[0] for line in lines] == list(PRESETS)
    assert [entry["name"] for entry in json.loads(output(["presets", "--json"], capsys))] == list(PRESETS)


def test_describe_takes_fields(capsys):
    (described,) = json.loads(output(["describe", "qvunet-1hq", "--model.ansatz", "fqconv", "--json"], capsys))
    assert described["parameters"]["total"] == 475_281


def test_describe_as_table_and_as_json_agree(capsys):
    (described,) = json.loads(output(["describe", "unet-classical", *TINY, "--json"], capsys))
    counts = described["parameters"]
    shown = output(["describe", "unet-classical", *TINY], capsys)
    assert all(f"{counts[kind]:,}" in shown for kind in ("total", "classical", "dead"))


def test_describe_shows_the_models_of_all_stages(capsys):
    small = [
        *TINY,
        "--stages.1.model.dim",
        "8",
        "--stages.1.model.groups",
        "4",
        "--stages.1.model.multipliers",
        "1",
        "3",
    ]
    both = json.loads(output(["describe", "transfer-1fq-mnist", *small, "--json"], capsys))
    assert [model["stage"] for model in both] == ["classical", "transfer"]
    assert [bool(model["circuits"]) for model in both] == [False, True]
    shown = output(["describe", "transfer-1fq-mnist", *small], capsys)
    assert all(f"{model['parameters']['total']:,}" in shown for model in both)


def test_help_of_a_preset_lists_its_fields(capsys):
    shown = output(["train", "qvunet-1hq", "--help"], capsys)
    for flag in ("--out", "--steps", "--data.name", "--stages.0.optimiser.learning-rate", "--model.ansatz"):
        assert flag in shown


def test_dry_run_prints_the_experiment_and_writes_nothing(capsys, tmp_path):
    words = ["train", "unet-classical", *TINY, "--steps", "6", "--dry-run", "--out", str(tmp_path / "run")]
    shown = output(words, capsys)
    text, _ = json.JSONDecoder().raw_decode(shown)
    experiment = from_json(json.dumps(text))
    assert experiment.stages[0].steps == 6
    assert experiment.model.dim == 8
    assert list(tmp_path.iterdir()) == []


def test_later_flags_win_over_the_shorthand(capsys):
    words = ["train", "unet-classical", *TINY, "--dry-run", "--steps", "6", "--stages.0.steps", "9"]
    text, _ = json.JSONDecoder().raw_decode(output(words, capsys))
    assert text["stages"][0]["steps"] == 9


def test_training_leaves_everything(trained):
    run = Run.open(trained)
    assert [line["step"] for line in run.read_stats()] == [2, 4, 6]
    assert run.read_metrics()["details"]["n_samples"] == 100
    for path in (run.model_path, run.report_path, run.figures_path / "loss.png"):
        assert path.exists()
    for samples in run.samples_path.glob("*.safetensors"):
        assert samples.with_suffix(".png").is_file()


def test_resume_of_a_finished_run_says_what_there_is(trained, capsys):
    before = load_file(trained / "model" / "diffusion_pytorch_model.safetensors")
    assert main(["resume", str(trained)]) == 0
    shown, said = capsys.readouterr()
    assert "Trained already" in said
    after = load_file(trained / "model" / "diffusion_pytorch_model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    source = Run.open(trained).read_experiment()["data"]["source"]
    for told in ("fid-mnist-cnn", f"data    {source}", f"run     {trained}", f"qdiffusion sample {trained}"):
        assert told in shown
    assert f"qdiffusion evaluate {trained} -n 100\n" in shown


def test_sample(trained, capsys):
    shown = output(["sample", str(trained), "-n", "5", "--sampler", "ddpm", "--steps", "3", "--seed", "9"], capsys)
    images, picture = (Path(line.split()[1]) for line in shown.splitlines())
    assert load_file(images)["items"].shape == (5, 1, 16, 16)
    assert picture.is_file()
    report = (trained / "report.html").read_text()
    assert f"{images.stem}: ddpm, 3 steps, count 5, seed 9" in report


def test_evaluate(trained, capsys):
    scores = json.loads(output(["evaluate", str(trained), "-n", "101", "--seed", "1", "--json"], capsys))
    assert scores["details"]["n_samples"] == 101
    assert scores["rows"] == Run.open(trained).read_metrics()["rows"]
    shown = output(["evaluate", str(trained), "-n", "101", "--seed", "1", "--features", "mnist-cnn"], capsys)
    for row in scores["rows"]:
        assert re.search(rf"^{row['name']} +{row['value']:.4g}\b", shown, re.MULTILINE)
    assert scores["details"]["reference"] in shown


def test_steps_of_the_sampling_in_pictures(trained, capsys):
    shown = output(["sample", str(trained), "-n", "3", "--show-steps", "2", "--seed", "4"], capsys)
    *_, steps = (Path(line.split()[1]) for line in shown.splitlines())
    assert steps.is_file()
    assert load_file(steps.with_suffix(".safetensors"))["items"].shape == (3, 3, 1, 16, 16)


def test_report_can_be_made_again_and_says_how_to_repeat_the_run(trained, capsys):
    (trained / "report.html").unlink()
    assert output(["report", str(trained)], capsys) == f"report  {trained}/report.html\n"
    report = (trained / "report.html").read_text()
    words = re.search("qdiffusion train unet-classical (.*) --out", report)[1].split()
    saved = json.dumps(Run.open(trained).read_experiment()["experiment"])
    assert override(get_preset("unet-classical").build(), words, "qdiffusion train") == from_json(saved)


def test_a_run_outlives_its_images(capsys, tmp_path):
    images = np.random.default_rng(0).integers(256, size=(64, 16, 16), dtype=np.uint8)
    path, run = tmp_path / "own.npz", tmp_path / "my run"
    np.savez(path, images=images)
    own = ["--data.path", str(path), "--data.classes", "None", "--evaluation.count", "0", "--steps", "2"]
    shown = output(["train", "unet-classical", *TINY, *own, "--out", str(run)], capsys)
    assert f"qdiffusion evaluate '{run}' -n 7000 --features NAME\n" in shown
    assert "Parameters" in (run / "report.html").read_text()
    path.unlink()
    output(["sample", str(run), "-n", "3"], capsys)
    report = (run / "report.html").read_text()
    assert "count 3" in report
    assert "Parameters" in report


def test_a_report_needs_neither_model_nor_images(trained, capsys, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("built or read again")

    for name in ("training.building.build_system", "data.load.load_images"):
        monkeypatch.setattr(f"qdiffusion.{name}", refuse)
    monkeypatch.setattr(torch.nn.Module, "__init__", refuse)
    output(["report", str(trained)], capsys)


def test_data_list(capsys):
    listed = {entry["name"]: entry for entry in json.loads(output(["data", "list", "--json"], capsys))}
    assert listed["mnist-subset"]["found"] == "in the package"
    shown = output(["data", "list"], capsys)
    for name, entry in listed.items():
        assert name in shown
        assert entry["licence"] in shown


def test_data_fetch_says_where_the_set_is(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("qdiffusion.data.fetch", lambda name, root, progress: root / name)
    assert output(["data", "fetch", "mnist", "--root", str(tmp_path)], capsys) == f"data  {tmp_path}/mnist\n"
