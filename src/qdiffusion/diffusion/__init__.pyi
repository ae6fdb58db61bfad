from .config import DenoiseConfig, GaussianConfig, ReconstructConfig, ScheduleConfig, SchedulerConfig
from .gaussian import GaussianProcess
from .grid import trailing_timesteps
from .objectives import DenoiseObjective, ReconstructObjective
from .sampling import GaussianSampler
from .schedules import cosine_betas, linear_betas
from .scrambler import Scrambler
from .scrambling import Scrambling
from .state_config import ScramblerConfig, ScramblingConfig
from .system import System

__all__ = [
    "DenoiseConfig",
    "DenoiseObjective",
    "GaussianConfig",
    "GaussianProcess",
    "GaussianSampler",
    "ReconstructConfig",
    "ReconstructObjective",
    "ScheduleConfig",
    "SchedulerConfig",
    "Scrambler",
    "ScramblerConfig",
    "Scrambling",
    "ScramblingConfig",
    "System",
    "cosine_betas",
    "linear_betas",
    "trailing_timesteps",
]
