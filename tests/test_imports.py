"""What is loaded, and when: a command that only prints must not wait for torch."""

import importlib
import subprocess
import sys

import pytest

COMPUTING = ("torch", "numpy", "diffusers", "accelerate", "torchmetrics", "scipy", "matplotlib", "PIL", "safetensors")
PRINTING = ("rich", "tyro", "pydantic", "jaxtyping")
VERBS = ("presets", "describe", "train", "resume", "sample", "evaluate", "report", "data", "data list", "data fetch")
ANALYSES = ("analyze", "analyze ansatz", "analyze encodings", "analyze run", "analyze scrambling", "analyze gradients")
LAZY = tuple(
    f"qdiffusion.{package}"
    for package in ("states", "data", "diffusion", "models", "metrics", "training", "analysis", "progress")
)


def commands(*lines: str) -> str:
    """Code that carries out command lines, one after the other in one interpreter."""
    return f"from qdiffusion.cli import main\nfor line in {lines!r}: assert main(line.split()) == 0"


def loaded(code: str, names: tuple[str, ...]) -> set[str]:
    """Which of these modules a fresh interpreter has loaded after `code`."""
    report = f"import sys; sys.stderr.write('\\n'.join(set({names!r}).intersection(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_help_needs_no_library():
    assert not loaded(commands("--help", *(f"{verb} --help" for verb in (*VERBS, *ANALYSES))), COMPUTING + PRINTING)


def test_lists_need_no_torch():
    lines = ("presets", "presets --json", "data list", "data list --json")
    assert not loaded(commands(*lines), (*COMPUTING, "rich", "tyro"))


def test_fields_of_an_experiment_need_no_torch():
    lines = ("train quickstart --help", "describe unet-classical --help", "train quddpm-cluster1 --help")
    assert not loaded(commands(*lines), COMPUTING)


def test_a_field_of_another_kind_needs_no_torch():
    flags = ["--model.kind", "mlp", "--stages.0.optimiser.kind=adamw", "--data.kind", "ensemble"]
    code = (
        "from qdiffusion.cli.fields import override; from qdiffusion.training.presets import get_preset\n"
        f"changed = override(get_preset('unet-classical').build(), {flags!r}, 'qdiffusion train')\n"
        "assert (changed.model.kind, changed.data.kind) == ('mlp', 'ensemble')"
    )
    assert not loaded(code, COMPUTING)


def test_describe_loads_nothing_that_trains_scores_or_draws():
    unneeded = (
        "torchmetrics",
        "scipy",
        "matplotlib",
        "tensorboard",
        "diffusers",
        "accelerate",
        "torch._dynamo",
        "sympy",
    )
    assert not loaded(commands("describe unet-classical --json"), unneeded)


def test_studies_are_told_without_a_library_that_computes():
    code = "from qdiffusion.studies.de_falco import FASHION, MNIST; from qdiffusion.studies.capece import CAPECE"
    assert not loaded(code, (*COMPUTING, *PRINTING))
    assert not loaded("from qdiffusion.studies.catalog import STUDIES", COMPUTING)


def test_circuits_leave_dynamo_alone():
    code = (
        "import torch; from qdiffusion.circuits import QuantumLayer, angle_encoding, fqconv\n"
        "QuantumLayer(angle_encoding(12) >> fqconv(1))(torch.zeros(1, 1, 12)).sum().backward()"
    )
    assert not loaded(code, ("torch._dynamo", "diffusers", "accelerate", "sympy"))


@pytest.mark.parametrize("package", LAZY)
def test_every_public_name_is_what_its_package_says(package):
    """In a fresh interpreter, each name after the others have loaded modules of the same name (`training.describe`)."""
    code = (
        f"import {package} as package, types\n"
        "values = [getattr(package, name) for name in package.__all__]\n"
        "assert values == [getattr(package, name) for name in package.__all__] and values\n"
        "assert not any(isinstance(value, types.ModuleType) for value in values)\n"
        "assert set(package.__all__) <= set(dir(package))"
    )
    loaded(code, ())


@pytest.mark.parametrize("package", LAZY)
def test_a_name_that_is_none_is_refused(package):
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module(package).no_such_name  # noqa: B018
