"""Pictures of a run: what was written is read, and nothing else."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from plots_helpers import strip
from qdiffusion.errors import RunError
from qdiffusion.runs import Run
from qdiffusion.runs.pictures import forward_path, read_real, read_strip, real_path, write_real, write_strip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run")


def test_round_trip(run: Run) -> None:
    images = torch.arange(3 * 16, dtype=torch.uint8).reshape(3, 4, 4, 1).permute(0, 3, 1, 2)
    write_real(run, images)
    write_strip(forward_path(run), strip())
    real, forward = read_real(run), read_strip(forward_path(run))
    assert real is not None
    assert forward is not None
    assert torch.equal(real, images)
    for name in ("images", "t", "snr"):
        assert torch.equal(getattr(forward, name), getattr(strip(), name))


def test_older_runs_have_none(run: Run) -> None:
    assert read_real(run) is None
    assert read_strip(forward_path(run)) is None


BYTES = torch.zeros(2, 3, 1, 2, 2, dtype=torch.uint8)
LEVELS, RATIOS = torch.arange(3), torch.ones(3, dtype=torch.float64)


@pytest.mark.parametrize(
    "tensors",
    [
        {"images": BYTES, "t": LEVELS},
        {"images": BYTES.float(), "t": LEVELS, "snr": RATIOS},
        {"images": BYTES[0], "t": LEVELS, "snr": RATIOS},
        {"images": BYTES, "t": LEVELS[:2], "snr": RATIOS},
        {"images": BYTES[:0], "t": LEVELS, "snr": RATIOS},
    ],
)
def test_other_tensors_are_refused(run: Run, tensors: dict[str, Tensor]) -> None:
    run.pictures_path.mkdir()
    save_file(tensors, forward_path(run))
    with pytest.raises(RunError, match=r"forward\.safetensors is damaged .*delete it"):
        read_strip(forward_path(run))


def test_damaged_files_are_named(run: Run) -> None:
    write_real(run, BYTES[0])
    real_path(run).write_bytes(real_path(run).read_bytes()[:-1])
    with pytest.raises(RunError, match=r"real\.safetensors is damaged"):
        read_real(run)
