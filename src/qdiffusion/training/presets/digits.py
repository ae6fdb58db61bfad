"""The digits that ship with the package: one classical training without labels, then with them, with and without a
circuit."""

import math
from dataclasses import replace
from functools import partial

from qdiffusion.data.config import ImagesConfig
from qdiffusion.diffusion.config import DenoiseConfig, GaussianConfig, SchedulerConfig
from qdiffusion.metrics.config import ImagesEvaluationConfig
from qdiffusion.models.config import QVUNetConfig, UNetConfig
from qdiffusion.training.config import AdamConfig, EMAConfig, RateConfig
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.presets.de_falco import VERTEX
from qdiffusion.training.presets.preset import Preset


def _digits(name: str, told: Stage) -> Experiment:
    """8,000 steps of 64 images: without labels, with them, and at a rate that rises once more."""
    first = Stage(
        steps=5000,
        batch_size=64,
        objective=DenoiseConfig(p2_gamma=0.0),
        optimiser=AdamConfig(2e-3, circuit_rate=2 * math.pi, rate=RateConfig(warmup=100, decay="cosine")),
        ema=EMAConfig(start=100),
    )
    rate = AdamConfig(1.5e-3, circuit_rate=2 * math.pi, rate=RateConfig(warmup=20, decay="cosine"))
    last = replace(first.optimiser, rate=RateConfig(decay="cosine"))
    return Experiment(
        name=name,
        data=ImagesConfig("mnist"),
        forward=GaussianConfig(prediction="v"),
        stages=(
            first,
            replace(first, name=told.name, steps=1000, optimiser=rate, model=told.model, fresh=told.fresh),
            replace(first, name="finish", steps=2000, optimiser=last, carry=True),
        ),
        sampling=SchedulerConfig("dpmpp", steps=20, guidance=2.0),
        evaluation=ImagesEvaluationConfig(count=500),
        checkpoint_every=100,
    )


_LABELS = Stage("labels", model=UNetConfig(conditional=True))
_HYBRID = Stage("hybrid", model=QVUNetConfig(conditional=True), fresh=VERTEX)

DIGITS = (
    Preset("unet-digits", "the classical U-Net that ships, told the class", partial(_digits, "unet-digits", _LABELS)),
    Preset(
        "qvunet-digits",
        "the QVU-Net that ships: one HQConv circuit, told the class",
        partial(_digits, "qvunet-digits", _HYBRID),
    ),
)
