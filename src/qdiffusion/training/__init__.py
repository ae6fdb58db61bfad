"""Experiments, their training, and what is made of a run: samples and scores."""

from qdiffusion.runs.description import Description
from qdiffusion.training.describe import describe
from qdiffusion.training.evaluation import evaluate_run
from qdiffusion.training.experiment import (
    AdamConfig,
    EMAConfig,
    EvaluationConfig,
    Experiment,
    SamplingConfig,
    Stage,
    from_json,
    to_json,
)
from qdiffusion.training.interruption import Interrupted
from qdiffusion.training.loop import resume, train
from qdiffusion.training.presets import PRESETS, Preset, get_preset
from qdiffusion.training.progress import Progress, RichProgress
from qdiffusion.training.sampling import sample_run

__all__ = [
    "PRESETS",
    "AdamConfig",
    "Description",
    "EMAConfig",
    "EvaluationConfig",
    "Experiment",
    "Interrupted",
    "Preset",
    "Progress",
    "RichProgress",
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
