"""Cacioppo et al. 2023: circuits that are themselves the denoiser, of images, of latents and of latents with labels."""

from functools import partial

from qdiffusion.data.config import ImagesConfig
from qdiffusion.diffusion.amplitude_config import AmplitudeNoiseConfig
from qdiffusion.diffusion.state_objective_config import ChainSamplingConfig, InfidelityConfig
from qdiffusion.metrics.amplitude_config import AmplitudesEvaluationConfig
from qdiffusion.models.codec_config import AmplitudesConfig, AutoencoderConfig
from qdiffusion.models.qdm_config import NNCPQCConfig, QDMConfig
from qdiffusion.training.config import AdamConfig, EMAConfig, RateConfig
from qdiffusion.training.experiment import Experiment, Model, Optimiser, Stage
from qdiffusion.training.presets.latent import AUTOENCODER
from qdiffusion.training.presets.preset import Preset

BATCH = 64


def denoising(steps: int, batch_size: int, optimiser: Optimiser) -> Stage:
    """So many images a step, each at every level."""
    objective, ema = InfidelityConfig(every_level=True), EMAConfig(decay=0.0)
    return Stage("circuits", steps, batch_size, objective=objective, optimiser=optimiser, ema=ema)


def published(images: int, epochs: int, learning_rate: float) -> Stage:
    """The rate falls times 0.97 every ten epochs."""
    epoch = images // BATCH
    rate = RateConfig(decay="step", every=10 * epoch)
    return denoising(epochs * epoch, BATCH, AdamConfig(learning_rate, betas=(0.9, 0.999), rate=rate))


def full(name: str, model: Model) -> Experiment:
    """Zeros and ones of 16×16 pixels as the amplitudes of 8 qubits, the authors' 2,000 epochs at 5e-5.

    Their weight decay of 1e-5 would pull angles, which are periodic, to 0, and is left out.
    """
    return Experiment(
        name=name,
        data=ImagesConfig("mnist-subset", classes=(0, 1), size=16),
        codec=AmplitudesConfig(),
        forward=AmplitudeNoiseConfig(first=1e-2, last=1e-2),
        model=model,
        stages=(published(2000, 2000, 5e-5),),
        sampling=ChainSamplingConfig(),
        evaluation=AmplitudesEvaluationConfig(count=500),
        log_every=31,
        checkpoint_every=310,
    )


def latent(name: str, conditional: bool) -> Experiment:
    """Ten digits in an autoencoder's latent of 8 numbers, the amplitudes of 3 qubits."""
    return Experiment(
        name=name,
        codec=AutoencoderConfig(latent=8, width=16, space="states"),
        forward=AmplitudeNoiseConfig(first=1e-2, last=1e-2),
        model=QDMConfig(n_layers=5, conditional=conditional),
        stages=(
            AUTOENCODER,
            published(10_000, 10, 1e-2),
        ),
        sampling=ChainSamplingConfig(),
        evaluation=AmplitudesEvaluationConfig(count=1000),
    )


QDM = (
    Preset(
        "qdm-full",
        "Cacioppo: circuits on 8 qubits denoise zeros and ones of 16×16 pixels, with no network around them",
        partial(full, "qdm-full", QDMConfig(n_layers=4)),
    ),
    Preset(
        "qdm-nncpqc",
        "the same, half of the angles by a network of the noisy state",
        partial(full, "qdm-nncpqc", NNCPQCConfig()),
    ),
    Preset(
        "qdm-latent",
        "Cacioppo: circuits on 3 qubits denoise an autoencoder's latents, ten digits",
        partial(latent, "qdm-latent", False),
    ),
    Preset(
        "qdm-conditioned",
        "the same with label qubits, told which digit",
        partial(latent, "qdm-conditioned", True),
    ),
)
