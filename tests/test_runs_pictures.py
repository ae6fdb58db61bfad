"""Pictures of a run: what was written is read, and nothing else."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from plots_helpers import random_states, strip
from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.pictures import Strip, forward_path, read_real, read_strip, real_path, write_real, write_strip

STATES = random_states(6, 2).reshape(2, 3, 4)
LABELS = (("t 9", "F 0.5"), (), ('<"state"> ü',))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run")


@pytest.mark.parametrize("given", [strip(), Strip(STATES, LABELS, "Ψ → noise"), Strip(STATES.real.clone(), LABELS)])
def test_round_trip(run: Run, given: Strip) -> None:
    write_real(run, given.items[:, 0])
    write_strip(forward_path(run), given)
    real, forward = read_real(run), read_strip(forward_path(run))
    assert real is not None
    assert forward is not None
    assert torch.equal(real, given.items[:, 0])
    assert torch.equal(forward.items, given.items)
    assert (forward.labels, forward.caption) == (given.labels, given.caption)


def test_older_runs_have_none(run: Run) -> None:
    assert read_real(run) is None
    assert read_strip(forward_path(run)) is None


BYTES = torch.zeros(2, 3, 1, 2, 2, dtype=torch.uint8)
GOOD = '[["t 1"], ["t 2"], []]'


@pytest.mark.parametrize(
    ("tensors", "labels"),
    [
        ({"images": BYTES}, GOOD),
        ({"items": BYTES, "t": torch.arange(3)}, GOOD),
        ({"items": BYTES.float()}, GOOD),
        ({"items": BYTES[0]}, GOOD),
        ({"items": BYTES[:0]}, GOOD),
        ({"items": STATES[..., :3].clone()}, GOOD),
        ({"items": STATES * torch.inf}, GOOD),
        ({"items": BYTES}, '[["t 1"], ["t 2"]]'),
        ({"items": BYTES}, '["t 1", "t 2", "t 3"]'),
        ({"items": BYTES}, "[[1], [2], [3]]"),
        ({"items": BYTES}, "{"),
        ({"items": BYTES}, None),
    ],
)
def test_other_strips_are_refused_in_one_sentence(run: Run, tensors: dict[str, Tensor], labels: str | None) -> None:
    run.pictures_path.mkdir()
    save_file(tensors, forward_path(run), metadata=None if labels is None else {"labels": labels})
    with pytest.raises(RunError, match=r"forward\.safetensors is damaged .*delete it") as raised:
        read_strip(forward_path(run))
    assert "\n" not in str(raised.value)


def test_damaged_files_are_named(run: Run) -> None:
    write_real(run, BYTES[0])
    real_path(run).write_bytes(real_path(run).read_bytes()[:-1])
    with pytest.raises(RunError, match=r"real\.safetensors is damaged"):
        read_real(run)
