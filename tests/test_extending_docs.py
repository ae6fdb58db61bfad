"""docs/extending.md does what it says: its model and its ansatz, put where it says, are known to every verb."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
MODEL, ANSATZ = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the page's two additions."""
    place = tmp_path_factory.mktemp("extended")
    package = shutil.copytree(ROOT / "src" / "qdiffusion", place / "qdiffusion")
    (package / "models" / "linear.py").write_text(MODEL, encoding="utf-8")
    experiment = package / "training" / "experiment.py"
    replaced(experiment, "\n\nOneOf =", "\nfrom qdiffusion.models.linear import LinearConfig\n\nOneOf =")
    replaced(experiment, " | QAMPConfig\n", " | QAMPConfig | LinearConfig\n")
    vertex = package / "models" / "vertex.py"
    gates = "from qdiffusion.circuits import Gate, circuit_of, weight\n\n"
    replaced(vertex, "\n\nANSAETZE:", f"\n\n{gates}{ANSATZ}\n\nANSAETZE:")
    replaced(vertex, '"fqconv": _fqconv}', '"fqconv": _fqconv, "rx": _rx}')
    return place


def command(place: Path, *words: str) -> str:
    """What `qdiffusion` of the copy prints."""
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(
        [sys.executable, "-m", "qdiffusion", *words], capture_output=True, text=True, env=environment, cwd=place
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_is_short():
    assert len(PAGE.splitlines()) <= 40


def test_the_model_is_described_trained_and_sampled(extended):
    (described,) = json.loads(command(extended, "describe", "quickstart", "--model.kind", "linear", "--json"))
    assert described["parameters"]["total"] == 256 * 257
    short = ["--steps", "2", "--stages.0.batch-size", "4", "--sampling.count", "0", "--evaluation.count", "0"]
    command(extended, "train", "quickstart", "--model.kind", "linear", *short, "--out", "run")
    command(extended, "sample", "run", "-n", "2", "--steps", "2")
    assert (extended / "run" / "report.html").is_file()


def test_the_ansatz_is_in_the_circuits(extended):
    (described,) = json.loads(command(extended, "describe", "quickstart", "--model.ansatz", "rx", "--json"))
    assert {circuit["ansatz"] for circuit in described["circuits"]} == {"rx"}
    assert described["parameters"]["quantum"] == 4
