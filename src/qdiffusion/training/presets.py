"""Ready experiments. A preset is a function that returns an `Experiment`; any field can be changed afterwards."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from qdiffusion.data import ImagesConfig
from qdiffusion.errors import UsageError
from qdiffusion.models import QVUNetConfig, UNetConfig
from qdiffusion.training.experiment import AdamConfig, EMAConfig, EvaluationConfig, Experiment, Stage


@dataclass(frozen=True)
class Preset:
    """A named experiment: `build()` makes it."""

    name: str
    summary: str
    build: Callable[[], Experiment]


def get_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UsageError: there is none; the sentence lists all of them.
    """
    if name in PRESETS:
        return PRESETS[name]
    close = get_close_matches(name, PRESETS, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise UsageError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.{hint}")


def quickstart() -> Experiment:
    """A small QVU-Net on four digits at 16×16 pixels: minutes on two cores, readable digits."""
    return Experiment(
        name="quickstart",
        data=ImagesConfig(name="mnist-subset", classes=(0, 1, 2, 3), size=16),
        model=QVUNetConfig(dim=16, groups=8, multipliers=(1, 2, 3), heads=2, head_dim=16, ansatz="hqconv"),
        stages=(Stage(steps=1200, batch_size=64, optimiser=AdamConfig(learning_rate=2e-3), ema=EMAConfig(decay=0.95)),),
        evaluation=EvaluationConfig(count=500),
    )


def published(name: str, model: UNetConfig | QVUNetConfig) -> Experiment:
    """The training of De Falco et al. 2024, section 4: 9,375 steps of 128 images; scored when asked to be.

    The released program trains θ of angles 2πθ, with the learning rate of everything else.
    """
    return Experiment(name=name, model=model, stages=(Stage(optimiser=AdamConfig(circuit_rate=2 * math.pi)),))


def _published(name: str, summary: str, model: UNetConfig | QVUNetConfig) -> Preset:
    return Preset(name, summary, partial(published, name, model))


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("quickstart", "small QVU-Net on four digits at 16×16: minutes on two cores", quickstart),
        _published("unet-classical", "the classical U-Net, 483,321 parameters", UNetConfig()),
        _published(
            "qvunet-1hq", "QVU-Net, one HQConv circuit at the vertex", QVUNetConfig(circuits=1, ansatz="hqconv")
        ),
        _published(
            "qvunet-1fq", "QVU-Net, one FQConv circuit at the vertex", QVUNetConfig(circuits=1, ansatz="fqconv")
        ),
        _published("qvunet-7hq", "QVU-Net, seven HQConv circuits", QVUNetConfig(circuits=7, ansatz="hqconv")),
        _published("qvunet-7fq", "QVU-Net, seven FQConv circuits", QVUNetConfig(circuits=7, ansatz="fqconv")),
        _published(
            "qvunet-full-hq", "QVU-Net, HQConv on every channel", QVUNetConfig(circuits="full", ansatz="hqconv")
        ),
        _published(
            "qvunet-full-fq", "QVU-Net, FQConv on every channel", QVUNetConfig(circuits="full", ansatz="fqconv")
        ),
        _published(
            "qvunet-joint160",
            "QVU-Net, one HQConv circuit of 160 qubits over all channels",
            QVUNetConfig(circuits="joint", ansatz="hqconv"),
        ),
    )
}
