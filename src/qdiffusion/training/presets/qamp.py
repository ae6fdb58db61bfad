"""QAMP 2025: a hybrid U-Net whose bottleneck is circuits, on amplitudes of 16×16 digits."""

from functools import partial

from qdiffusion.data.config import ImagesConfig
from qdiffusion.diffusion.amplitude_config import AmplitudeNoiseConfig
from qdiffusion.diffusion.state_objective_config import ChainSamplingConfig, InfidelityConfig
from qdiffusion.metrics.amplitude_config import AmplitudesEvaluationConfig
from qdiffusion.models.amplitude_config import QAMPConfig
from qdiffusion.models.codec_config import AmplitudesConfig
from qdiffusion.training.config import AdamConfig, EMAConfig, RateConfig
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.presets.preset import Preset

BATCH = 32
"""Images a step, each at all ten noise levels."""


def qamp(name: str, classes: tuple[int, ...] | None, images: int, model: QAMPConfig) -> Experiment:
    """One hundred epochs, Adam at 1e-3, times 0.97 every ten epochs."""
    epoch = images // BATCH
    return Experiment(
        name=name,
        data=ImagesConfig("mnist-subset", classes=classes, size=16),
        codec=AmplitudesConfig(),
        forward=AmplitudeNoiseConfig(),
        model=model,
        stages=(
            Stage(
                "train",
                100 * epoch,
                BATCH,
                objective=InfidelityConfig(every_level=True),
                optimiser=AdamConfig(betas=(0.9, 0.999), rate=RateConfig(decay="step", every=10 * epoch)),
                ema=EMAConfig(decay=0.0),
            ),
        ),
        sampling=ChainSamplingConfig(),
        evaluation=AmplitudesEvaluationConfig(count=500),
        log_every=epoch,
        checkpoint_every=10 * epoch,
    )


QAMP = (
    Preset(
        "qamp-binary",
        "QAMP: circuits of 4 qubits in the bottleneck of a U-Net, zeros and ones",
        partial(qamp, "qamp-binary", (0, 1), 2000, QAMPConfig()),
    ),
    Preset("qamp-ten", "the same on all ten digits", partial(qamp, "qamp-ten", None, 10_000, QAMPConfig())),
    Preset(
        "qamp-released",
        "QAMP as the public program runs it, 861,104 parameters, on all ten digits",
        partial(qamp, "qamp-released", None, 10_000, QAMPConfig(variant="released")),
    ),
)
