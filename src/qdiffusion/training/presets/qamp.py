"""QAMP 2025: a hybrid U-Net whose bottleneck is circuits, on amplitudes of 16×16 digits."""

from dataclasses import replace
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

SIZE = 16
"""Pixels a side: 256 amplitudes."""
THRESHOLDS = QAMPConfig(start="threshold", width=4 * SIZE**2)
"""A decoder that begins by letting all of the noisy state pass, and learns what not to: a network wider than the
published one, which in a hundredth of its steps leaves less noise."""
EPOCHS = 100
TEN_EPOCHS, TEN_DIGITS = 12, 10_000
BATCH, FAST_BATCH = 32, 200
"""Images a step, as published, and where two cores are to be done in minutes."""
FAST_RATE = 3e-3
GUIDANCE = 2.0
"""Of ten digits: as trained, two samples of five are told to be of another class."""


def stage(batch_size: int, epochs: int, steps_per_epoch: int, optimiser: AdamConfig, relative: float = 0.0) -> Stage:
    """Batches of images, each at all ten noise levels."""
    return Stage(
        "train",
        epochs * steps_per_epoch,
        batch_size,
        objective=InfidelityConfig(every_level=True, relative=relative),
        optimiser=optimiser,
        ema=EMAConfig(decay=0.0),
    )


def published(batch_size: int, epochs: int, steps_per_epoch: int) -> Stage:
    """As the public program trains: Adam at 1e-3, times 0.97 every ten epochs."""
    rate = RateConfig(decay="step", every=10 * steps_per_epoch)
    return stage(batch_size, epochs, steps_per_epoch, AdamConfig(betas=(0.9, 0.999), rate=rate))


def fast(batch_size: int, epochs: int, steps_per_epoch: int) -> Stage:
    """At a higher rate, of angles above all, that falls to 0: fewer steps of more images, in a fraction of the time.

    Levels of little noise count more than their infidelities: with these as they are, the last levels stay behind the
    identity map.
    """
    rate = RateConfig(warmup=20, decay="cosine")
    adam = AdamConfig(FAST_RATE, (0.9, 0.999), circuit_rate=5.0, rate=rate)
    return stage(batch_size, epochs, steps_per_epoch, adam, relative=0.5)


def qamp(name: str, data: ImagesConfig, model: QAMPConfig, trained: Stage, steps_per_epoch: int) -> Experiment:
    """One stage, sampled by the chain of its noise levels."""
    return Experiment(
        name=name,
        data=data,
        codec=AmplitudesConfig(),
        forward=AmplitudeNoiseConfig(),
        model=model,
        stages=(trained,),
        sampling=ChainSamplingConfig(),
        evaluation=AmplitudesEvaluationConfig(count=500),
        log_every=steps_per_epoch,
        checkpoint_every=10 * steps_per_epoch,
    )


def binary(name: str) -> Experiment:
    """The packaged zeros and ones."""
    steps = 2000 // FAST_BATCH
    data = ImagesConfig("mnist-subset", classes=(0, 1), size=SIZE)
    return qamp(name, data, QAMPConfig(start="identity"), fast(FAST_BATCH, EPOCHS, steps), steps)


TEN = ImagesConfig("mnist-subset", size=SIZE)
"""The packaged ten digits."""


def ten(name: str) -> Experiment:
    """Ten digits, with the decoder and the training that leave the least noise, guided to their classes."""
    steps = TEN_DIGITS // FAST_BATCH
    made = qamp(name, TEN, THRESHOLDS, fast(FAST_BATCH, TEN_EPOCHS, steps), steps)
    return replace(made, sampling=ChainSamplingConfig(guidance=GUIDANCE))


def released(name: str) -> Experiment:
    """Ten digits, as published."""
    steps = TEN_DIGITS // BATCH
    return qamp(name, TEN, QAMPConfig(variant="released"), published(BATCH, EPOCHS, steps), steps)


QAMP = (
    Preset(
        "qamp-binary",
        "QAMP: circuits of 4 qubits in the bottleneck of a U-Net, zeros and ones",
        partial(binary, "qamp-binary"),
    ),
    Preset(
        "qamp-ten",
        "the same on all ten digits, with a decoder whose thresholds the circuits set, and guidance",
        partial(ten, "qamp-ten"),
    ),
    Preset(
        "qamp-released",
        "QAMP as the public program runs it, 861,104 parameters, on all ten digits",
        partial(released, "qamp-released"),
    ),
)
