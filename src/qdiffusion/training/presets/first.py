"""The first training of a new user."""

from qdiffusion.data.config import ImagesConfig
from qdiffusion.metrics.config import ImagesEvaluationConfig
from qdiffusion.models.config import QVUNetConfig
from qdiffusion.training.config import AdamConfig, EMAConfig
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.presets.preset import Preset


def quickstart() -> Experiment:
    """A small QVU-Net on four digits at 16×16 pixels: minutes on two cores, readable digits."""
    return Experiment(
        name="quickstart",
        data=ImagesConfig(name="mnist-subset", classes=(0, 1, 2, 3), size=16),
        model=QVUNetConfig(dim=16, groups=8, multipliers=(1, 2, 3), heads=2, head_dim=16, ansatz="hqconv"),
        stages=(Stage(steps=1200, batch_size=64, optimiser=AdamConfig(learning_rate=2e-3), ema=EMAConfig(decay=0.95)),),
        evaluation=ImagesEvaluationConfig(count=500),
    )


QUICKSTART = (Preset("quickstart", "small QVU-Net on four digits at 16×16: minutes on two cores", quickstart),)
