"""QuDDPM's presets against what is published of them."""

import pytest

from qdiffusion.training.presets import get_preset

PUBLISHED = {
    "quddpm-cluster1": ("cluster", 1, 1, 20, 4, "mmd", 100),
    "quddpm-cluster2": ("cluster", 2, 1, 20, 6, "mmd", 100),
    "quddpm-circle": ("circle", 1, 2, 40, 6, "wasserstein", 500),
    "quddpm-noise": ("correlated", 2, 2, 20, 6, "mmd", 500),
    "quddpm-tfim": ("tfim", 4, 2, 30, 12, "mmd", 100),
}
"""Ensemble, n, n_a, T, L, loss and N, of the loss: Zhang et al. 2024 (arXiv 2310.05866)."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_are_the_published_tasks(name):
    experiment = get_preset(name).build()
    data, model, stage = experiment.data, experiment.model, experiment.stages[0]
    assert PUBLISHED[name] == (
        data.name,
        data.n_qubits,
        model.n_ancillas,
        model.n_steps,
        model.n_layers,
        stage.objective.loss,
        stage.batch_size,
    )
    assert data.count == (4 if data.name == "circle" else 1) * stage.batch_size
    assert experiment.forward.timesteps == model.n_steps


def test_kicks_grow_as_published():
    noise, circle = (get_preset(f"quddpm-{name}").build().forward.strength for name in ("noise", "circle"))
    assert len(noise) == 20
    assert noise[:2] + noise[11:13] + noise[-2:] == pytest.approx(
        (0.05, 0.05 + 0.95 / 11, 1.0, 1.2, 3.6, 4.0), abs=1e-6
    )
    assert circle == pytest.approx([t * t / 1000 for t in range(1, 41)])


def test_mixed_chains_are_the_published_task():
    """Kwun et al. 2024 (arXiv 2411.17608): n 1, n_a 2, one of them random, T 6, L 4."""
    experiment = get_preset("msquddpm-cluster").build()
    model, forward = experiment.model, experiment.forward
    assert (experiment.data.name, experiment.data.n_qubits, experiment.codec.kind) == ("cluster", 1, "densities")
    assert (model.n_ancillas, model.n_random, model.n_steps, model.n_layers) == (2, 1, 6, 4)
    assert (forward.kind, forward.timesteps, forward.schedule) == ("depolarising", 6, "cosine")
