"""Images from noise: a denoiser, a scheduler, a loop."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from qdiffusion.diffusion.config import ScheduleConfig
from qdiffusion.errors import UsageError

if TYPE_CHECKING:
    from diffusers import DPMSolverMultistepScheduler, SchedulerMixin

    from qdiffusion.diffusion.schedulers import TrailingDDIMScheduler, TrailingDDPMScheduler


def _ddpm(common: dict[str, Any], clip: bool) -> "TrailingDDPMScheduler":
    from qdiffusion.diffusion.schedulers import TrailingDDPMScheduler

    return TrailingDDPMScheduler(**common, variance_type="fixed_small", clip_sample=clip)


def _ddim(common: dict[str, Any], clip: bool) -> "TrailingDDIMScheduler":
    from qdiffusion.diffusion.schedulers import TrailingDDIMScheduler

    return TrailingDDIMScheduler(**common, clip_sample=clip)


def _dpmpp(common: dict[str, Any], clip: bool) -> "DPMSolverMultistepScheduler":
    from diffusers import DPMSolverMultistepScheduler

    return DPMSolverMultistepScheduler(
        **common,
        algorithm_type="dpmsolver++",
        solver_order=2,
        # With a ceiling of 1 dynamic thresholding is plain clipping to ±1, which this scheduler has no name for.
        thresholding=clip,
        sample_max_value=1.0,
        # log √(ᾱ/(1-ᾱ)) below which the cosine schedule is pure noise, and steps in log-SNR are huge.
        lambda_min_clipped=-5.1,
    )


_BUILDERS: dict[str, Callable[[dict[str, Any], bool], "SchedulerMixin"]] = {
    "ddpm": _ddpm,
    "ddim": _ddim,
    "dpmpp": _dpmpp,
}
SAMPLERS = tuple(_BUILDERS)


def make_scheduler(name: str, schedule: ScheduleConfig, clip: bool = True) -> "SchedulerMixin":
    """The diffusers scheduler of a sampler, for an ε-predicting model.

    ddpm: ancestral sampling with the true posterior variance β̃_t (Ho et al. 2020, eq. 7).
    ddim: its deterministic counterpart, first order (Song et al. 2021, eq. 12, η = 0).
    dpmpp: DPM-Solver++ (2M), second order: fewest steps (Lu et al. 2022, algorithm 2).

    Args:
        name: one of `SAMPLERS`.
        schedule: the noise schedule that the model was trained with.
        clip: clip the predicted x₀ to [-1, 1] in every step.

    Raises:
        UsageError: there is no such sampler.
    """
    if name not in _BUILDERS:
        raise UsageError(f"There is no sampler {name!r}; choose one of {', '.join(SAMPLERS)}.")
    common = {"num_train_timesteps": schedule.timesteps, "trained_betas": schedule.betas().numpy()}
    return _BUILDERS[name](common, clip)


def set_timesteps(scheduler: "SchedulerMixin", steps: int, device: torch.device | str = "cpu") -> None:
    """Choose the noise levels of `steps` denoising steps.

    Raises:
        UsageError: steps is out of range for the scheduler.
    """
    levels = scheduler.config.num_train_timesteps
    if not 1 <= steps <= levels:
        raise UsageError(f"Sampling got {steps} steps; give 1 to {levels}, the noise levels of the training.")
    if not _distinct(scheduler, steps, device):
        fewer = next(count for count in range(steps - 1, 0, -1) if _distinct(scheduler, count, device))
        raise UsageError(f"This sampler cannot tell {steps} steps apart on {levels} noise levels; give {fewer}, say.")


def _distinct(scheduler: "SchedulerMixin", steps: int, device: torch.device | str) -> bool:
    scheduler.set_timesteps(steps, device=device)
    return len(set(scheduler.timesteps.tolist())) == steps


@torch.no_grad()
def sample(
    model: nn.Module,
    scheduler: "SchedulerMixin",
    shape: tuple[int, ...],
    steps: int,
    generator: torch.Generator,
    class_labels: Int64[Tensor, " n"] | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Float[Tensor, "n c h w"]:
    """New images: start from noise, and let the model and the scheduler take it away in `steps` steps.

    Args:
        model: a denoiser with diffusers' signature; x lives on its device, in its dtype.
        scheduler: from `make_scheduler`, or any of diffusers' that accepts a generator.
        shape: (N, C, H, W) of the images.
        steps: denoising steps, 1 … T.
        generator: draws the first noise, then that of each step.
        class_labels: (N,) labels, handed to the model.
        on_step: called with the number of steps done, from 0 on, and x, (N, C, H, W).

    Returns:
        (N, C, H, W), near [-1, 1] for a model of images; not clipped.

    Raises:
        UsageError: steps is out of range for the scheduler.
    """
    from diffusers.utils.torch_utils import randn_tensor

    like = next(model.parameters(), torch.empty(0))
    set_timesteps(scheduler, steps, like.device)
    x = randn_tensor(shape, generator=generator, device=like.device, dtype=like.dtype)
    x = x * scheduler.init_noise_sigma
    if on_step is not None:
        on_step(0, x)
    for done, t in enumerate(scheduler.timesteps, start=1):
        predicted = model(scheduler.scale_model_input(x, t), t, class_labels, return_dict=False)[0]
        x = scheduler.step(predicted, t, x, generator=generator, return_dict=False)[0]
        if on_step is not None:
            on_step(done, x)
    return x
