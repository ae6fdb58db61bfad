"""Cacioppo et al. 2023: circuits that are themselves the denoiser, of whole images and of latents."""

from dataclasses import dataclass, replace

from qdiffusion.diffusion.amplitude_config import AmplitudeNoiseConfig
from qdiffusion.diffusion.config import DenoiseConfig, GaussianConfig, SchedulerConfig
from qdiffusion.diffusion.state_objective_config import ChainSamplingConfig
from qdiffusion.metrics.config import ImagesEvaluationConfig
from qdiffusion.models.amplitude_config import QAMPConfig
from qdiffusion.models.codec_config import AutoencoderConfig
from qdiffusion.models.config import MLPConfig
from qdiffusion.models.qdm_config import NNCPQCConfig, QDMConfig
from qdiffusion.studies.budget import Budget
from qdiffusion.studies.published import CACIOPPO_TEXT
from qdiffusion.studies.spec import REAL, Claim, Column, Moment, Reference, StudySpec
from qdiffusion.studies.study import Cell, Study, images, moments
from qdiffusion.training.config import AdamConfig, NaturalConfig, RateConfig
from qdiffusion.training.experiment import Experiment, Model, Optimiser, Stage
from qdiffusion.training.presets import get_preset
from qdiffusion.training.presets.qdm import denoising

AUTOENCODER_STEPS = 600
COSINE = RateConfig(decay="cosine")
CIRCUITS = AdamConfig(2e-2, betas=(0.9, 0.999), rate=COSINE)
"""Budgets here are thousandths of the authors' 2,000 epochs: the rate is higher, and falls to 0."""
NETWORKS = AdamConfig(3e-3, betas=(0.9, 0.999), rate=COSINE)
CHAIN = ChainSamplingConfig(count=0)
NATURAL = NaturalConfig(2e-2, betas=(0.9, 0.999), circuit_rate=1.0, rate=COSINE)

_LITERAL = AmplitudeNoiseConfig(first=1e-2, last=1e-2)
_SNR = AmplitudeNoiseConfig(schedule="snr", first=30.0, last=0.1, scale="unit")
_QDM = QDMConfig(n_layers=4)


@dataclass(frozen=True)
class _Full:
    """A column of zeros and ones, whole."""

    label: str
    note: str
    model: Model
    forward: AmplitudeNoiseConfig = _SNR
    optimiser: Optimiser = CIRCUITS


@dataclass(frozen=True)
class _Latent:
    """A column of ten digits in a latent."""

    label: str
    note: str
    sampling: ChainSamplingConfig = CHAIN
    optimiser: Optimiser = CIRCUITS


_FULL = {
    "full": _Full("Full", "8 qubits, no network, the published noise", _QDM, _LITERAL),
    "full-real": _Full("Real noise", "the same", _QDM, replace(_LITERAL, noise="real")),
    "full-snr": _Full("SNR", "noise of the image's energy, from 30 times less to 10 times more", _QDM),
    "full-snr-real": _Full("SNR, real noise", "the same", _QDM, replace(_SNR, noise="real")),
    "full-activation": _Full("Activation", "LeakyReLU between the circuits", replace(_QDM, activation=True)),
    "full-drawn": _Full("Drawn outcomes", "the ancilla is not post-selected", replace(_QDM, measured="drawn")),
    "full-shared": _Full("Shared angles", "one set for all levels", replace(_QDM, time="shared")),
    "nncpqc": _Full(
        "NNCPQC", "half of the angles by a network", NNCPQCConfig(n_pairs=2, n_layers=3), optimiser=NETWORKS
    ),
    "bottleneck": _Full("Bottleneck", "QAMP: 4 qubits within a network", QAMPConfig(), optimiser=NETWORKS),
}
_LATENT = {
    "latent": _Latent("Latent", "3 qubits in an autoencoder's latent, ten digits"),
    "latent-natural": _Latent("Natural gradient", "the same circuits", optimiser=NATURAL),
    "latent-stochastic": _Latent(
        "Stochastic chain",
        "the same circuits, noise added in every step",
        ChainSamplingConfig(count=0, stochastic=True),
    ),
    "conditioned": _Latent("Conditioned", "4 label qubits more"),
}
_CLASSICAL = Column("latent-classical", "Classical latent", "Gaussian diffusion by 1,512 weights, 8 reals")
_SNR_FULL = tuple(key for key, each in _FULL.items() if each.forward == _SNR)

SPEC = StudySpec(
    name="cacioppo",
    title="Cacioppo et al. 2023",
    columns=(
        *(Column(key, each.label, each.note) for key, each in _FULL.items()),
        *(Column(key, each.label, each.note) for key, each in _LATENT.items()),
        _CLASSICAL,
    ),
    moments=(
        Moment(1 / 10, "a tenth of the training"),
        Moment(1 / 2, "half of the training"),
        Moment(1, "all of the training"),
    ),
    claims=(
        Claim("Complex noise is a significant improvement.", ("full",), ("full-real",)),
        Claim("So it is where noise is no stronger than the image.", ("full-snr",), ("full-snr-real",)),
        Claim("A network for half of the angles helps.", ("nncpqc",), ("full-snr",), scores=("infidelity", "fid")),
        Claim("A schedule in SNR does better than the literal β.", ("full-snr",), ("full",), control=True),
        Claim(
            "Leaving states as they are is beaten.",
            ("full-snr", "full-activation", "full-drawn"),
            ("identity",),
            scores=("infidelity",),
            control=True,
        ),
        Claim("So is the best mix with the mean image.", ("full-snr",), ("mix",), scores=("infidelity",), control=True),
        Claim(
            "In the latent, too.", ("latent",), ("identity-latent", "mix-latent"), scores=("infidelity",), control=True
        ),
        Claim(
            "A bottleneck of 4 qubits does as well as 8 qubits that hold the whole image.",
            ("bottleneck",),
            ("full-snr",),
            scores=("infidelity", "fid"),
            control=True,
        ),
        Claim(
            "Circuits do better than a classical latent diffusion of as many parameters.",
            ("latent",),
            ("latent-classical",),
            control=True,
        ),
        Claim(
            "The natural gradient does better than Adam.",
            ("latent-natural",),
            ("latent",),
            scores=("infidelity", "fid"),
            control=True,
        ),
        Claim("Noise added in every step makes better samples.", ("latent-stochastic",), ("latent",), control=True),
    ),
    published=(CACIOPPO_TEXT,),
    scores=("infidelity", "fid", "confident"),
    references=(
        Reference("real-two", "Real zeros and ones", "floor", tuple(_FULL)),
        Reference("identity", "Identity, SNR", "identity", _SNR_FULL, drawn=True),
        Reference("mix", "Best mix, SNR", "mix", _SNR_FULL),
        replace(REAL, columns=(*_LATENT, _CLASSICAL.key)),
        Reference("identity-latent", "Identity, latent", "identity", tuple(_LATENT)),
        Reference("mix-latent", "Best mix, latent", "mix", tuple(_LATENT)),
    ),
    reading=(
        "Infidelity is the mean of 1 - |⟨target|denoised⟩|² over held-out images and noise levels; it can be compared "
        "among columns of one noise alone. Identity leaves the noisy state as it is; the best mix adds the mean "
        "training image. Neither is trained.",
        "Confident is the share of samples that the classifier gives a probability above 0.9. Noise, or one blur for "
        "all, can have 1; so samples are judged by FID.",
    ),
    forward=True,
)


def cacioppo_cell(study: StudySpec, column: str, seed: int, budget: Budget) -> Cell:
    """A column: zeros and ones whole, a fifth of the images, or ten digits in a latent."""
    own = replace(budget, train_size=budget.train_size // 5) if column in _FULL else budget
    made = (_full if column in _FULL else _latent)(column, own)
    lead = made.total_steps - own.steps_at(1)
    experiment = replace(
        made,
        name=f"{study.name}-{column}",
        evaluation=replace(made.evaluation, count=own.samples),
        snapshots=tuple(lead + step for step in moments(study, own)),
        seed=seed,
        log_every=10,
        checkpoint_every=max(50, own.steps_per_epoch),
        track=(),
    )
    return Cell(column, seed, own, experiment, lead=lead)


def _full(column: str, budget: Budget) -> Experiment:
    own = _FULL[column]
    return replace(
        get_preset("qdm-full").build(),
        data=replace(images("mnist", budget), classes=(0, 1), size=16, count=budget.train_size),
        model=own.model,
        forward=own.forward,
        stages=(_circuits(budget, own.optimiser),),
        sampling=CHAIN,
    )


def _latent(column: str, budget: Budget) -> Experiment:
    base = get_preset("qdm-conditioned" if column == "conditioned" else "qdm-latent").build()
    first = replace(base.stages[0], steps=AUTOENCODER_STEPS)
    made = replace(base, data=images("mnist", budget))
    if column in _LATENT:
        own = _LATENT[column]
        return replace(made, stages=(first, _circuits(budget, own.optimiser)), sampling=own.sampling)
    denoise = replace(_circuits(budget, NETWORKS), name="denoiser", objective=DenoiseConfig(p2_gamma=0.0))
    return replace(
        made,
        codec=AutoencoderConfig(latent=8, width=16),
        forward=GaussianConfig(prediction="v"),
        model=MLPConfig(width=16, depth=1),
        stages=(first, denoise),
        sampling=SchedulerConfig(clip=False, count=0),
        evaluation=ImagesEvaluationConfig(),
    )


def _circuits(budget: Budget, optimiser: Optimiser) -> Stage:
    return denoising(budget.steps_at(1), budget.batch_size, optimiser)


CACIOPPO = Study(SPEC, Budget(2000, 10_000, 64, 1000, sampler=None, sampling_steps=None), cacioppo_cell)
