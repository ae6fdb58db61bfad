"""Our samplers against diffusers' schedulers, given the same noise levels and the same chance."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from diffusion_toys import Bare, Function, gaussian
from qdiffusion.diffusion import ScheduleConfig, SchedulerConfig, System

# diffusers' DPM-Solver++ hands a tensor to np.array in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

PREDICTIONS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}
COUNT, SHAPE = 4, (1, 3, 3)


def answer(x, t, labels):
    """Bounded, of its own for every level, not linear, and so flat that rounding does not grow on the way."""
    return 0.3 * torch.tanh(x) + torch.sin(0.1 * t + torch.arange(9.0).view(SHAPE))


def ddpm(options, clip, levels):
    return DDPMScheduler(**options, variance_type="fixed_small", clip_sample=clip), {"timesteps": levels}, {}


def ddim(options, clip, levels):
    """It can be given no levels, but its own trailing ones are ours where `steps` divides T."""
    scheduler = DDIMScheduler(**options, clip_sample=clip, timestep_spacing="trailing")
    return scheduler, {"num_inference_steps": len(levels)}, {"use_clipped_model_output": True}


def dpmpp(options, clip, levels):
    """With a ceiling of 1 its thresholding is clipping. Given its levels, it has no floor of the log-SNR either."""
    clipping = {"thresholding": clip, "sample_max_value": 1.0}
    scheduler = DPMSolverMultistepScheduler(**options, **clipping, algorithm_type="dpmsolver++", solver_order=2)
    return scheduler, {"timesteps": levels}, {}


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize(
    ("make", "steps"), [(ddpm, 7), (ddpm, 61), (ddim, 2), (ddim, 10), (ddim, 200), (dpmpp, 2), (dpmpp, 7), (dpmpp, 40)]
)
def test_every_step_is_that_of_diffusers(make, steps, clip, prediction, schedule):
    config = ScheduleConfig(schedule, 1000)
    process = gaussian(config, prediction)
    system = System(Bare(*SHAPE), Function(answer), process)
    sampler = SchedulerConfig(make.__name__, steps, clip=clip).build(system)
    ours = {}
    sampler(system, COUNT, torch.Generator().manual_seed(3), on_step=ours.__setitem__)

    options = {"trained_betas": config.betas().numpy(), "prediction_type": PREDICTIONS[prediction]}
    scheduler, grid, extra = make(options, clip, list(sampler.levels))
    # Theirs is float32, in which 1 - ᾱ has three digits at the last levels.
    scheduler.alphas_cumprod = process.alphas_cumprod
    scheduler.set_timesteps(**grid)
    assert scheduler.timesteps.tolist() == list(sampler.levels)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(COUNT, *SHAPE, generator=generator)
    for done, t in enumerate(scheduler.timesteps, start=1):
        x = scheduler.step(answer(x, t, None), t, x, generator=generator, return_dict=False, **extra)[0].float()
        torch.testing.assert_close(ours[done], x, rtol=0, atol=1e-5 * max(1.0, x.abs().max().item()))


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize(("variance", "theirs"), [("posterior", "fixed_small"), ("beta", "fixed_large")])
def test_the_variance_of_an_ancestral_step_is_that_of_diffusers(variance, theirs, schedule):
    """On all levels: the last step starts from level 0, where neither adds noise."""
    config = ScheduleConfig(schedule, 40)
    process = gaussian(config)
    system, ours = System(Bare(*SHAPE), Function(answer), process), {}
    sampler = SchedulerConfig("ddpm", 40, clip=False, variance=variance).build(system)
    sampler(system, COUNT, torch.Generator().manual_seed(3), on_step=ours.__setitem__)
    scheduler = DDPMScheduler(trained_betas=config.betas().numpy(), variance_type=theirs, clip_sample=False)
    scheduler.alphas_cumprod = process.alphas_cumprod
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(COUNT, *SHAPE, generator=generator)
    for done, t in enumerate(sampler.levels, start=1):
        x = scheduler.step(answer(x, t, None), t, x, generator=generator, return_dict=False)[0].float()
        torch.testing.assert_close(ours[done], x, rtol=0, atol=1e-5 * max(1.0, x.abs().max().item()))
