from .branching import branch
from .config import AdamConfig, AdamWConfig, EMAConfig, NaturalConfig, RateConfig
from .describe import describe
from .evaluation import evaluate_run
from .experiment import Experiment, Stage, from_json, to_json
from .interruption import Interrupted
from .loop import resume, train
from .presets import PRESETS, Preset, get_preset
from .sampling import sample_run
from .unpacking import unpacked

__all__ = [
    "PRESETS",
    "AdamConfig",
    "AdamWConfig",
    "EMAConfig",
    "Experiment",
    "Interrupted",
    "NaturalConfig",
    "Preset",
    "RateConfig",
    "Stage",
    "branch",
    "describe",
    "evaluate_run",
    "from_json",
    "get_preset",
    "resume",
    "sample_run",
    "to_json",
    "train",
    "unpacked",
]
