"""Checkpoints come back bit for bit, or not at all."""

from pathlib import Path

import pytest
import torch

from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import Checkpoint, checkpoint_path, list_checkpoints, load, prune, save


def example() -> Checkpoint:
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "model/weight": torch.randn(3, 4, generator=generator),
        "model/strided": torch.randn(4, 3, generator=generator).t(),
        "model/double": torch.randn(2, dtype=torch.float64, generator=generator),
        "model/half": torch.randn(5, generator=generator).bfloat16(),
        "optimiser/0/step": torch.tensor(7.0),
        "random/noise": generator.get_state(),
        "log/losses": torch.empty(0),
    }
    return Checkpoint(
        tensors,
        {"step": 7, "stage": 0, "round": 0, "seconds": 1.5, "param_groups": [{"lr": 2 / 3, "betas": [0.9, 0.99]}]},
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run")


def test_round_trip_is_exact(run: Run) -> None:
    written = example()
    save(checkpoint_path(run, 7), written)
    read = load(checkpoint_path(run, 7))
    assert read.meta == written.meta
    assert read.tensors.keys() == written.tensors.keys()
    for name, tensor in written.tensors.items():
        assert read.tensors[name].dtype == tensor.dtype
        torch.testing.assert_close(read.tensors[name], tensor, rtol=0, atol=0)
    assert read.part("optimiser").keys() == {"0/step"}


def test_damage_anywhere_is_noticed(run: Run) -> None:
    path = checkpoint_path(run, 7)
    save(path, example())
    whole = path.read_bytes()
    meta = whole.index(b"param_groups")
    for place in (0, 9, meta, whole.index(b"model/weight"), len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(RunError, match=r"step-00000007\.safetensors is damaged"):
            load(path)


@pytest.mark.parametrize("kept", [0, 5, 300, -1])
def test_truncation_is_noticed(run: Run, kept: int) -> None:
    path = checkpoint_path(run, 7)
    save(path, example())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RunError, match="is damaged"):
        load(path)


def test_foreign_safetensors_file_is_refused(run: Run) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, checkpoint_path(run, 1))
    with pytest.raises(RunError, match="is damaged"):
        load(checkpoint_path(run, 1))


def test_the_sentence_names_the_older_checkpoint(run: Run) -> None:
    for step in (5, 10):
        save(checkpoint_path(run, step), example())
    checkpoint_path(run, 10).write_bytes(b"")
    with pytest.raises(RunError, match=r"delete it, and `qdiffusion resume .*` continues from step-00000005"):
        load(checkpoint_path(run, 10))
    checkpoint_path(run, 5).write_bytes(b"")
    with pytest.raises(RunError, match="starts again from the beginning"):
        load(checkpoint_path(run, 5))


def test_the_last_two_are_kept(run: Run) -> None:
    for step in (9, 10, 100, 2):
        save(checkpoint_path(run, step), example())
    prune(run)
    assert [path.stem for path in list_checkpoints(run)] == ["step-00000010", "step-00000100"]
