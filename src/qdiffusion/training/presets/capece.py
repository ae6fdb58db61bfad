"""Capece 2025: a wider U-Net, trained from scratch, and circuits trained alone in a trained net."""

from dataclasses import replace
from functools import partial

from qdiffusion.data.config import ImagesConfig
from qdiffusion.diffusion.config import DenoiseConfig, GaussianConfig, ScheduleConfig
from qdiffusion.models.capece_config import CapeceConfig
from qdiffusion.models.codec_config import PixelsConfig
from qdiffusion.training.config import AdamConfig, EMAConfig
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.presets.preset import Preset

EPOCH = 937
"""Steps of 64 of the 60,000 images."""
LINEAR = GaussianConfig(ScheduleConfig("linear"))
CIRCUIT = ("denoiser.vertex.circuit.*",)
"""All that learns while a trained net is tuned."""


def stage(name: str, steps: int, batch_size: int = 64) -> Stage:
    """Plain Adam at 1e-4 on the unweighted loss; the weights themselves are sampled."""
    return Stage(
        name,
        steps=steps,
        batch_size=batch_size,
        objective=DenoiseConfig(p2_gamma=0.0),
        optimiser=AdamConfig(learning_rate=1e-4, betas=(0.9, 0.999)),
        ema=EMAConfig(decay=0.0),
    )


def scratch(name: str, model: CapeceConfig) -> Experiment:
    """Twenty epochs, linear schedule (Capece 2025, section 4.3)."""
    return _experiment(name, model, (stage("train", 20 * EPOCH),))


def finetune(name: str, model: CapeceConfig) -> Experiment:
    """A classical net for twenty epochs, then circuits before its vertex's convolutions, which alone learn for five.

    The text names no place for the circuits where all weights of the classical net fit; the program's has it.
    """
    tuned = replace(stage("circuits", 5 * EPOCH), model=model, train=CIRCUIT)
    return _experiment(name, CapeceConfig(), (stage("classical", 20 * EPOCH), tuned))


def _experiment(name: str, model: CapeceConfig, stages: tuple[Stage, ...]) -> Experiment:
    codec = PixelsConfig(scale="unit" if model.variant == "released" else "signed")
    return Experiment(name, ImagesConfig("fashion-mnist"), codec, LINEAR, model, stages)


BEFORE = "circuits_before_convs"
SCRATCH = {
    "capece-classical": ("Capece's U-Net without circuits", CapeceConfig()),
    "capece-hq": (
        "Capece's U-Net, one HQConv circuit in place of a tenth of the vertex",
        CapeceConfig(ansatz="hqconv"),
    ),
    "capece-fq": ("the same with FQConv", CapeceConfig(ansatz="fqconv")),
    "capece-hq-released": (
        "Capece's U-Net as the public program runs it, images in [0, 1]",
        CapeceConfig(ansatz="hqconv", variant="released"),
    ),
    "capece-fq-released": ("the same with FQConv", CapeceConfig(ansatz="fqconv", variant="released")),
}
FINETUNED = {
    "capece-finetune-hq": (
        "Capece's U-Net for 20 epochs, then an HQConv circuit alone for 5",
        CapeceConfig(ansatz="hqconv", variant=BEFORE),
    ),
    "capece-finetune-fq": ("the same with FQConv", CapeceConfig(ansatz="fqconv", variant=BEFORE)),
}
CAPECE = (
    *(Preset(name, summary, partial(scratch, name, model)) for name, (summary, model) in SCRATCH.items()),
    *(Preset(name, summary, partial(finetune, name, model)) for name, (summary, model) in FINETUNED.items()),
)
