"""Ensembles of states as data."""

from typing import get_args

import pytest
import torch

from qdiffusion.data import EnsembleConfig, Space, StateSet
from qdiffusion.data.ensemble import EnsembleName
from qdiffusion.errors import UsageError
from qdiffusion.states import fidelities, tfim_ground_states, xxz_ground_states

QUBITS = {"haar": 3, "cluster": 3, "circle": 1, "correlated": 2, "tfim": 3, "xxz": 4}


@pytest.mark.parametrize("name", get_args(EnsembleName))
def test_equal_seeds_give_equal_states(name):
    n_qubits = QUBITS[name]
    config = EnsembleConfig(name=name, n_qubits=n_qubits, count=7, test_count=5, seed=4)
    train, test = config.load("train"), config.load("test")
    assert torch.equal(train.items, config.load("train").items)
    assert torch.equal(test.items, config.load("test").items)
    other = EnsembleConfig(name=name, n_qubits=n_qubits, count=7, test_count=5, seed=5)
    assert not torch.equal(train.items, other.load("train").items)
    assert (len(train), len(test)) == (7, 5)
    assert train.space == Space("states", (2**n_qubits,))
    assert train.labels is None
    assert (train.name, test.name) == (name, name)


def test_splits_share_no_state():
    config = EnsembleConfig(name="haar", n_qubits=4, count=10, test_count=50)
    assert fidelities(config.load("train").items, config.load("test").items).max() < 0.9


def test_a_cluster_lies_as_far_from_0_as_its_spread_says():
    """1 - F₀ ≈ 2 spread² for each of the d - 1 other amplitudes."""
    states = EnsembleConfig(n_qubits=1, spread=0.08, count=20_000).load("train").items
    infidelity = 1 - states[:, 0].abs().square().double()
    assert abs(infidelity.mean() / (2 * 0.08**2) - 1) < 0.05


def test_classes_lie_around_basis_states_in_turn():
    """Class c around |c⟩, as the one class lies around |0…0⟩."""
    alone = EnsembleConfig(n_qubits=2, count=9, seed=3).load("train").items
    data = EnsembleConfig(n_qubits=2, count=9, seed=3, classes=3).load("train")
    assert data.labels.tolist() == [0, 1, 2] * 3
    assert data.space.n_classes == 3
    for state, before, label in zip(data.items, alone, data.labels, strict=True):
        assert torch.equal(state, before[torch.arange(4) ^ label])
        assert state.abs().argmax() == label


@pytest.mark.parametrize("name", ["tfim", "xxz"])
def test_chains_have_the_parameters_asked_for(name):
    """A range of one value leaves one state, that of the value."""
    chosen = {"tfim": ("transverse_field", tfim_ground_states), "xxz": ("anisotropy", xxz_ground_states)}
    field, ground_states = chosen[name]
    config = EnsembleConfig(name=name, n_qubits=4, count=3, **{field: (0.75, 0.75)})
    expected = ground_states(torch.tensor([0.75]), 4).to(torch.complex64)
    torch.testing.assert_close(config.load("train").items, expected.expand(3, -1))
    assert "0.75 to 0.75" in config.load("train").source


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
        {"name": "circle", "n_qubits": 2},
        {"name": "correlated", "n_qubits": 1},
        {"name": "tfim", "n_qubits": 13},
        {"name": "xxz", "n_qubits": 5},
        {"transverse_field": (-0.1, 0.2)},
        {"transverse_field": (0.4, 0.2)},
        {"transverse_field": (0.0, float("inf"))},
        {"anisotropy": (-1.0, 0.2)},
        {"anisotropy": (0.5, float("nan"))},
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
        torch.ones(2, 1, dtype=torch.complex64),
        torch.zeros(0, 4, dtype=torch.complex64),
        torch.full((1, 2), torch.nan, dtype=torch.complex64),
    ],
)
def test_what_are_no_states_is_refused(states):
    with pytest.raises(UsageError, match="states"):
        StateSet("own", "train", states, "states")


@pytest.mark.parametrize(
    ("fields", "most"), [({"classes": 3}, 2), ({"classes": 0}, 2), ({"name": "circle", "classes": 2}, 1)]
)
def test_classes_that_there_are_none_of_are_refused(fields, most):
    with pytest.raises(UsageError, match=f"give 1 to {most}" if most > 1 else "give 1, since"):
        EnsembleConfig(**fields)


def test_every_class_has_a_state_in_either_split():
    with pytest.raises(UsageError, match="at least one of each class"):
        EnsembleConfig(n_qubits=2, classes=4, test_count=3)
