"""Scores of states against their definitions and against sets whose scores are known."""

import math

import pytest
import torch

from qdiffusion.metrics.mixed import mixed_scores
from qdiffusion.metrics.states import class_fidelity, denoising_scores, state_scores
from qdiffusion.states import (
    cluster,
    derived,
    fidelities,
    haar,
    magnetisation,
    mixed_mmd,
    mixed_wasserstein,
    mmd,
    partial_trace,
    projector,
    purity,
    wasserstein,
)


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


def test_mixed_samples_are_scored_by_the_super_fidelity(generator):
    generated = partial_trace(projector(haar(12, 4, generator).to(torch.complex128)), (0, 1))
    drawn = (cluster(n, 2, 0.1, generator).to(torch.complex128) for n in (15, 10))
    test, train = (torch.nn.functional.normalize(states, dim=-1) for states in drawn)
    rows = by_name(mixed_scores(generated, test, train))
    data, seen = projector(test), projector(train)
    mixed = (torch.eye(4, dtype=torch.complex128) / 4).expand(12, 4, 4)
    for name, unbiased in (("mmd", False), ("mmd-unbiased", True)):
        for given, value in (
            (generated, rows[name].value),
            (seen, rows[name].beside["floor"]),
            (mixed, rows[name].beside["mixed"]),
        ):
            assert value == pytest.approx(mixed_mmd(given, data, unbiased=unbiased).item(), abs=1e-7)
    assert rows["wasserstein"].value == pytest.approx(mixed_wasserstein(generated[:10], data[:10]).item(), abs=1e-6)
    assert rows["fidelity-0"].value == pytest.approx(generated[:, 0, 0].real.mean().item())
    assert rows["fidelity-0"].beside["mixed"] == 1 / 4
    assert rows["purity"].value == pytest.approx(purity(generated).mean().item())


def test_states_of_a_class_are_compared_with_that_class(generator):
    """Of basis states the fidelity is 1 where the class is the right one, and 0 where it is not."""
    basis = torch.eye(4, dtype=torch.complex64)
    labels = torch.tensor([0, 1, 2, 0])
    row = class_fidelity(basis[[0, 1, 3, 2]], labels, basis[[0, 1, 2, 1]], torch.tensor([0, 1, 2, 1]))
    assert row.value == pytest.approx(0.5)
    assert row.beside == {"data": pytest.approx(1.0), "Haar": 0.25}
