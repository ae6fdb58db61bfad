"""Undoing a shared scrambling circuit: the costs against their closed forms, and that they are learnt."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from qdiffusion.data import Space
from qdiffusion.diffusion import ScramblerConfig, ScramblingConfig, System, UndoConfig
from qdiffusion.diffusion.system import Batch
from qdiffusion.errors import UsageError
from qdiffusion.metrics.judging import score_denoising
from qdiffusion.metrics.subject import Subject
from qdiffusion.models import ChainConfig, RawConfig, UnitaryConfig
from qdiffusion.states import average_gate_fidelity, derived, local_hilbert_schmidt_test, product, qubit_states
from qdiffusion.training import get_preset, train

FORWARD = ScramblerConfig(1, 2, prediction="previous")


def system(n_qubits: int, forward: Any = FORWARD, model: Any = None, seed: int = 0) -> System:
    space = Space("states", (2**n_qubits,))
    torch.manual_seed(seed)
    model = model or UnitaryConfig(1, n_steps=forward.timesteps, ansatz="mirrored")
    return System(RawConfig().build(space), model.build(space), forward.build(space, seed))


def batch(count: int, n_qubits: int) -> Batch:
    return Batch(torch.zeros(count, 2**n_qubits), None, torch.arange(count))


def together(made: System, t: int) -> torch.Tensor:
    """W_t = V_t S_t, whatever S_t is: the whole circuit, or one step."""
    d = made.codec.space.shape[0]
    basis = torch.eye(d, dtype=torch.complex64)
    levels = torch.full((d,), t)
    return made.denoiser(made.process.seen(basis, levels), levels).sample.detach().mT


def cost(made: System, config: UndoConfig, count: int) -> float:
    objective = config.build(FORWARD, 0)
    objective.check(made)
    n_qubits = made.codec.space.n_qubits("test")
    with torch.no_grad():
        drawn = objective.draw(made, batch(count, n_qubits), {}, derived(4))
        return float(objective.loss(made, drawn)[0])


@pytest.mark.parametrize("forward", [FORWARD, ScramblerConfig(2)])
def test_costs_are_those_of_the_closed_forms(forward):
    """Nielsen's formula for the global cost, two thirds of the local Hilbert-Schmidt test for the local one: the mean
    over steps, within five standard errors of 20,000 states."""
    made, count = system(3, forward), 20_000
    ws = [together(made, t) for t in range(forward.timesteps)]
    identity, whole = torch.eye(8, dtype=torch.complex64), torch.stack(ws)
    expected = {
        "global": 1 - average_gate_fidelity(identity, whole).mean(),
        "local": 2 / 3 * local_hilbert_schmidt_test(whole).mean(),
    }
    for name, value in expected.items():
        assert abs(cost(made, UndoConfig(name), count) - value) < 5 * 0.4 / count**0.5


@pytest.mark.parametrize("name", ["global", "local"])
def test_costs_vanish_for_the_inverse_alone(name):
    made = system(3)
    assert cost(made, UndoConfig(name), 50) > 0.1
    opposite = -made.process.shared.view(2, 3, 3).flip(-1).flatten(1)
    made.denoiser.layers[0].weights.data.copy_(opposite)
    assert abs(cost(made, UndoConfig(name), 50)) < 1e-5


def test_products_are_not_entangled(generator):
    """Their qubits are pure, and of no direction."""
    qubits = qubit_states(product(4000, 3, generator))
    torch.testing.assert_close((qubits * qubits.mT).sum((-1, -2)).real, torch.ones(4000, 3))
    mean = qubits.mean(0)
    assert (mean - torch.eye(2) / 2).abs().max() < 5 / 4000**0.5


@pytest.mark.parametrize(
    ("forward", "model", "said"),
    [
        (ScramblingConfig(2), None, "choose the forward process scrambler"),
        (FORWARD, ChainConfig(2), "choose the model unitary"),
        (FORWARD, UnitaryConfig(1, n_steps=3), "give both the same number"),
    ],
)
def test_what_cannot_be_undone_is_refused(forward, model, said):
    with pytest.raises(UsageError, match=said):
        UndoConfig().build(forward, 0).check(system(2, forward, model))


def test_unknown_costs_are_refused(unchecked):
    with pytest.raises(UsageError, match="cost"):
        UndoConfig("blind")


def test_a_scrambler_is_learnt_and_undone_whole(tmp_path):
    """The preset on two qubits: held-out states come back, and the gate fidelity is their mean."""
    preset = get_preset("scrambling-4q").build()
    small = replace(
        preset,
        data=replace(preset.data, n_qubits=2, test_count=2000),
        snapshots=(),
        evaluation=replace(preset.evaluation, count=2000),
    )
    run = train(small, tmp_path / "run")
    scores = {row["name"]: row for row in (run.read_metrics() or {})["rows"]}
    assert scores["gate-fidelity"]["value"] > 0.98
    assert scores["gate-fidelity"]["beside"]["untouched"] < 0.9
    assert abs(scores["fidelity-held-out"]["value"] - scores["gate-fidelity"]["value"]) < 0.01


def test_what_is_no_matrix_has_no_gate_fidelity():
    """A chain draws outcomes."""
    made = system(1, ScramblerConfig(1, 2, prediction="previous"), ChainConfig(2))
    names = [row.name for row in score_denoising(subject_of(made, 1, 10)).rows]
    assert names == ["fidelity-train", "fidelity-held-out"]


def subject_of(made: System, n_qubits: int, count: int) -> Subject:
    data = get_preset("scrambling-4q").build().data
    return Subject(
        replace(data, n_qubits=n_qubits, test_count=count),
        count,
        0,
        torch.device("cpu"),
        lambda: pytest.fail("nothing is drawn"),
        lambda: made,
        lambda _: None,
    )


def test_gate_fidelity_is_the_mean_over_states():
    """Of an undoing that does not fit: 20,000 held-out states against the closed form."""
    made = system(2)
    rows = {row.name: row for row in score_denoising(subject_of(made, 2, 20_000)).rows}
    assert abs(rows["gate-fidelity"].value - rows["fidelity-held-out"].value) < 5 * 0.3 / 20_000**0.5
    untouched = rows["fidelity-held-out"].beside["untouched"]
    assert abs(rows["gate-fidelity"].beside["untouched"] - untouched) < 5 * 0.3 / 20_000**0.5
