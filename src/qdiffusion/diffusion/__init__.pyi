from .chain import ChainObjective, ChainSampler
from .config import ScheduleConfig
from .gaussian import GaussianProcess
from .infidelity import InfidelityObjective
from .objectives import EpsilonObjective
from .sampling import SAMPLERS, make_scheduler, sample, set_timesteps
from .schedules import cosine_betas, linear_betas
from .scrambler import Scrambler
from .scrambling import Scrambling
from .state_config import ScramblerConfig, ScramblingConfig
from .state_objective_config import ChainObjectiveConfig, ChainSamplingConfig, InfidelityConfig

__all__ = [
    "SAMPLERS",
    "ChainObjective",
    "ChainObjectiveConfig",
    "ChainSampler",
    "ChainSamplingConfig",
    "EpsilonObjective",
    "GaussianProcess",
    "InfidelityConfig",
    "InfidelityObjective",
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
