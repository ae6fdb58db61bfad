"""Ensembles of states as data."""

import pytest
import torch

from qdiffusion.data import EnsembleConfig, Space, StateSet
from qdiffusion.errors import UsageError
from qdiffusion.states import fidelities


@pytest.mark.parametrize("name", ["haar", "cluster"])
def test_equal_seeds_give_equal_states(name):
    config = EnsembleConfig(name=name, n_qubits=3, count=7, test_count=5, seed=4)
    train, test = config.load("train"), config.load("test")
    assert torch.equal(train.items, config.load("train").items)
    assert torch.equal(test.items, config.load("test").items)
    other = EnsembleConfig(name=name, n_qubits=3, count=7, test_count=5, seed=5)
    assert not torch.equal(train.items, other.load("train").items)
    assert (len(train), len(test)) == (7, 5)
    assert train.space == Space("states", (8,))
    assert train.labels is None


def test_splits_share_no_state():
    config = EnsembleConfig(name="haar", n_qubits=4, count=10, test_count=50)
    assert fidelities(config.load("train").items, config.load("test").items).max() < 0.9


def test_a_cluster_lies_as_far_from_0_as_its_spread_says():
    """1 - F₀ ≈ 2 spread² for each of the d - 1 other amplitudes."""
    states = EnsembleConfig(n_qubits=1, spread=0.08, count=20_000).load("train").items
    infidelity = 1 - states[:, 0].abs().square().double()
    assert abs(infidelity.mean() / (2 * 0.08**2) - 1) < 0.05


def test_the_source_says_which_states():
    source = EnsembleConfig(n_qubits=2, spread=0.06, count=9, seed=3).load("test").source
    for word in ("100", "2 qubits", "0.06", "seed 3", "test", "|00⟩"):
        assert word in source


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "ghz"},
        {"n_qubits": 0},
        {"n_qubits": 60},
        {"count": 0},
        {"test_count": -1},
        {"seed": -1},
        {"spread": -0.1},
        {"spread": float("nan")},
    ],
)
def test_impossible_ensembles_are_refused(fields):
    with pytest.raises(UsageError):
        EnsembleConfig(**fields)


@pytest.mark.parametrize(
    "states",
    [
        torch.ones(2, 2),
        torch.ones(2, 2, dtype=torch.complex64),
        torch.eye(3, dtype=torch.complex64),
        torch.zeros(0, 4, dtype=torch.complex64),
        torch.full((1, 1), torch.nan, dtype=torch.complex64),
    ],
)
def test_what_are_no_states_is_refused(states):
    with pytest.raises(UsageError, match="states"):
        StateSet("own", "train", states, "states")
