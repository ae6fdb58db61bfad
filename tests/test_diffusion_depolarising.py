"""States that depolarise, and what can be restored of them: closed forms, the engine's own channel, the cap."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from qdiffusion.circuits import QuantumLayer, cz_brickwork, density_matrix, density_preparation, state_preparation
from qdiffusion.circuits.channels import depolarising
from qdiffusion.circuits.circuit import circuit_of
from qdiffusion.circuits.reference import simulate
from qdiffusion.data import EnsembleConfig, Space
from qdiffusion.diffusion import ChainSamplingConfig, DepolarisingConfig, InfidelityConfig, System
from qdiffusion.diffusion.depolarising import Depolarising, shares
from qdiffusion.diffusion.system import Batch
from qdiffusion.errors import UsageError
from qdiffusion.metrics import DenoisingEvaluationConfig
from qdiffusion.models import ChannelConfig, ChannelDenoiser, DensitiesConfig
from qdiffusion.states import check_density, derived, haar, haar_unitaries, partial_trace, projector, purity
from qdiffusion.states.haar import normalised
from qdiffusion.training import Experiment, evaluate_run, get_preset, train

STATES = Space("states", (8,))
CODEC = DensitiesConfig().build(STATES)
FORWARDS = [DepolarisingConfig(5), DepolarisingConfig(4, "linear"), DepolarisingConfig(6, exponent=3.0)]
N = 4


def densities(n_qubits: int = 3, seed: int = 0) -> torch.Tensor:
    return projector(normalised(haar(N, n_qubits, derived(seed)).to(torch.complex128)))


def noised(process: Depolarising, x0: torch.Tensor, t: int) -> torch.Tensor:
    return process.noised(x0, torch.full((len(x0),), t), derived(0)).x


@pytest.mark.parametrize("config", FORWARDS)
def test_the_closed_form_is_the_channel_step_by_step(config: DepolarisingConfig) -> None:
    """The engine's depolarising channel of all wires, once for every level, with p_t = 1 - α_t/α_{t-1}."""
    process, x0 = config.build(CODEC.space, 0), densities()
    through = x0
    for t, (before, after) in enumerate(pairwise([1.0, *process.alphas.tolist()])):
        gate = depolarising((0, 1, 2), 1 - after / before)
        channel = density_preparation(3) >> circuit_of(3, [gate], "one step")
        through = QuantumLayer(channel, density_matrix())(through[:, None])[:, 0].detach()
        torch.testing.assert_close(noised(process, x0, t), through, atol=1e-12, rtol=0)
    torch.testing.assert_close(through, process.prior(x0.shape, derived(0)).to(x0.dtype), atol=1e-7, rtol=0)
    assert torch.equal(noised(process, x0, -1), x0)


def test_schedules_are_their_formulas() -> None:
    for t in range(7):
        u = (t + 1) / 7
        assert math.isclose(shares(7, "linear", 2.0)[t], 1 - u, abs_tol=1e-15)
        assert math.isclose(shares(7, "cosine", 3.0)[t], abs(math.cos(math.pi * u / 2)) ** 3, abs_tol=1e-15)


def test_what_is_asked_for() -> None:
    x0, t = densities(), torch.tensor([0, 1, 2, 4])
    for prediction, expected in (("clean", lambda s: s), ("previous", None)):
        process = DepolarisingConfig(5, prediction=prediction).build(CODEC.space, 0)
        target = process.target(process.noised(x0, t, derived(0)))
        if expected is None:
            before = [noised(process, x0[i : i + 1], int(level) - 1) for i, level in enumerate(t)]
            torch.testing.assert_close(target, torch.cat(before), atol=0, rtol=0)
        else:
            assert torch.equal(target, x0)


def test_no_unitary_exceeds_the_cap_and_the_identity_reaches_it() -> None:
    process, x0 = DepolarisingConfig(6).build(CODEC.space, 0), densities()
    unitaries = haar_unitaries(50, 3, derived(1)).to(torch.complex128)
    for t, cap in enumerate(process.cap(8).tolist()):
        x = noised(process, x0, t)
        turned = unitaries[:, None] @ x @ unitaries[:, None].mH
        assert float((turned * x0.mT).sum((-1, -2)).real.max()) < cap + 1e-6
        torch.testing.assert_close((x * x0.mT).sum((-1, -2)).real, torch.full((N,), cap).double(), atol=1e-7, rtol=0)


@pytest.mark.parametrize("n_ancillas", [0, 2])
def test_the_denoiser_is_the_dense_channel(n_ancillas: int) -> None:
    """tr_A U (ρ ⊗ |0⟩⟨0|) U†, with U column by column from the reference simulator; each level has its own."""
    torch.manual_seed(0)
    n_wires = 2 + n_ancillas
    denoiser = ChannelDenoiser(2, 3, n_ancillas, n_steps=2).double()
    torch.nn.init.uniform_(denoiser.circuit.weights, 0, 6)
    x, t = torch.cat([0.7 * densities(2) + 0.3 * torch.eye(4) / 4]), torch.tensor([1, 0, 1, 1])
    told = denoiser(x, t).sample.detach()
    circuit = state_preparation(n_wires) >> cz_brickwork(n_wires, 3)
    basis = torch.eye(2**n_wires, dtype=torch.complex128)
    for row, level, found in zip(x, t, told, strict=True):
        weights = denoiser.circuit.weights[level].detach()
        u = torch.stack([simulate(circuit, column, weights) for column in basis], 1)
        zero = torch.zeros(2**n_ancillas, 2**n_ancillas, dtype=torch.complex128)
        zero[0, 0] = 1
        expected = partial_trace(u @ torch.kron(row, zero) @ u.mH, [0, 1])
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    check_density(told)


def test_a_unitary_chain_leaves_the_maximally_mixed_state_as_it_is() -> None:
    """Nothing is made of it by unitaries, so that there is nothing to sample; an ancilla changes that."""
    torch.manual_seed(0)
    for n_ancillas, mixed in ((0, True), (1, False)):
        x = torch.eye(4, dtype=torch.complex64)[None] / 4
        for t in (1, 0):
            denoiser = ChannelDenoiser(2, 4, n_ancillas, n_steps=2)
            torch.nn.init.uniform_(denoiser.circuit.weights, 0, 6)
            x = denoiser(x, t).sample.detach()
        assert (abs(float(purity(x)) - 0.25) < 1e-6) == mixed


class Knowing(torch.nn.Module):
    """Says always the same states, and remembers what it was shown."""

    n_classes, levels = 0, 1

    def __init__(self, states: torch.Tensor) -> None:
        super().__init__()
        self.states, self.shown = states, []

    def forward(self, sample: torch.Tensor, timestep: int, *args: object, **options: object) -> tuple[torch.Tensor]:
        self.shown.append(sample)
        return (self.states,)


def test_clean_states_are_noised_again_on_the_way() -> None:
    """Level t is shown ρ_t of what level t + 1 said; the last answer is left as it is."""
    x0, process = densities(), DepolarisingConfig(4).build(CODEC.space, 0)
    denoiser = Knowing(x0)
    system = System(CODEC, denoiser, process)
    sampler = ChainSamplingConfig(renoise=True).build(system)
    assert torch.equal(sampler(system, N, derived(0)), x0)
    torch.testing.assert_close(denoiser.shown[0], process.prior(x0.shape, derived(0)))
    for shown, t in zip(denoiser.shown[1:], (2, 1, 0), strict=True):
        torch.testing.assert_close(shown, noised(process, x0, t), atol=0, rtol=0)


@pytest.mark.parametrize("prediction", ["clean", "previous"])
def test_the_loss_is_the_mean_infidelity(prediction: str) -> None:
    """Equation 12 where the pure state is asked for; Uhlmann's fidelity of one qubit, in its closed form, else."""
    space = Space("states", (2,))
    codec = DensitiesConfig().build(space)
    forward = DepolarisingConfig(3, prediction=prediction)
    torch.manual_seed(1)
    system = System(codec, ChannelConfig(2, 1, 3).build(codec.space), forward.build(codec.space, 0))
    states = haar(5, 1, derived(2))
    objective = InfidelityConfig(every_level=True).build(forward, 0)
    draw = objective.draw(system, Batch(states, None, torch.arange(5)), {}, derived(3))
    loss, logged = objective.loss(system, draw)
    fidelities = []
    for t in range(3):
        x = noised(system.process, projector(states), t)
        target = projector(states) if prediction == "clean" else noised(system.process, projector(states), t - 1)
        told = system.denoiser(x, t).sample
        overlap = (target * told.mT).sum((-1, -2)).real
        root = (torch.linalg.det(target).real * torch.linalg.det(told).real).clamp_min(0).sqrt()
        fidelities.append(overlap if prediction == "clean" else overlap + 2 * root)
    expected = 1 - torch.stack(fidelities).mean()
    # In float32 the purity of a pure state is off by 1e-7, and the root of that shows.
    torch.testing.assert_close(loss, expected, atol=2e-3 if prediction == "clean" else 1e-4, rtol=0)
    assert float(logged["fidelity"]) == pytest.approx(1 - loss.item(), abs=1e-6)
    loss.backward()
    assert system.denoiser.circuit.weights.grad.isfinite().all()


def test_an_ancilla_exceeds_the_cap_of_unitaries(tmp_path: Path) -> None:
    """States near |0⟩: where little is left of them, it pays to make |0⟩ anew. Unitaries learn to do nothing."""
    scores = {}
    for n_ancillas in (0, 1):
        run = train(_small(n_ancillas), tmp_path / str(n_ancillas))
        scores[n_ancillas] = evaluate_run(run, 8)
    caps = DepolarisingConfig(3).build(Space("densities", (2, 2)), 0).cap(2).tolist()
    for t, cap in enumerate(caps):
        assert scores[0][f"fidelity-t{t}"] == pytest.approx(cap, abs=5e-3)
        assert scores[0][f"fidelity-t{t}"] < cap + 1e-6
    assert scores[1]["fidelity-t2"] > caps[2] + 0.2
    assert scores[0]["purity-samples"] == pytest.approx(0.5, abs=1e-6)
    assert scores[1]["purity-samples"] > 0.7


def _small(n_ancillas: int) -> Experiment:
    experiment = get_preset("qdm-depolarising").build()
    stage = replace(experiment.stages[0], steps=150)
    return replace(
        experiment,
        data=EnsembleConfig("cluster", n_qubits=1, count=100, test_count=8),
        forward=DepolarisingConfig(3),
        model=ChannelConfig(4, n_ancillas, 3),
        stages=(stage,),
        evaluation=DenoisingEvaluationConfig(count=8),
    )


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DepolarisingConfig(0), "0 timesteps"),
        (lambda: DepolarisingConfig(exponent=0.0), "exponent"),
        (lambda: DepolarisingConfig(exponent=math.nan), "exponent"),
        (lambda: ChannelConfig(n_layers=0), "10 steps of 0 layers"),
        (lambda: ChannelConfig(n_ancillas=-1), "n_ancillas"),
        (lambda: ChannelConfig(n_ancillas=6).build(CODEC.space), "3 qubits and 6 ancillas .* 9 wires"),
        (lambda: DensitiesConfig().build(Space("states", (128,))), "1 to 6"),
        (lambda: DensitiesConfig().build(Space("vectors", (4,))), "takes states, but was given vectors"),
        (lambda: ChannelDenoiser(2, 1)(densities(2), 0, torch.zeros(N)), "unconditional"),
        (lambda: ChannelDenoiser(2, 1, n_steps=2)(densities(2), 2), "timesteps reach from 2 to 2"),
        (lambda: ChannelDenoiser(2, 1)(densities(3), 0), "it takes"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make()
