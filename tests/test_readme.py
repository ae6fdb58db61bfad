"""The README does what it says: its commands and its code run, in order, in an empty folder."""

import re
import shlex
from functools import cache
from pathlib import Path

from qdiffusion.cli import main
from qdiffusion.data import Space
from qdiffusion.metrics.subject import Data
from qdiffusion.training import PRESETS
from qdiffusion.training.building import build_system

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[list[str]]:
    lines = block.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_commands_and_code_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, block in BLOCKS:
        if language == "python":
            exec(compile(block, "README.md", "exec"), names)
            continue
        for program, *words in commands(block):
            assert program == "qdiffusion"
            assert main(words) == 0, words
    assert names["values"].shape == (5, 2, 12)
    assert names["layer"].weights.grad.shape == (2, 84)
    assert abs(names["chances"].sum() - 1) < 1e-6
    counts = names["noisy"].detach() * 50
    assert (counts - counts.round()).abs().max() < 1e-4  # means of 100 signs
    assert len(names["pictures"]) == 4
    for run in ("tour", "own"):
        assert (tmp_path / "runs" / run / "report.html").is_file()


@cache
def space_of(data: Data) -> Space:
    return data.load("train").space


def parameters(name: str) -> set[str]:
    """The counts of the models that a preset trains, codec and denoiser."""
    experiment = PRESETS[name].build()
    space = space_of(experiment.data)
    systems = (build_system(experiment, space, stage) for stage in range(len(experiment.stages)))
    return {f"{sum(parameter.numel() for parameter in system.parameters()):,}" for system in systems}


def test_presets_table_lists_every_preset_with_its_parameters():
    """A row may be of several presets, and gives the counts of all their models."""
    table = README.split("## Presets\n\n")[1].split("\n\n")[0]
    rows = [line.strip("| ").split("|") for line in table.splitlines()[2:]]
    names = [re.findall(r"`([\w-]+)`", row[0]) for row in rows]
    assert [name for row in names for name in row] == list(PRESETS)
    for row, (_, _, *counts) in zip(names, rows, strict=True):
        if counts:
            assert set.union(*map(parameters, row)) == set(re.findall(r"[\d,]*\d", counts[0])), row


def test_both_make_targets_come_first():
    first = README.index("```console")
    assert README.find("make demo") == first + len("```console\n")
    assert first < README.index("make test") < README.index("## ")


def test_links_to_files_of_the_project_hold():
    root = Path(__file__).parent.parent
    links = re.findall(r"(?<!!)\[[^\]]*\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (root / link).is_file()] == []
