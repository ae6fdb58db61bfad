from .config import ScheduleConfig
from .gaussian import GaussianProcess
from .objectives import EpsilonObjective
from .sampling import SAMPLERS, make_scheduler, sample, set_timesteps
from .schedules import cosine_betas, linear_betas
from .scrambler import Scrambler
from .scrambling import Scrambling
from .state_config import ScramblerConfig, ScramblingConfig

__all__ = [
    "SAMPLERS",
    "EpsilonObjective",
    "GaussianProcess",
    "ScheduleConfig",
    "Scrambler",
    "ScramblerConfig",
    "Scrambling",
    "ScramblingConfig",
    "cosine_betas",
    "linear_betas",
    "make_scheduler",
    "sample",
    "set_timesteps",
]
