"""How labels count in sampling."""

import pytest
import torch

from diffusion_toys import Bare, Function, gaussian
from qdiffusion.data import Space
from qdiffusion.diffusion import ChainSamplingConfig, ScheduleConfig, SchedulerConfig, System
from qdiffusion.diffusion.guidance import guided_states
from qdiffusion.diffusion.state_config import ScramblingConfig
from qdiffusion.errors import UsageError
from qdiffusion.models import ChainConfig, RawConfig
from qdiffusion.states import fidelity

SAMPLERS = ("ddpm", "ddim", "dpmpp")
N_CLASSES = 3
LABELS = torch.tensor([2, 0, 1, 1])
NONE = torch.full((4,), N_CLASSES)


def answer(x, t, labels):
    """Each label pulls another way; N_CLASSES is the label of none."""
    return torch.tanh(x) + torch.tensor([0.5, -0.3, 0.1, 0.0])[labels].view(-1, 1)


def draw(config: SchedulerConfig, labels: torch.Tensor | None, answer=answer, n_classes: int = N_CLASSES):
    denoiser = Function(answer, n_classes)
    system = System(Bare(5), denoiser, gaussian(ScheduleConfig("cosine", 40)))
    return config.build(system)(system, 4, torch.Generator().manual_seed(2), labels), denoiser.calls


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_guidance_0_is_the_unconditional_denoiser_exactly(sampler):
    without, _ = draw(SchedulerConfig(sampler, 6), None)
    ignored, calls = draw(SchedulerConfig(sampler, 6, guidance=0.0), LABELS)
    assert torch.equal(ignored, without)
    assert len(calls) == 6
    assert all(torch.equal(labels, NONE) for _, _, labels in calls)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_guidance_1_is_the_conditional_denoiser_exactly(sampler):
    guided, calls = draw(SchedulerConfig(sampler, 6), LABELS)
    expected, _ = draw(SchedulerConfig(sampler, 6), None, lambda x, t, labels: answer(x, t, LABELS))
    assert torch.equal(guided, expected)
    assert not torch.equal(guided, draw(SchedulerConfig(sampler, 6), None)[0])
    assert len(calls) == 6
    assert all(torch.equal(labels, LABELS) for _, _, labels in calls)


@pytest.mark.parametrize("guidance", [0.5, 2.5, 7.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_batch_of_both_equals_two_calls(sampler, guidance):
    """output(none) + g (output(labels) - output(none)), Ho and Salimans 2022."""

    def combined(x, t, labels):
        without, told = answer(x, t, NONE), answer(x, t, LABELS)
        return without + guidance * (told - without)

    guided, calls = draw(SchedulerConfig(sampler, 6, guidance=guidance), LABELS)
    torch.testing.assert_close(guided, draw(SchedulerConfig(sampler, 6), None, combined)[0])
    assert [len(x) for x, _, _ in calls] == [8] * 6
    assert all(torch.equal(labels, torch.cat([LABELS, NONE])) for _, _, labels in calls)


def test_samples_go_where_their_labels_pull_and_guidance_exaggerates_it():
    """ε shifted by s moves x0 by -s σ/α: a label that adds to ε takes away from x."""
    means = [draw(SchedulerConfig("ddim", 10, guidance=g), torch.zeros(4).long())[0].mean() for g in (0.0, 1.0, 2.0)]
    assert means[0] > means[1] > means[2]


def test_a_denoiser_without_classes_is_shown_no_labels():
    _, calls = draw(SchedulerConfig("ddim", 3), None, lambda x, t, labels: x, n_classes=0)
    assert [labels for _, _, labels in calls] == [None] * 3


@pytest.mark.parametrize(
    ("n_classes", "guidance", "labels", "sentence"),
    [
        (0, 1.0, LABELS, "given labels, but the denoiser knows no classes"),
        (0, 2.5, None, "given guidance 2.5, but the denoiser knows no classes"),
        (0, 0.0, None, "given guidance 0, but the denoiser knows no classes"),
        (N_CLASSES, 2.5, None, "guidance 2.5 without labels"),
    ],
)
def test_labels_and_guidance_that_mean_nothing_are_refused(n_classes, guidance, labels, sentence):
    def never(x, t, labels):
        raise AssertionError("the denoiser was asked")

    with pytest.raises(UsageError, match=sentence):
        draw(SchedulerConfig("ddim", 3, guidance=guidance), labels, never, n_classes)


def states_of(labels: torch.Tensor | None) -> torch.Tensor:
    """A state for each label, with a phase of its own that means nothing; N_CLASSES is that of none."""
    angle = torch.tensor([0.3, 0.7, 1.1, 0.5], dtype=torch.float64)[labels]
    phase = torch.exp(1j * torch.tensor([1.0, 2.0, 3.0, 0.4], dtype=torch.float64))[labels]
    return phase[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)


@pytest.mark.parametrize("guidance", [0.0, 0.5, 1.0, 3.0])
def test_guided_states_go_on_along_the_circle_whatever_their_phases(guidance):
    """Of real states at angles a (none) and b, up to phases: the direction of a + g (b - a) as vectors."""

    def denoiser(x, t, labels, return_dict, generator):
        return (states_of(labels),)

    denoiser.n_classes, denoiser.null_label = N_CLASSES, True
    found = guided_states(denoiser, states_of(NONE), 0, LABELS, guidance, torch.Generator())
    none, told = (torch.polar(torch.ones(4, dtype=torch.float64), each) for each in angles_of())
    expected = torch.view_as_real(none + guidance * (told - none)).to(torch.complex128)
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(fidelity(expected, found), torch.ones(4, dtype=torch.float64))


def angles_of() -> tuple[torch.Tensor, torch.Tensor]:
    angle = torch.tensor([0.3, 0.7, 1.1, 0.5], dtype=torch.float64)
    return angle[NONE], angle[LABELS]


@pytest.mark.parametrize("guidance", [0.0, 1.0, 3.0])
def test_what_cannot_do_without_labels_is_guided_away_from_the_mean_of_its_classes(guidance):
    """Of real states at angles a_c, up to phases: m + g (e_y - m), m their mean as vectors."""

    def denoiser(x, t, labels, return_dict, generator):
        assert (labels < N_CLASSES).all()
        return (states_of(labels),)

    denoiser.n_classes, denoiser.null_label = N_CLASSES, False
    found = guided_states(denoiser, states_of(NONE), 0, LABELS, guidance, torch.Generator())
    angle = torch.tensor([0.3, 0.7, 1.1], dtype=torch.float64)
    vectors = torch.stack([angle.cos(), angle.sin()], dim=1)
    mean = vectors.mean(0)
    expected = mean + guidance * (vectors[LABELS] - mean)
    expected = (expected / expected.norm(dim=1, keepdim=True)).to(torch.complex128)
    torch.testing.assert_close(fidelity(expected, found), torch.ones(4, dtype=torch.float64))


def test_guidance_of_drawn_outcomes_needs_a_denoiser_that_can_do_without_labels():
    space = Space("states", (4,), (0, 1))
    forward = ScramblingConfig(timesteps=2)
    chain = ChainConfig(n_steps=2, conditional=True).build(space)
    system = System(RawConfig().build(space), chain, forward.build(space, 0))
    with pytest.raises(UsageError, match=r"Guidance 2 compares .* ChainDenoiser cannot do without"):
        ChainSamplingConfig(guidance=2.0).build(system)


def test_guidance_of_a_denoiser_without_classes_is_refused_before_sampling():
    system = System(Bare(5), Function(answer), gaussian(ScheduleConfig("cosine", 40)))
    with pytest.raises(UsageError, match=r"given guidance 2\.5, but the denoiser knows no classes"):
        SchedulerConfig("ddim", 3, guidance=2.5).build(system)
