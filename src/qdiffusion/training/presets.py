"""Ready experiments. A preset is a function that returns an `Experiment`; any field can be changed afterwards."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from qdiffusion.data.config import ImagesConfig
from qdiffusion.data.ensemble import EnsembleConfig
from qdiffusion.diffusion.config import DenoiseConfig, GaussianConfig, ReconstructConfig, SchedulerConfig
from qdiffusion.diffusion.state_config import ScramblerConfig, ScramblingConfig
from qdiffusion.diffusion.state_objective_config import ChainObjectiveConfig, ChainSamplingConfig, InfidelityConfig
from qdiffusion.errors import UsageError
from qdiffusion.metrics.config import DenoisingEvaluationConfig, ImagesEvaluationConfig, StatesEvaluationConfig
from qdiffusion.models.circuit_config import ChainConfig, UnitaryConfig
from qdiffusion.models.codec_config import AutoencoderConfig, RawConfig
from qdiffusion.models.config import MLPConfig, QVUNetConfig, UNetConfig
from qdiffusion.training.config import AdamConfig, EMAConfig, RateConfig
from qdiffusion.training.experiment import Experiment, Model, Stage

IN_TURNS = AdamConfig(circuit_rate=2 * math.pi)
"""The program of De Falco et al. 2024 trains θ of angles 2πθ, with the learning rate of everything else."""
DIRECT = EMAConfig(decay=0.0)


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
        evaluation=ImagesEvaluationConfig(count=500),
    )


def published(name: str, model: Model) -> Experiment:
    """The training of De Falco et al. 2024, section 4: 9,375 steps of 128 images; scored when asked to be."""
    return Experiment(name=name, model=model, stages=(Stage(optimiser=IN_TURNS),))


def transfer(name: str, data: str, model: Model, steps: tuple[int, int]) -> Experiment:
    """Transfer learning, De Falco et al. 2024, section 4.3: a classical U-Net first, then `model` with its weights.

    All but the vertex is taken over; Adam and the average start afresh.
    """
    before, after = steps
    classical = Stage("classical", before, optimiser=IN_TURNS)
    hybrid = Stage("transfer", after, optimiser=IN_TURNS, model=model, fresh=("denoiser.vertex_*",))
    return Experiment(name, ImagesConfig(data), stages=(classical, hybrid))


def conditional(name: str, model: Model) -> Experiment:
    """The published training with labels, which a tenth of the time are withheld; sampled with guidance 2."""
    return Experiment(
        name=name, model=model, stages=(Stage(optimiser=IN_TURNS),), sampling=SchedulerConfig(guidance=2.0)
    )


def latent_classical() -> Experiment:
    """Diffusion in the latent of an autoencoder that is trained first."""
    return Experiment(
        name="latent-classical",
        codec=AutoencoderConfig(latent=16, width=16),
        forward=GaussianConfig(prediction="v"),
        model=MLPConfig(),
        stages=(
            Stage(
                "autoencoder",
                1500,
                objective=ReconstructConfig(),
                # The latents' running statistics are those of weights that hardly move any more.
                optimiser=AdamConfig(rate=RateConfig(decay="cosine")),
                train=("codec.*",),
                ema=DIRECT,
            ),
            Stage("denoiser", 6000, objective=DenoiseConfig(p2_gamma=0.0)),
        ),
        sampling=SchedulerConfig(clip=False),
        evaluation=ImagesEvaluationConfig(count=1000),
    )


def scrambling_4q_logged() -> Experiment:
    """The research log's curriculum: ten Haar states, six scramblers of growing depth, Adam's moments carried over.

    The log does not say Adam's learning rate; 1e-3 gives the fidelities that it reports, .1 to .3.
    """
    depths = range(2, 13, 2)
    return Experiment(
        name="scrambling-4q-logged",
        data=EnsembleConfig("haar", n_qubits=4, count=10, test_count=50),
        codec=RawConfig(),
        forward=ScramblerConfig(depth=depths[-1]),
        model=UnitaryConfig(n_layers=7),
        stages=tuple(
            Stage(
                f"depth-{depth}",
                steps=100,
                batch_size=10,
                objective=InfidelityConfig(),
                optimiser=AdamConfig(betas=(0.9, 0.999)),
                ema=DIRECT,
                forward=ScramblerConfig(depth, salt=depth),
                carry=depth > depths[0],
            )
            for depth in depths
        ),
        sampling=ChainSamplingConfig(count=50),
        evaluation=DenoisingEvaluationConfig(count=50),
        snapshots=tuple(range(100, 601, 100)),
        checkpoint_every=100,
    )


def quddpm_cluster1() -> Experiment:
    """QuDDPM (Zhang et al. 2024): one qubit, a cluster of states around |0⟩, 20 circuits, one after the other.

    Theirs but for the learning rate (at 5e-4 a round has not converged after its 2,001 steps) and for 1,000 inputs,
    not 100, a circuit. Scored with 1,000 states, since among 100 even data have an MMD of .0006 from other data.
    """
    return Experiment(
        name="quddpm-cluster1",
        data=EnsembleConfig("cluster", n_qubits=1, spread=0.08, count=100, test_count=1000),
        codec=RawConfig(),
        forward=ScramblingConfig(timesteps=20, strength=(1.0, 4.0)),
        model=ChainConfig(n_steps=20, n_ancillas=1, n_layers=4),
        stages=(
            Stage(
                "chain",
                steps=2001,
                batch_size=100,
                objective=ChainObjectiveConfig(inputs=1000),
                optimiser=AdamConfig(learning_rate=2e-2, betas=(0.9, 0.999)),
                ema=DIRECT,
            ),
        ),
        sampling=ChainSamplingConfig(count=100),
        evaluation=StatesEvaluationConfig(count=1000),
        log_every=100,
        checkpoint_every=2001,
    )


def _published(name: str, summary: str, model: Model) -> Preset:
    return Preset(name, summary, partial(published, name, model))


def _transfer(name: str, summary: str, data: str, model: Model, steps: tuple[int, int]) -> Preset:
    return Preset(name, summary, partial(transfer, name, data, model, steps))


def _conditional(name: str, summary: str, model: Model) -> Preset:
    return Preset(name, summary, partial(conditional, name, model))


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
        _transfer(
            "transfer-1fq-mnist",
            "classical U-Net for 19 epochs, then QVU-Net with one FQConv circuit for 1",
            "mnist",
            QVUNetConfig(ansatz="fqconv"),
            (8906, 469),
        ),
        _transfer(
            "transfer-1fq-fashion",
            "the same on Fashion-MNIST, 18 epochs and 2",
            "fashion-mnist",
            QVUNetConfig(ansatz="fqconv"),
            (8438, 937),
        ),
        _transfer(
            "transfer-classical",
            "the control: classical U-Net for 19 epochs, then another with a fresh vertex for 1",
            "mnist",
            UNetConfig(),
            (8906, 469),
        ),
        _conditional("unet-conditional", "the classical U-Net, told the class", UNetConfig(conditional=True)),
        _conditional(
            "qvunet-conditional", "QVU-Net, one HQConv circuit, told the class", QVUNetConfig(conditional=True)
        ),
        Preset("latent-classical", "diffusion in a trained autoencoder's latent of 16 numbers", latent_classical),
        Preset("scrambling-4q-logged", "a circuit that is to undo scramblers of growing depth", scrambling_4q_logged),
        Preset(
            "quddpm-cluster1", "QuDDPM: 20 measured circuits that make a cluster of one-qubit states", quddpm_cluster1
        ),
    )
}
