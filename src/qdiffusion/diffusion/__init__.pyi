from .amplitude_config import AmplitudeNoiseConfig
from .amplitudes import AmplitudeNoise
from .bound import Bound, variational_bound
from .chain import ChainObjective, ChainSampler
from .config import DenoiseConfig, GaussianConfig, ReconstructConfig, ScheduleConfig, SchedulerConfig
from .depolarising import Depolarising
from .depolarising_config import DepolarisingConfig
from .gaussian import GaussianProcess
from .grid import trailing_timesteps
from .infidelity import InfidelityObjective
from .likelihood import Bins, bits_per_dimension, log_likelihood
from .objectives import DenoiseObjective, ReconstructObjective
from .sampling import GaussianSampler
from .schedules import cosine_betas, linear_betas
from .scrambling import Scrambling
from .sde import SDE, VESDE, VPSDE, SubVPSDE
from .sde_config import SDEConfig, SDESamplingConfig
from .sde_sampling import SDESampler
from .state_config import ScramblerConfig, ScramblingConfig
from .state_objective_config import ChainObjectiveConfig, ChainSamplingConfig, InfidelityConfig, UndoConfig
from .system import System

__all__ = [
    "SDE",
    "VESDE",
    "VPSDE",
    "AmplitudeNoise",
    "AmplitudeNoiseConfig",
    "Bins",
    "Bound",
    "ChainObjective",
    "ChainObjectiveConfig",
    "ChainSampler",
    "ChainSamplingConfig",
    "DenoiseConfig",
    "DenoiseObjective",
    "Depolarising",
    "DepolarisingConfig",
    "GaussianConfig",
    "GaussianProcess",
    "GaussianSampler",
    "InfidelityConfig",
    "InfidelityObjective",
    "ReconstructConfig",
    "ReconstructObjective",
    "SDEConfig",
    "SDESampler",
    "SDESamplingConfig",
    "ScheduleConfig",
    "SchedulerConfig",
    "ScramblerConfig",
    "Scrambling",
    "ScramblingConfig",
    "SubVPSDE",
    "System",
    "UndoConfig",
    "bits_per_dimension",
    "cosine_betas",
    "linear_betas",
    "log_likelihood",
    "trailing_timesteps",
    "variational_bound",
]
