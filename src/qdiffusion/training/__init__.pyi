from .describe import describe
from .evaluation import evaluate_run
from .experiment import (
    AdamConfig,
    EMAConfig,
    EvaluationConfig,
    Experiment,
    SamplingConfig,
    Stage,
    from_json,
    to_json,
)
from .interruption import Interrupted
from .loop import resume, train
from .presets import PRESETS, Preset, get_preset
from .sampling import sample_run

__all__ = [
    "PRESETS",
    "AdamConfig",
    "EMAConfig",
    "EvaluationConfig",
    "Experiment",
    "Interrupted",
    "Preset",
    "SamplingConfig",
    "Stage",
    "describe",
    "evaluate_run",
    "from_json",
    "get_preset",
    "resume",
    "sample_run",
    "to_json",
    "train",
]
