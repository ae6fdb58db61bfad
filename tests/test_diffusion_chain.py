"""Training and sampling of denoisers of states: what is compared with what, and with which gradient."""

import math
from functools import partial
from typing import get_args

import pytest
import torch
from torch import nn

from qdiffusion.data import EnsembleConfig, Space
from qdiffusion.diffusion import (
    ChainObjectiveConfig,
    ChainSamplingConfig,
    DepolarisingConfig,
    InfidelityConfig,
    ScramblerConfig,
    ScramblingConfig,
)
from qdiffusion.diffusion.state_objective_config import ChainLoss
from qdiffusion.diffusion.system import Batch, System
from qdiffusion.errors import UsageError
from qdiffusion.models import ChainConfig, MixedChainConfig, UnitaryConfig
from qdiffusion.states import (
    bitstring_mmd,
    check_density,
    derived,
    fidelity,
    haar,
    mixed_mmd,
    mixed_sinkhorn,
    mixed_wasserstein,
    mmd,
    projector,
    sinkhorn,
    wasserstein,
)


class Raw(nn.Module):
    """Items as they are."""

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space

    def encode(self, items: torch.Tensor) -> torch.Tensor:
        return items

    decode = encode


class Inverse(nn.Module):
    """Knows the scrambler's matrix."""

    n_classes = 0
    levels = 1

    def __init__(self, matrix: torch.Tensor) -> None:
        super().__init__()
        self.matrix = matrix

    def forward(self, sample, timestep, class_labels=None, return_dict=True, generator=None):
        return (sample @ self.matrix.conj(),)


FORWARD = ScramblingConfig(3, (0.5, 1.0))


def chain_system(n_qubits: int = 1) -> System:
    space = Space("states", (2**n_qubits,))
    return System(Raw(space), ChainConfig(3, 1, 2).build(space), FORWARD.build(space, 0))


def items(count: int, n_qubits: int = 1) -> torch.Tensor:
    return EnsembleConfig("cluster", n_qubits, count=count).load("train").items


def batch(states: torch.Tensor, *places: int) -> Batch:
    return Batch(states[list(places)], None, torch.tensor(places))


def test_each_round_trains_one_step_from_the_noisiest_on():
    config = ChainObjectiveConfig()
    assert config.rounds(FORWARD) == 3
    assert [config.build(FORWARD, r).trained for r in range(3)] == [f"denoiser.steps.{t}.*" for t in (2, 1, 0)]


@pytest.mark.parametrize("round", [0, 1, 2])
def test_inputs_went_through_the_trained_steps_and_targets_are_one_kick_cleaner(round):
    system, data = chain_system(), items(5)
    kept = ChainObjectiveConfig().build(FORWARD, round).prepare(system, data, 7, derived(4))
    generator = derived(4)
    inputs = haar(7, 1, generator)
    for t in (2, 1, 0)[:round]:
        inputs = system.denoiser(inputs, t, generator=generator).sample
    t = 2 - round
    assert torch.equal(kept["inputs"], inputs)
    expected = system.process.noised(data, torch.full((5,), t - 1), generator).x
    assert torch.equal(kept["targets"], expected)
    assert torch.equal(expected, data) == (t == 0)
    assert not any(tensor.requires_grad for tensor in kept.values())


def test_the_loss_is_the_mean_discrepancy_of_measured_outputs(generator):
    """Against the biased MMD of outcomes that were drawn, 4000 times."""
    system, data = chain_system(), items(6)
    objective = ChainObjectiveConfig().build(FORWARD, 1)
    kept = objective.prepare(system, data, 4, generator)
    draw = objective.draw(system, batch(data, 0, 2, 3, 5), kept, generator)
    loss, logged = objective.loss(system, draw)
    inputs, targets = kept["inputs"], kept["targets"][[0, 2, 3, 5]]
    with torch.no_grad():
        drawn = system.denoiser(inputs.repeat(4000, 1), 1, generator=generator).sample.unflatten(0, (4000, 4))
        values = torch.stack([mmd(outputs, targets) for outputs in drawn])
    assert abs(values.mean() - loss) < 5 * values.std() / math.sqrt(4000)
    assert not logged


def test_two_states_are_compared_outcome_by_outcome(generator):
    """Every joint outcome of two states, by hand."""
    system, data = chain_system(2).double(), items(2, 2).to(torch.complex128)
    data = nn.functional.normalize(data, dim=-1)
    inputs = nn.functional.normalize(haar(2, 2, generator).to(torch.complex128), dim=-1)
    draw = {"inputs": inputs, "targets": data, "level": torch.tensor(1)}
    loss, _ = ChainObjectiveConfig().build(FORWARD, 1).loss(system, draw)
    states, p = system.denoiser.branches(inputs, 1)
    by_hand = sum(
        p[0, a] * p[1, b] * mmd(torch.stack([states[0, a], states[1, b]]), data) for a in (0, 1) for b in (0, 1)
    )
    torch.testing.assert_close(loss, by_hand, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("config", "distance"),
    [
        (ChainObjectiveConfig(loss="mmd"), mmd),
        (ChainObjectiveConfig(loss="mmd-unbiased"), partial(mmd, unbiased=True)),
        (ChainObjectiveConfig(loss="mmd-bitstrings"), bitstring_mmd),
        (ChainObjectiveConfig(loss="wasserstein"), wasserstein),
        (ChainObjectiveConfig(loss="sinkhorn", regularisation=0.2), partial(sinkhorn, regularisation=0.2)),
    ],
)
def test_the_loss_is_the_distance_of_all_outcomes_and_its_gradient_that_of_finite_differences(
    config, distance, generator
):
    """Central differences along each angle of the trained step."""
    system = chain_system(2).double()
    data = nn.functional.normalize(items(3, 2).to(torch.complex128), dim=-1)
    inputs = nn.functional.normalize(haar(4, 2, generator).to(torch.complex128), dim=-1)
    draw = {"inputs": inputs, "targets": data, "level": torch.tensor(2)}
    objective, angles = config.build(FORWARD, 0), system.denoiser.steps[2].weights
    states, p = system.denoiser.branches(inputs, 2)
    loss, logged = objective.loss(system, draw)
    assert loss.item() == distance(states, data, first_probabilities=p).item()
    assert not logged
    loss.backward()
    for place in range(angles.numel()):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                angles[0, place] += sign * 1e-5
                values.append(objective.loss(system, draw)[0].item())
                angles[0, place] -= sign * 1e-5
        slope = (values[0] - values[1]) / 2e-5
        assert angles.grad[0, place].item() == pytest.approx(slope, abs=1e-7)
    assert system.denoiser.steps[0].weights.grad is None


def test_gradients_through_drawn_outcomes_are_not_those_of_the_expected_loss(generator):
    """Of one state: Σ p_b ∇L_b, their mean, against ∇Σ p_b L_b."""
    system = chain_system().double()
    data, inputs = (nn.functional.normalize(x.to(torch.complex128), dim=-1) for x in (items(3), haar(1, 1, generator)))
    states, p = system.denoiser.branches(inputs, 2)
    losses = torch.stack([mmd(states[:, b], data) for b in range(2)])
    angles = system.denoiser.steps[2].weights
    drawn, right = (torch.autograd.grad((q[0] * losses).sum(), angles, retain_graph=True)[0] for q in (p.detach(), p))
    exact = torch.autograd.grad(mmd(states, data, first_probabilities=p), angles)[0]
    torch.testing.assert_close(exact, right, rtol=0, atol=1e-12)
    assert (drawn - right).norm() > 0.1 * right.norm()


def test_drawn_outcomes_make_the_same_loss_on_average_and_another_gradient(generator):
    """Of the objective itself, many draws: the loss is that of all outcomes, its slope is not."""
    system, data = chain_system().double(), nn.functional.normalize(items(3).to(torch.complex128), dim=-1)
    exact, drawn = (ChainObjectiveConfig(outcomes=each).build(FORWARD, 0) for each in ("exact", "drawn"))
    kept = {"inputs": haar(1, 1, generator).to(torch.complex128), "targets": data}
    angles = system.denoiser.steps[2].weights

    def told(objective):
        loss, _ = objective.loss(system, objective.draw(system, batch(data, 0, 1, 2), kept, generator))
        return torch.cat([loss.detach().reshape(1), torch.autograd.grad(loss, angles)[0].flatten()])

    right, all_drawn = told(exact), torch.stack([told(drawn) for _ in range(600)])
    errors = all_drawn.std(0) / math.sqrt(600)
    off = (all_drawn.mean(0) - right).abs() / errors.clamp_min(1e-12)
    assert off[0] < 5
    assert off[1:].max() > 10


def test_one_circuit_for_all_levels_learns_from_noised_data(generator):
    """The level is drawn for the whole batch; the targets are the data at the level before."""
    space, data = Space("states", (4,)), items(6, 2)
    model = ChainConfig(3, 1, 2, time="shared")
    system = System(Raw(space), model.build(space), FORWARD.build(space, 0))
    config = ChainObjectiveConfig(order="joint")
    objective = config.build(FORWARD, 0)
    objective.check(system)
    assert config.rounds(FORWARD) == 1
    assert objective.trained == "denoiser.*"
    seen = set()
    for seed in range(30):
        draw = objective.draw(system, batch(data, *range(6)), {}, derived(seed))
        level = int(draw["level"])
        seen.add(level)
        assert torch.equal(draw["targets"], data) == (level == 0)
        states, p = system.denoiser.branches(draw["inputs"], level)
        loss, _ = objective.loss(system, draw)
        assert loss.item() == mmd(states, draw["targets"], first_probabilities=p).item()
    assert seen == {0, 1, 2}


def test_classes_are_compared_each_with_its_own(generator):
    """The loss is the mean of the classes' distances."""
    data = EnsembleConfig("cluster", 1, classes=2, count=6).load("train")
    system = System(Raw(data.space), ChainConfig(3, conditional=True).build(data.space), FORWARD.build(data.space, 0))
    objective = ChainObjectiveConfig(inputs=5).build(FORWARD, 1)
    kept = objective.prepare(system, data.items, 6, derived(1))
    assert kept["labels"].tolist() == [0, 1, 0, 1, 0]
    places = torch.tensor([0, 1, 2, 5])
    draw = objective.draw(system, Batch(data.items[places], data.labels[places], places), kept, derived(2))
    loss, _ = objective.loss(system, draw)
    states, p = system.denoiser.branches(kept["inputs"], 1, kept["labels"])
    targets = kept["targets"]
    even = mmd(states[::2], targets[[0, 2]], first_probabilities=p[::2])
    odd = mmd(states[1::2], targets[[1, 5]], first_probabilities=p[1::2])
    torch.testing.assert_close(loss, (even + odd) / 2)


def test_inputs_are_drawn_from_a_pool_without_repeating_one():
    """Each step others; of classes as many each."""
    data = EnsembleConfig("cluster", 1, classes=2, count=6).load("train")
    system = System(Raw(data.space), ChainConfig(3, conditional=True).build(data.space), FORWARD.build(data.space, 0))
    objective = ChainObjectiveConfig(inputs=6, pool=40).build(FORWARD, 1)
    objective.check(system)
    kept = objective.prepare(system, data.items, 6, derived(1))
    assert len(kept["inputs"]) == 40
    whole = Batch(data.items, data.labels, torch.arange(6))
    first, second = (objective.draw(system, whole, kept, derived(seed)) for seed in (1, 2))
    for draw in (first, second):
        found = (draw["inputs"][:, None] == kept["inputs"]).all(-1)
        assert found.sum(1).tolist() == [1] * 6
        assert found.any(0).sum() == 6
        assert torch.equal(kept["labels"][found.int().argmax(1)], draw["labels"])
        assert draw["labels"].bincount().tolist() == [3, 3]
    assert not torch.equal(first["inputs"], second["inputs"])


def test_a_pool_too_small_for_its_classes_or_too_large_for_memory_is_refused():
    space = EnsembleConfig("cluster", 1, classes=2, count=6).load("train").space
    system = System(Raw(space), ChainConfig(3, conditional=True).build(space), FORWARD.build(space, 0))
    with pytest.raises(UsageError, match=r"A pool of 5 states has 2 of each .* give a pool of at least 6"):
        ChainObjectiveConfig(inputs=5, pool=5).build(FORWARD, 0).check(system)
    wide = EnsembleConfig("cluster", 12, count=6).load("train").space
    system = System(Raw(wide), ChainConfig(3, n_ancillas=2).build(wide), FORWARD.build(wide, 0))
    with pytest.raises(UsageError, match=r"A pool of 1,000,000 states .* give a smaller pool"):
        ChainObjectiveConfig(inputs=5, pool=1_000_000).build(FORWARD, 0).check(system)


@pytest.mark.parametrize("warm", [False, True])
def test_a_warm_round_begins_with_the_angles_of_the_one_before(warm):
    system = chain_system()
    drawn = [step.weights.detach().clone() for step in system.denoiser.steps]
    learnt = drawn[2]
    for round, level in enumerate((2, 1, 0)):
        ChainObjectiveConfig(warm=warm).build(FORWARD, round).begin(system)
        weights = system.denoiser.steps[level].weights
        assert torch.equal(weights, learnt if warm else drawn[level])
        with torch.no_grad():
            weights.add_(round + 1)
        learnt = weights.detach().clone()


def mixed_system() -> System:
    space, forward = Space("densities", (2, 2)), DepolarisingConfig(3)
    system = System(Raw(space), MixedChainConfig(3, 2, 2).build(space), forward.build(space, 0))
    return system.double()


@pytest.mark.parametrize(
    ("loss", "distance"),
    [
        ("mmd", mixed_mmd),
        ("mmd-unbiased", partial(mixed_mmd, unbiased=True)),
        ("wasserstein", mixed_wasserstein),
        ("sinkhorn", mixed_sinkhorn),
    ],
)
def test_density_matrices_are_compared_by_the_super_fidelity(loss, distance, generator):
    """Fresh ancillas in every draw; inputs come from the maximally mixed state through the steps before."""
    system, data = mixed_system(), projector(items(5).to(torch.complex128))
    objective = ChainObjectiveConfig(loss).build(DepolarisingConfig(3), 1)
    objective.check(system)
    kept = objective.prepare(system, data, 5, derived(3))
    first, second = (objective.draw(system, batch(data, 0, 1, 2, 3, 4), kept, derived(seed)) for seed in (1, 2))
    assert (first["inputs"] - second["inputs"]).abs().max() > 0.01
    left = system.denoiser.traced(first["inputs"], 1)
    check_density(left.detach())
    assert objective.loss(system, first)[0].item() == distance(left, kept["targets"]).item()


@pytest.mark.parametrize("loss", get_args(ChainLoss))
def test_a_round_brings_outputs_near_the_data(loss, generator):
    """The last step alone, from Haar states to a cluster around |0⟩: the ancilla takes the entropy."""
    space, forward = Space("states", (2,)), ScramblingConfig(1)
    system = System(Raw(space), ChainConfig(1, 1, 4).build(space), forward.build(space, 0))
    data, objective = items(40), ChainObjectiveConfig(loss=loss).build(forward, 0)
    kept = objective.prepare(system, data, 40, generator)
    optimiser = torch.optim.Adam(system.denoiser.parameters(), 0.05)
    losses = []
    for _ in range(150):
        loss, _ = objective.loss(system, objective.draw(system, batch(data, *range(40)), kept, generator))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 < losses[0]


def test_sampling_goes_from_the_prior_through_every_level():
    system, seen = chain_system(), []
    sampler = ChainSamplingConfig(count=6).build(system)
    x = sampler(system, 6, derived(8), on_step=lambda done, x: seen.append((done, x)))
    generator = derived(8)
    expected = [haar(6, 1, generator)]
    for t in (2, 1, 0):
        expected.append(system.denoiser(expected[-1], t, generator=generator).sample)
    assert sampler.levels == (2, 1, 0)
    assert [done for done, _ in seen] == [0, 1, 2, 3]
    assert all(torch.equal(one, other) for (_, one), other in zip(seen, expected, strict=True))
    assert torch.equal(x, expected[-1])
    assert not x.requires_grad


def test_one_step_samplers_apply_the_unitary_to_the_prior():
    space, forward = Space("states", (4,)), ScramblerConfig()
    system = System(Raw(space), UnitaryConfig(2).build(space), forward.build(space, 0))
    x = ChainSamplingConfig().build(system)(system, 5, derived(1))
    assert torch.equal(x, system.denoiser(haar(5, 2, derived(1)), 0).sample)


def test_infidelity_is_0_for_who_knows_the_scrambler_and_that_of_the_states_otherwise(generator):
    space, states = Space("states", (8,)), haar(6, 3, generator)
    process, objective = ScramblerConfig(4).build(space, 1), InfidelityConfig().build(ScramblerConfig(4), 0)
    basis = torch.eye(8, dtype=torch.complex64)
    matrix = process.noised(basis, torch.zeros(8, dtype=torch.int64), generator).x.mT
    knowing = System(Raw(space), Inverse(matrix), process)
    draw = objective.draw(knowing, batch(states, 0, 1, 2, 3, 4, 5), {}, generator)
    loss, logged = objective.loss(knowing, draw)
    assert abs(loss) < 1e-5
    assert logged["fidelity"] == 1 - loss
    ignorant = System(Raw(space), Inverse(basis), process)
    loss, _ = objective.loss(ignorant, draw)
    expected = 1 - fidelity(states, states @ matrix.mT).mean()
    torch.testing.assert_close(loss, expected)


def test_a_batch_of_the_infidelity_may_be_cut(generator):
    space, states = Space("states", (4,)), haar(6, 2, generator)
    system = System(Raw(space), UnitaryConfig(1).build(space), ScramblerConfig().build(space, 0))
    objective = InfidelityConfig().build(ScramblerConfig(), 0)
    draw = objective.draw(system, batch(states, 0, 1, 2, 3, 4, 5), {}, generator)
    parts = [{name: tensor[half] for name, tensor in draw.items()} for half in (slice(3), slice(3, 6))]
    losses = [objective.loss(system, part)[0] for part in parts]
    assert objective.splittable
    torch.testing.assert_close(objective.loss(system, draw)[0], torch.stack(losses).mean())


def test_a_count_below_0_is_refused():
    with pytest.raises(UsageError, match="at least 0"):
        ChainSamplingConfig(count=-1)


def test_a_chain_of_other_levels_than_the_process_is_refused():
    space, forward = Space("states", (2,)), ScramblingConfig(4)
    system = System(Raw(space), ChainConfig(3).build(space), forward.build(space, 0))
    with pytest.raises(UsageError, match="n_steps 4"):
        ChainObjectiveConfig().build(forward, 0).check(system)


@pytest.mark.parametrize("config", [ChainObjectiveConfig(), InfidelityConfig()])
def test_objectives_of_states_refuse_images(config):
    system = System(Raw(Space("images", (1, 28, 28))), nn.Identity(), FORWARD.build(Space("states", (2,)), 0))
    with pytest.raises(UsageError, match="takes states"):
        config.build(FORWARD, 0).check(system)
    with pytest.raises(UsageError, match="takes states"):
        ChainSamplingConfig().build(system)


def test_a_circuit_may_be_trained_on_more_inputs_than_there_are_data():
    system, data = chain_system(), items(5)
    objective = ChainObjectiveConfig(inputs=11).build(FORWARD, 0)
    kept = objective.prepare(system, data, 5, derived(4))
    assert torch.equal(kept["inputs"], haar(11, 1, derived(4)))
    loss, _ = objective.loss(system, objective.draw(system, batch(data, 0, 1), kept, derived(5)))
    states, probabilities = system.denoiser.branches(kept["inputs"], 2)
    torch.testing.assert_close(loss, mmd(states, kept["targets"][:2], first_probabilities=probabilities))
    with pytest.raises(UsageError, match="inputs is 0"):
        ChainObjectiveConfig(inputs=0)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"loss": "sinkhorn", "regularisation": 0.0}, r"regularisation is 0\.0, but must be at least 0\.01"),
        ({"regularisation": math.nan}, "regularisation is nan"),
        ({"order": "joint", "inputs": 5}, "inputs is 5, but must be None where all levels learn at once"),
        ({"pool": 5}, "pool is 5, but must be None, or inputs be given, too"),
        ({"inputs": 5, "pool": 4}, "pool is 4, but must be from inputs = 5 to"),
        ({"order": "joint", "pool": 5}, "pool is 5, but must be None where all levels learn at once"),
        ({"loss": "mmd-unbiased", "inputs": 1}, "at least 2 for an unbiased MMD"),
        ({"order": "joint", "warm": True}, "warm is True, but must be false"),
        ({"loss": "kl"}, "loss is kl, but must be one of mmd, "),
        ({"outcomes": "some"}, "outcomes is some, but must"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_chains_are_refused(fields, sentence):
    with pytest.raises(UsageError, match=sentence):
        ChainObjectiveConfig(**fields)


def test_a_shared_circuit_is_not_trained_level_by_level():
    space = Space("states", (2,))
    system = System(Raw(space), ChainConfig(3, time="shared").build(space), FORWARD.build(space, 0))
    with pytest.raises(UsageError, match="has 1 for all; choose the order joint"):
        ChainObjectiveConfig().build(FORWARD, 0).check(system)


def test_bitstrings_of_density_matrices_are_refused():
    with pytest.raises(UsageError, match="choose another loss"):
        ChainObjectiveConfig("mmd-bitstrings").build(DepolarisingConfig(3), 0).check(mixed_system())
