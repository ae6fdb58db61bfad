"""How images are destroyed, what a denoiser learns from it, and how it makes new ones."""

from qdiffusion.diffusion.gaussian import GaussianProcess
from qdiffusion.diffusion.objectives import EpsilonObjective
from qdiffusion.diffusion.sampling import SAMPLERS, make_scheduler, sample, set_timesteps
from qdiffusion.diffusion.schedules import ScheduleConfig, cosine_betas, linear_betas

__all__ = [
    "SAMPLERS",
    "EpsilonObjective",
    "GaussianProcess",
    "ScheduleConfig",
    "cosine_betas",
    "linear_betas",
    "make_scheduler",
    "sample",
    "set_timesteps",
]
