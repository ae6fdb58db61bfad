"""Noise on amplitudes: its moments, what it asks of a denoiser, and the objective and sampler that go with it."""

import math

import pytest
import torch
from torch import Tensor, nn

from qdiffusion.data import Space
from qdiffusion.diffusion import AmplitudeNoise, AmplitudeNoiseConfig, ChainSamplingConfig, InfidelityConfig, System
from qdiffusion.diffusion.system import Batch
from qdiffusion.errors import UsageError
from qdiffusion.models import RawConfig, UnitaryConfig
from qdiffusion.states import fidelity, haar, in_phase

STATES = Space("states", (8,))


def process(**options: object) -> AmplitudeNoise:
    return AmplitudeNoiseConfig(**{"timesteps": 4, "first": 0.1, "last": 0.4, **options}).build(STATES, 0)


def states(n: int, generator: torch.Generator) -> Tensor:
    return haar(n, 3, generator).to(torch.complex128)


def test_the_released_schedule_is_ten_of_eleven_points() -> None:
    """β₁ … β₁₀ of QAMP: evenly spaced from 1e-4 towards 0.02, which would be the eleventh."""
    betas = torch.linspace(1e-4, 0.02, 11, dtype=torch.float64)[:10]
    alphas = AmplitudeNoiseConfig().build(STATES, 0).alphas
    torch.testing.assert_close(1 - alphas[1:] / alphas[:-1], betas)


@pytest.mark.parametrize("noise", ["complex", "real"])
@pytest.mark.parametrize(("scale", "energy"), [("literal", {"complex": 16.0, "real": 8.0}), ("unit", 1.0)])
def test_noise_has_the_energy_that_it_says(noise: str, scale: str, energy, generator: torch.Generator) -> None:
    own = process(noise=noise, scale=scale)
    expected = energy[noise] if isinstance(energy, dict) else energy
    drawn = own.noised(states(20_000, generator), torch.zeros(20_000, dtype=torch.int64), generator).noise
    assert own.energy == pytest.approx(expected)
    assert drawn.abs().square().sum(1).mean().item() == pytest.approx(expected, rel=0.02)
    assert (drawn.imag == 0).all() == (noise == "real")


def test_ratios_of_energies_are_met(generator: torch.Generator) -> None:
    """State over noise goes from first to last, evenly in the logarithm, where the noise has unit energy."""
    own = process(schedule="snr", first=10.0, last=0.01, scale="unit")
    alpha = own.alphas[1:]
    torch.testing.assert_close(alpha / (1 - alpha), torch.tensor([10.0, 1.0, 0.1, 0.01], dtype=torch.float64))


def test_the_target_is_the_mean_of_the_level_before(generator: torch.Generator) -> None:
    """Against many chains x̃_{t-1} = √α x̃_{t-2} + √β ε of one x_0 whose x̃_t comes out alike: by regression.

    q(x̃_{t-1} | x̃_t, x_0) is Gaussian, so its mean is the linear regression of x̃_{t-1} - √ᾱ x_0 on x̃_t - √ᾱ x_0.
    """
    own, n, t = process(), 400_000, 2
    alphas = own.alphas
    x0 = states(1, generator)
    parts = torch.randn(2, n, 2, dtype=torch.float64, generator=generator)
    noise = torch.view_as_complex(parts)
    before = alphas[t].sqrt() * x0[0, 0] + (1 - alphas[t]).sqrt() * noise[0]
    step = alphas[t + 1] / alphas[t]
    after = step.sqrt() * before + (1 - step).sqrt() * noise[1]
    centred, seen = before - alphas[t].sqrt() * x0[0, 0], after - alphas[t + 1].sqrt() * x0[0, 0]
    slope = ((centred * seen.conj()).mean() / seen.abs().square().mean()).real
    noised = own.noised(x0, torch.tensor([t]), generator)
    tilde = alphas[t + 1].sqrt() * x0 + (1 - alphas[t + 1]).sqrt() * noised.noise
    mean = alphas[t].sqrt() * x0 + slope * (tilde - alphas[t + 1].sqrt() * x0)
    expected = mean / mean.norm()
    torch.testing.assert_close(own.target(noised), expected, rtol=0, atol=5e-3)
    torch.testing.assert_close(noised.x, tilde / tilde.norm())


def test_the_first_level_asks_for_the_item_and_minus_one_is_it(generator: torch.Generator) -> None:
    own, x0 = process(), states(5, generator)
    level = torch.zeros(5, dtype=torch.int64)
    torch.testing.assert_close(own.target(own.noised(x0, level, generator)), x0)
    torch.testing.assert_close(own.noised(x0, level - 1, generator).x, x0)
    clean = process(prediction="clean")
    assert torch.equal(clean.target(clean.noised(x0, level + 3, generator)), x0)


def test_a_kick_leaves_the_process_at_the_level_before(generator: torch.Generator) -> None:
    """The mean's state, kicked, is distributed as x_{t-1}: equal mean fidelity with x_0, for noise of any energy."""
    for scale in ("literal", "unit"):
        own, n = process(scale=scale), 20_000
        x0 = states(1, generator).expand(n, -1)
        t = torch.full((n,), 2)
        kicked = own.kicked(own.target(own.noised(x0, t, generator)), t, generator)
        straight = own.noised(x0, t - 1, generator).x
        assert fidelity(x0, kicked).mean().item() == pytest.approx(fidelity(x0, straight).mean().item(), abs=0.01)


def test_the_prior_is_haar_or_real(generator: torch.Generator) -> None:
    for noise, expected in (("complex", 1 / 8), ("real", 1 / 8)):
        prior = process(noise=noise).prior((20_000, 8), generator)
        torch.testing.assert_close(prior.norm(dim=1), torch.ones(20_000))
        assert prior[:, 3].abs().square().mean().item() == pytest.approx(expected, rel=0.03)


def system(**options: object) -> System:
    torch.manual_seed(1)
    return System(RawConfig().build(STATES), UnitaryConfig(n_layers=1).build(STATES), process(**options))


def batch(n: int, generator: torch.Generator) -> Batch:
    return Batch(states(n, generator).to(torch.complex64), None, torch.arange(n))


def test_every_level_of_each_item_is_learnt_at_once(generator: torch.Generator) -> None:
    """Rows of an item carry all levels, and the loss of a batch is the mean of its halves'."""
    objective = InfidelityConfig(every_level=True).build(process(), 0)
    own = system()
    draw = objective.draw(own, batch(6, generator), {}, generator)
    assert draw["t"].tolist() == 6 * [[0, 1, 2, 3]]
    whole, logged = objective.loss(own, draw)
    halves = [
        objective.loss(own, {name: each[part] for name, each in draw.items()})[0] for part in (slice(3), slice(3, 6))
    ]
    torch.testing.assert_close(sum(halves) / 2, whole)
    expected = 1 - fidelity(draw["target"].flatten(0, 1), own.denoiser(draw["x"].flatten(0, 1), 0).sample).mean()
    torch.testing.assert_close(whole, expected)
    torch.testing.assert_close(logged["fidelity"], 1 - whole.detach())


def test_relative_infidelities_are_multiples_of_the_identitys(generator: torch.Generator) -> None:
    """1 for a denoiser that leaves states as they are; parts of a batch have the weights of the whole."""
    objective = InfidelityConfig(every_level=True, relative=1.0).build(process(), 0)
    own = system()
    draw = objective.draw(own, batch(6, generator), {}, generator)
    own.denoiser.forward = lambda sample, timestep, labels, return_dict: (sample,)
    torch.testing.assert_close(objective.loss(own, draw)[0], torch.tensor(1.0))
    halves = [{name: each[part] for name, each in draw.items()} for part in (slice(3), slice(3, 6))]
    torch.testing.assert_close(sum(objective.loss(own, half)[0] for half in halves) / 2, torch.tensor(1.0))
    undone = 1 - fidelity(draw["target"], draw["x"])
    torch.testing.assert_close(draw["weight"][0], 1 / undone.mean(0), rtol=1e-4, atol=0)


def test_relative_infidelities_need_every_level() -> None:
    with pytest.raises(UsageError, match=r"relative is 0\.5"):
        InfidelityConfig(relative=0.5)


def test_chains_go_through_every_level_and_stochastic_ones_are_kicked(generator: torch.Generator) -> None:
    own = system()
    seen: dict[bool, list[Tensor]] = {False: [], True: []}
    for stochastic, moments in seen.items():
        sampler = ChainSamplingConfig(stochastic=stochastic).build(own)
        sampler(own, 3, torch.Generator().manual_seed(2), on_step=lambda done, x, kept=moments: kept.append(x))
    assert len(seen[False]) == len(seen[True]) == 5
    # Nothing is added at the end of the stochastic one.
    for before, after in [*zip(seen[False], seen[False][1:], strict=False), seen[True][-2:]]:
        torch.testing.assert_close(fidelity(after, own.denoiser(before, 0).sample), torch.ones(3))
        overlap = (before.conj() * after).sum(1)
        torch.testing.assert_close(overlap, overlap.abs().to(overlap.dtype))
    assert not torch.allclose(seen[True][1], seen[False][1])
    torch.testing.assert_close(seen[True][1].norm(dim=1), torch.ones(3))


class Turned(nn.Module):
    """Real layers, which see phases, and answers turned by another phase at each level: of the same infidelity."""

    n_classes, levels = 0, 1

    def __init__(self, phase: float) -> None:
        super().__init__()
        self.phase = phase
        self.layer = nn.Linear(16, 16)

    def forward(self, sample, timestep, class_labels=None, return_dict=True, generator=None):
        answer = torch.view_as_complex(self.layer(torch.view_as_real(sample).flatten(1)).relu().unflatten(1, (-1, 2)))
        turn = torch.exp(1j * torch.tensor(self.phase * (1 + timestep)))
        return (turn * answer / answer.norm(dim=1, keepdim=True),)


def test_a_phase_that_no_fidelity_sees_changes_no_sample() -> None:
    """Two denoisers whose states differ in their global phases alone send the prior along the same states."""
    drawn = []
    for phase in (0.0, 1.3):
        torch.manual_seed(0)
        own = System(RawConfig().build(STATES), Turned(phase), process())
        drawn.append(ChainSamplingConfig().build(own)(own, 20, torch.Generator().manual_seed(2)))
    torch.testing.assert_close(*drawn)


def test_orthogonal_states_have_no_phase_to_keep() -> None:
    before, x = torch.eye(4, dtype=torch.complex64)[:2], 1j * torch.eye(4, dtype=torch.complex64)[1:3]
    assert torch.equal(in_phase(x, before), x)
    torch.testing.assert_close(in_phase(x, -1j * x), -1j * x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": 0.0}, "first and last"),
        ({"last": 1.0}, "variances above 0 and below 1"),
        ({"schedule": "snr", "first": 0.1, "last": 1.0}, "the last not above the first"),
        ({"schedule": "snr", "first": math.inf, "last": 1.0}, "signal-to-noise ratios"),
        ({"timesteps": 0}, "0 timesteps"),
    ],
)
def test_schedules_without_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        process(**options)


def test_what_are_no_states_is_refused() -> None:
    with pytest.raises(UsageError, match="Noise on amplitudes takes states"):
        AmplitudeNoiseConfig().build(Space("images", (1, 4, 4)), 0)
