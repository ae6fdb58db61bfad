"""Diffusion in the latent of an autoencoder."""

from dataclasses import replace

from qdiffusion.diffusion.config import DenoiseConfig, GaussianConfig, ReconstructConfig, SchedulerConfig
from qdiffusion.diffusion.sde_config import SDEConfig, SDESamplingConfig
from qdiffusion.metrics.config import ImagesEvaluationConfig
from qdiffusion.models.circuit_config import ReuploadingConfig
from qdiffusion.models.codec_config import AutoencoderConfig
from qdiffusion.models.config import MLPConfig
from qdiffusion.training.config import AdamConfig, EMAConfig, RateConfig
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.presets.preset import Preset

AUTOENCODER = Stage(
    "autoencoder",
    1500,
    objective=ReconstructConfig(),
    # The latents' running statistics are those of weights that hardly move any more.
    optimiser=AdamConfig(rate=RateConfig(decay="cosine")),
    train=("codec.*",),
    ema=EMAConfig(decay=0.0),
)


def latent_classical() -> Experiment:
    """Diffusion in the latent of an autoencoder that is trained first."""
    return Experiment(
        name="latent-classical",
        codec=AutoencoderConfig(latent=16, width=16),
        forward=GaussianConfig(prediction="v"),
        model=MLPConfig(),
        stages=(
            AUTOENCODER,
            Stage("denoiser", 6000, objective=DenoiseConfig(p2_gamma=0.0)),
        ),
        sampling=SchedulerConfig(clip=False),
        evaluation=ImagesEvaluationConfig(count=1000),
    )


def score_circuit() -> Experiment:
    """The same in continuous time, 8 numbers, with a circuit as score model: QAMP 2025, section 2.1.4."""
    classical = latent_classical()
    autoencoder, denoiser = classical.stages
    return replace(
        classical,
        name="score-circuit",
        codec=AutoencoderConfig(latent=8, width=16),
        forward=SDEConfig(),
        model=ReuploadingConfig(),
        stages=(
            autoencoder,
            replace(denoiser, steps=3000, optimiser=AdamConfig(1e-2, rate=RateConfig(decay="cosine"))),
        ),
        sampling=SDESamplingConfig("heun", steps=30),
    )


LATENT = (
    Preset("latent-classical", "diffusion in a trained autoencoder's latent of 16 numbers", latent_classical),
    Preset("score-circuit", "a circuit as score model of an SDE, in a trained autoencoder's latent", score_circuit),
)
