"""The study of Cacioppo et al.: what its columns share, and cells whose codec is trained first."""

from dataclasses import replace

import pytest

from qdiffusion.studies.catalog import get_study
from qdiffusion.studies.study import Cell
from qdiffusion.training import describe

STUDY = get_study("cacioppo")
LATENT = ("latent", "latent-natural", "latent-stochastic", "conditioned", "latent-classical")


def cell_of(column: str) -> Cell:
    return STUDY.cell(STUDY.spec, column, 3, STUDY.quick)


@pytest.mark.parametrize("column", LATENT)
def test_the_moments_of_a_latent_model_count_from_the_end_of_its_autoencoder(column: str) -> None:
    cell = cell_of(column)
    first, last = cell.experiment.stages
    assert first.train == ("codec.*",)
    assert cell.lead == first.steps
    assert last.steps == cell.budget.steps_at(1)
    assert [step - cell.lead for step in cell.experiment.snapshots] == [cell.budget.steps_at(1 / 10)]


def test_the_classical_latent_model_has_as_many_parameters_within_a_hundredth() -> None:
    def parameters(column: str) -> int:
        facts = describe(cell_of(column).experiment)[-1]
        return facts.parameters.total - sum(layer.parameters for layer in facts.layers if "codec" in layer.name)

    assert parameters("latent") == 1500
    assert parameters("latent-classical") == pytest.approx(1500, rel=0.01)


def test_columns_of_one_comparison_differ_in_one_thing() -> None:
    full, real = cell_of("full").experiment, cell_of("full-real").experiment
    assert replace(full.forward, noise="real") == real.forward
    assert replace(full, forward=real.forward, name=real.name) == real
    natural, adam = cell_of("latent-natural").experiment, cell_of("latent").experiment
    stage = replace(adam.stages[1], optimiser=natural.stages[1].optimiser)
    assert replace(adam, stages=(adam.stages[0], stage), name=natural.name) == natural
    snr = cell_of("full-snr").experiment
    for column in ("full-activation", "full-drawn", "full-shared", "nncpqc", "bottleneck"):
        other = cell_of(column).experiment
        assert (other.data, other.forward, other.sampling) == (snr.data, snr.forward, snr.sampling)
