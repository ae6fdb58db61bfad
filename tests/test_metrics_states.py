"""Scores of states against their definitions and against sets whose scores are known."""

import math

import pytest
import torch

from qdiffusion.metrics.states import denoising_scores, state_scores
from qdiffusion.states import cluster, derived, fidelities, haar, magnetisation, mmd, wasserstein


def by_name(rows):
    return {row.name: row for row in rows}


def test_generated_states_are_scored_beside_data_and_chance(generator):
    generated, test, train = (cluster(n, 2, 0.1, generator) for n in (20, 30, 25))
    rows = by_name(state_scores(generated, test, train, generator))
    for name, unbiased in (("mmd", False), ("mmd-unbiased", True)):
        assert rows[name].value == pytest.approx(mmd(generated, test, unbiased=unbiased).item(), abs=1e-6)
        assert rows[name].beside["floor"] == pytest.approx(mmd(train, test, unbiased=unbiased).item(), abs=1e-6)
    zero = torch.eye(4, dtype=torch.complex64)[:1]
    overlaps = fidelities(zero, generated)[0]
    assert rows["fidelity-0"].value == pytest.approx(overlaps.mean().item(), abs=1e-6)
    assert rows["fidelity-0"].std == pytest.approx(overlaps.std().item(), abs=1e-6)
    assert rows["fidelity-0"].beside["data"] == pytest.approx(fidelities(zero, test).mean().item(), abs=1e-6)
    assert rows["fidelity-0"].beside["Haar"] == 1 / 4
    assert rows["magnetisation"].value == pytest.approx(magnetisation(generated).mean().item(), abs=1e-6)
    assert rows["magnetisation"].beside["data"] == pytest.approx(magnetisation(test).mean().item(), abs=1e-6)


@pytest.mark.parametrize(("most", "n"), [(2000, 20), (10, 10)])
def test_transport_is_scored_between_sets_of_one_size(most, n, generator, monkeypatch):
    """That of the smallest, or the largest that is solved."""
    monkeypatch.setattr("qdiffusion.metrics.states.MOST_TRANSPORTED", most)
    generated, test, train = (cluster(count, 2, 0.1, generator) for count in (40, 30, 20))
    row = by_name(state_scores(generated, test, train, derived(5)))["wasserstein"]
    assert row.value == pytest.approx(wasserstein(generated[:n], test[:n]).item(), abs=1e-6)
    assert row.beside["floor"] == pytest.approx(wasserstein(train[:n], test[:n]).item(), abs=1e-6)
    assert row.beside["Haar"] == pytest.approx(wasserstein(haar(n, 2, derived(5)), test[:n]).item(), abs=1e-6)


@pytest.mark.parametrize("n_qubits", [2, 4])
def test_the_magnetisation_of_haar_states_is_their_mean(n_qubits, generator):
    states = haar(4000, n_qubits, generator)
    row = by_name(state_scores(states[:2], states[:2], states[:2], generator))["magnetisation"]
    values = magnetisation(states)
    assert abs(values.mean() - row.beside["Haar"]) < 5 * values.std() / math.sqrt(len(values))


def test_one_qubit_has_no_magnetisation_to_speak_of(generator):
    states = haar(3, 1, generator)
    assert "magnetisation" not in by_name(state_scores(states, states, states, generator))


@pytest.mark.parametrize("name", ["mmd", "mmd-unbiased"])
def test_what_chance_scores_is_the_mean_over_haar_states(name, generator):
    test = cluster(6, 1, 0.3, generator)
    rows = [by_name(state_scores(haar(5, 1, generator), test, test, generator))[name] for _ in range(1500)]
    values = torch.tensor([row.value for row in rows])
    assert abs(values.mean() - rows[0].beside["Haar"]) < 5 * values.std() / math.sqrt(len(values))


def test_restored_states_are_scored_by_their_fidelity():
    plus = torch.tensor([1, 1], dtype=torch.complex64) / math.sqrt(2)
    zero = torch.tensor([1, 0], dtype=torch.complex64)
    clean, denoised, noised = torch.stack([zero, zero]), torch.stack([zero, plus]), torch.stack([plus, plus])
    (row,) = denoising_scores(denoised, clean, "train", noised)
    assert row.name == "fidelity-train"
    assert row.value == pytest.approx(0.75)
    assert row.std == pytest.approx(0.25)
    assert row.beside["Haar"] == 0.5
    assert row.beside["untouched"] == pytest.approx(0.5)
    assert row.better == "higher"
