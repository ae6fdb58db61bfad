"""Scores of states against their definitions and against sets whose scores are known."""

import math

import pytest
import torch

from qdiffusion.metrics.states import denoising_scores, state_scores
from qdiffusion.states import cluster, fidelities, haar, mmd


def by_name(rows):
    return {row.name: row for row in rows}


def test_generated_states_are_scored_beside_data_and_chance(generator):
    generated, test, train = (cluster(n, 2, 0.1, generator) for n in (20, 30, 25))
    rows = by_name(state_scores(generated, test, train))
    for name, unbiased in (("mmd", False), ("mmd-unbiased", True)):
        assert rows[name].value == pytest.approx(mmd(generated, test, unbiased=unbiased).item(), abs=1e-6)
        assert rows[name].beside["floor"] == pytest.approx(mmd(train, test, unbiased=unbiased).item(), abs=1e-6)
    zero = torch.eye(4, dtype=torch.complex64)[:1]
    overlaps = fidelities(zero, generated)[0]
    assert rows["fidelity-0"].value == pytest.approx(overlaps.mean().item(), abs=1e-6)
    assert rows["fidelity-0"].std == pytest.approx(overlaps.std().item(), abs=1e-6)
    assert rows["fidelity-0"].beside["data"] == pytest.approx(fidelities(zero, test).mean().item(), abs=1e-6)
    assert rows["fidelity-0"].beside["Haar"] == 1 / 4


@pytest.mark.parametrize("name", ["mmd", "mmd-unbiased"])
def test_what_chance_scores_is_the_mean_over_haar_states(name, generator):
    test = cluster(6, 1, 0.3, generator)
    rows = [by_name(state_scores(haar(5, 1, generator), test, test))[name] for _ in range(1500)]
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
