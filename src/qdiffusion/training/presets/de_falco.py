"""De Falco et al. 2024: the classical U-Net, QVU-Nets, QuanvU-Nets and transfer learning, trained as published."""

import math
from functools import partial

from qdiffusion.data.config import ImagesConfig
from qdiffusion.diffusion.config import SchedulerConfig
from qdiffusion.models.config import QuanvUNetConfig, QVUNetConfig, UNetConfig
from qdiffusion.training.config import AdamConfig
from qdiffusion.training.experiment import Experiment, Model, Stage
from qdiffusion.training.presets.preset import Preset

IN_TURNS = AdamConfig(circuit_rate=2 * math.pi)
"""The program of De Falco et al. 2024 trains θ of angles 2πθ, with the learning rate of everything else."""
VERTEX = ("denoiser.vertex_*",)
"""What a transfer does not take over."""


def published(name: str, model: Model) -> Experiment:
    """The training of De Falco et al. 2024, section 4: 9,375 steps of 128 images; scored when asked to be."""
    return Experiment(name=name, model=model, stages=(Stage(optimiser=IN_TURNS),))


def transfer(name: str, data: str, model: Model, steps: tuple[int, int]) -> Experiment:
    """Transfer learning, De Falco et al. 2024, section 4.3: a classical U-Net first, then `model` with its weights.

    All but the vertex is taken over; Adam and the average start afresh.
    """
    before, after = steps
    classical = Stage("classical", before, optimiser=IN_TURNS)
    hybrid = Stage("transfer", after, optimiser=IN_TURNS, model=model, fresh=VERTEX)
    return Experiment(name, ImagesConfig(data), stages=(classical, hybrid))


def conditional(name: str, model: Model) -> Experiment:
    """The published training with labels, which a tenth of the time are withheld; sampled with guidance 2."""
    return Experiment(
        name=name, model=model, stages=(Stage(optimiser=IN_TURNS),), sampling=SchedulerConfig(guidance=2.0)
    )


MODELS: dict[str, tuple[str, Model]] = {
    "unet-classical": ("the classical U-Net, 483,321 parameters", UNetConfig()),
    "qvunet-1hq": ("QVU-Net, one HQConv circuit at the vertex", QVUNetConfig()),
    "qvunet-1fq": ("QVU-Net, one FQConv circuit at the vertex", QVUNetConfig(ansatz="fqconv")),
    "qvunet-7hq": ("QVU-Net, seven HQConv circuits", QVUNetConfig(circuits=7)),
    "qvunet-7fq": ("QVU-Net, seven FQConv circuits", QVUNetConfig(circuits=7, ansatz="fqconv")),
    "qvunet-full-hq": ("QVU-Net, HQConv on every channel", QVUNetConfig(circuits="full")),
    "qvunet-full-fq": ("QVU-Net, FQConv on every channel", QVUNetConfig(circuits="full", ansatz="fqconv")),
    "qvunet-joint160": (
        "QVU-Net, one HQConv circuit of 160 qubits over all channels",
        QVUNetConfig(circuits="joint"),
    ),
    "quanvunet-hq": ("QuanvU-Net: one HQConv circuit slides over the 14×14 level, too", QuanvUNetConfig()),
    "quanvunet-fq": ("QuanvU-Net with FQConv circuits", QuanvUNetConfig(ansatz="fqconv")),
    "quanvunet-hq-released": (
        "QuanvU-Net as the public program runs it, 473,817 parameters",
        QuanvUNetConfig(variant="released"),
    ),
}
TRANSFERS: dict[str, tuple[str, str, Model, tuple[int, int]]] = {
    "transfer-1fq-mnist": (
        "classical U-Net for 19 epochs, then QVU-Net with one FQConv circuit for 1",
        "mnist",
        QVUNetConfig(ansatz="fqconv"),
        (8906, 469),
    ),
    "transfer-1fq-fashion": (
        "the same on Fashion-MNIST, 18 epochs and 2",
        "fashion-mnist",
        QVUNetConfig(ansatz="fqconv"),
        (8438, 937),
    ),
    "transfer-classical": (
        "the control: classical U-Net for 19 epochs, then another with a fresh vertex for 1",
        "mnist",
        UNetConfig(),
        (8906, 469),
    ),
}
CONDITIONAL: dict[str, tuple[str, Model]] = {
    "unet-conditional": ("the classical U-Net, told the class", UNetConfig(conditional=True)),
    "qvunet-conditional": ("QVU-Net, one HQConv circuit, told the class", QVUNetConfig(conditional=True)),
}

DE_FALCO = (
    *(Preset(name, summary, partial(published, name, model)) for name, (summary, model) in MODELS.items()),
    *(
        Preset(name, summary, partial(transfer, name, data, model, steps))
        for name, (summary, data, model, steps) in TRANSFERS.items()
    ),
    *(Preset(name, summary, partial(conditional, name, model)) for name, (summary, model) in CONDITIONAL.items()),
)
