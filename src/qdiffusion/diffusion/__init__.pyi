from .config import ScheduleConfig
from .gaussian import GaussianProcess
from .objectives import EpsilonObjective
from .sampling import SAMPLERS, make_scheduler, sample, set_timesteps
from .schedules import cosine_betas, linear_betas

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
