import os
import signal

# Before torch is loaded. A thread a worker: threads that wait for each other on busy cores take ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jaxtyping
import pytest
import torch

# Who runs the tests in the background may have them ignore Ctrl-C; some are about it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Shapes and types are checked where signatures carry shapes; the circuits' are polymorphic.
CHECKED = ["qdiffusion.diffusion", "qdiffusion.metrics", "qdiffusion.models"]
jaxtyping.install_import_hook(CHECKED, "beartype.beartype")

# Fills fresh memory with NaN, so that reading what was never written shows.
torch.use_deterministic_algorithms(True)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Chance that a test does not name, such as initial weights, is the same in any order of the tests."""
    torch.manual_seed(0)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets arguments of a wrong type or shape through to the sentences that refuse them."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
