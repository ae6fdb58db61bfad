"""A training of every family, small enough for tests: what `training_tiny` is to images."""

from dataclasses import replace
from pathlib import Path

from qdiffusion.data import EnsembleConfig
from qdiffusion.diffusion import (
    AmplitudeNoiseConfig,
    DepolarisingConfig,
    GaussianConfig,
    ReconstructConfig,
    ScheduleConfig,
    SchedulerConfig,
)
from qdiffusion.diffusion.sde_config import SDEConfig, SDESamplingConfig
from qdiffusion.diffusion.state_config import ScramblerConfig, ScramblingConfig
from qdiffusion.diffusion.state_objective_config import ChainObjectiveConfig, ChainSamplingConfig, InfidelityConfig
from qdiffusion.metrics import DenoisingEvaluationConfig, LikelihoodEvaluationConfig, StatesEvaluationConfig
from qdiffusion.models import (
    AmplitudesConfig,
    AutoencoderConfig,
    ChainConfig,
    ChannelConfig,
    DensitiesConfig,
    MixedChainConfig,
    MLPConfig,
    QAMPConfig,
    QDMConfig,
    RawConfig,
    UnitaryConfig,
)
from qdiffusion.training import AdamConfig, EMAConfig, Experiment, Stage
from training_tiny import QVUNET, UNET, tiny, write_images

DIRECT = EMAConfig(decay=0.0)
EMA = EMAConfig(start=1, every=1)


def transfer(folder: Path) -> Experiment:
    """A classical U-Net, then a hybrid one with a fresh vertex."""
    hybrid = Stage("transfer", 3, 8, ema=EMA, model=QVUNET, fresh=("denoiser.vertex_*",))
    return _images(folder, "transfer", stages=(Stage("classical", 3, 8, ema=EMA), hybrid), snapshots=(2, 5))


def conditional(folder: Path) -> Experiment:
    """A hybrid U-Net that is told the class."""
    return _images(
        folder,
        "conditional",
        model=replace(QVUNET, conditional=True),
        stages=(Stage(steps=4, batch_size=8, ema=EMA, flips=True, accumulation=2),),
        sampling=SchedulerConfig(steps=2, count=4, guidance=2.0),
    )


def latent(folder: Path) -> Experiment:
    """An autoencoder, then diffusion in its latent."""
    reconstruct = Stage("autoencoder", 3, 8, objective=ReconstructConfig(), train=("codec.*",), ema=DIRECT)
    return _images(
        folder,
        "latent",
        codec=AutoencoderConfig(latent=4, width=4),
        model=MLPConfig(width=16, depth=1),
        stages=(reconstruct, Stage("denoiser", 3, 8, ema=EMA)),
        sampling=SchedulerConfig(steps=2, count=4, clip=False),
    )


def scrambling(folder: Path) -> Experiment:
    """A circuit that is to undo two scramblers, one after the other, with Adam's moments carried over."""
    stages = tuple(
        Stage(
            f"depth-{depth}",
            3,
            4,
            objective=InfidelityConfig(),
            optimiser=AdamConfig(0.05),
            ema=DIRECT,
            forward=ScramblerConfig(depth, salt=depth),
            carry=depth > 1,
        )
        for depth in (1, 2)
    )
    return Experiment(
        name="scrambling",
        data=EnsembleConfig("haar", n_qubits=2, count=4, test_count=4),
        codec=RawConfig(),
        forward=ScramblerConfig(2, salt=2),
        model=UnitaryConfig(n_layers=2),
        stages=stages,
        sampling=ChainSamplingConfig(count=4),
        evaluation=DenoisingEvaluationConfig(count=4),
        snapshots=(3, 6),
        log_every=2,
        checkpoint_every=2,
    )


def chain(folder: Path) -> Experiment:
    """Three measured circuits, trained one after the other."""
    return Experiment(
        name="chain",
        data=EnsembleConfig("cluster", n_qubits=1, count=8, test_count=8),
        codec=RawConfig(),
        forward=ScramblingConfig(timesteps=3),
        model=ChainConfig(n_steps=3, n_ancillas=1, n_layers=2),
        stages=(Stage("chain", 3, 8, objective=ChainObjectiveConfig(), optimiser=AdamConfig(0.01), ema=DIRECT),),
        sampling=ChainSamplingConfig(count=8),
        evaluation=StatesEvaluationConfig(count=8),
        log_every=2,
        checkpoint_every=2,
    )


def mixed_chain(folder: Path) -> Experiment:
    """Density matrices that circuits with a random ancilla make pure, one after the other."""
    made = chain(folder)
    return replace(
        made,
        name="mixed-chain",
        codec=DensitiesConfig(),
        forward=DepolarisingConfig(timesteps=3),
        model=MixedChainConfig(n_steps=3, n_ancillas=2, n_layers=2),
        stages=(replace(made.stages[0], objective=ChainObjectiveConfig(warm=True)),),
    )


def conditional_chain(folder: Path) -> Experiment:
    """One measured circuit for all levels and classes, whose outcomes are drawn."""
    made, objective = chain(folder), ChainObjectiveConfig(order="joint", outcomes="drawn")
    return replace(
        made,
        name="conditional-chain",
        data=replace(made.data, classes=2),
        model=ChainConfig(n_steps=3, n_ancillas=1, n_layers=2, time="shared", conditional=True),
        stages=(replace(made.stages[0], objective=objective),),
    )


def amplitudes(folder: Path) -> Experiment:
    """Images as amplitudes, in QAMP's network, which is told the class."""
    return _images(
        folder,
        "amplitudes",
        codec=AmplitudesConfig(),
        model=QAMPConfig(n_levels=3, n_wires=2, n_layers=1, width=8, n_observables=2),
        stages=(
            Stage(steps=4, batch_size=8, objective=InfidelityConfig(every_level=True), ema=DIRECT, accumulation=2),
        ),
        sampling=ChainSamplingConfig(count=4, stochastic=True),
        forward=AmplitudeNoiseConfig(timesteps=3),
    )


def depolarising(folder: Path) -> Experiment:
    """Density matrices that circuits with an ancilla restore."""
    return Experiment(
        name="depolarising",
        data=EnsembleConfig("cluster", n_qubits=1, count=8, test_count=8),
        codec=DensitiesConfig(),
        forward=DepolarisingConfig(timesteps=3),
        model=ChannelConfig(n_layers=2, n_ancillas=1, n_steps=3),
        stages=(
            Stage(steps=4, batch_size=8, objective=InfidelityConfig(every_level=True), ema=DIRECT, accumulation=2),
        ),
        sampling=ChainSamplingConfig(count=4, renoise=True),
        evaluation=DenoisingEvaluationConfig(count=4),
        log_every=2,
        checkpoint_every=2,
    )


def circuits(folder: Path) -> Experiment:
    """Circuits that denoise an autoencoder's latents, told the class by label qubits that are measured."""
    reconstruct = Stage("autoencoder", 4, 8, objective=ReconstructConfig(), train=("codec.*",), ema=DIRECT)
    denoise = InfidelityConfig(every_level=True, outcomes="drawn")
    return _images(
        folder,
        "circuits",
        codec=AutoencoderConfig(latent=4, width=4, space="states"),
        model=QDMConfig(n_levels=2, n_layers=1, measured="drawn", activation=True, conditional=True),
        stages=(reconstruct, Stage("circuits", 4, 8, objective=denoise, ema=DIRECT, accumulation=2)),
        sampling=ChainSamplingConfig(count=4, guidance=2.0),
        forward=AmplitudeNoiseConfig(timesteps=2),
    )


def continuous(folder: Path) -> Experiment:
    """A classical U-Net that is told a continuous time."""
    return _images(
        folder,
        "continuous",
        forward=SDEConfig(prediction="v"),
        stages=(Stage(steps=4, batch_size=8, ema=EMA, accumulation=2),),
        sampling=SDESamplingConfig("pc", steps=2, count=4),
        evaluation=LikelihoodEvaluationConfig(count=1),
    )


FAMILIES = (
    transfer,
    conditional,
    latent,
    scrambling,
    chain,
    mixed_chain,
    conditional_chain,
    depolarising,
    amplitudes,
    circuits,
    continuous,
)


def _images(folder: Path, name: str, **changes: object) -> Experiment:
    path = folder / "data.npz"
    if not path.exists():
        write_images(path)
    forward = GaussianConfig(ScheduleConfig(timesteps=20))
    return replace(tiny(path), name=name, **{"forward": forward, "log_every": 2, "checkpoint_every": 2, **changes})


__all__ = [
    "FAMILIES",
    "UNET",
    "amplitudes",
    "chain",
    "circuits",
    "conditional",
    "conditional_chain",
    "continuous",
    "depolarising",
    "latent",
    "mixed_chain",
    "scrambling",
    "transfer",
]
