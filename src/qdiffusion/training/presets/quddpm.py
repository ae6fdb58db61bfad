"""QuDDPM (Zhang et al. 2024, arXiv 2310.05866): chains of measured circuits that make ensembles of states; and MSQuDDPM
(Kwun et al. 2024, arXiv 2411.17608), on density matrices.

Data, chains, forward processes and losses are theirs, the rest is not; of the circle there are more states than a step
takes. Each circuit begins with the angles of the one trained before it, and the rate falls to 0: from random angles and
at 5e-4 a round has not converged after thousands of steps. Of few inputs a circuit learns to undo the chance, too: the
MMD takes more of them than data, transport, whose price rises with them, other ones in each step. Scored with as many
states as keep chance below what is reported: among 100, even data have an MMD of .0006 from other data.
"""

from dataclasses import replace

from qdiffusion.data.ensemble import EnsembleConfig
from qdiffusion.diffusion.depolarising_config import DepolarisingConfig
from qdiffusion.diffusion.state_config import ScramblingConfig
from qdiffusion.diffusion.state_objective_config import ChainLoss, ChainObjectiveConfig, ChainSamplingConfig
from qdiffusion.metrics.config import StatesEvaluationConfig
from qdiffusion.models.circuit_config import ChainConfig, MixedChainConfig
from qdiffusion.models.codec_config import DensitiesConfig, RawConfig
from qdiffusion.training.config import AdamConfig, EMAConfig, RateConfig
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.presets.preset import Preset


def quddpm(
    name: str,
    data: EnsembleConfig,
    strength: tuple[float, ...],
    model: ChainConfig,
    steps: int,
    objective: ChainObjectiveConfig,
    batch_size: int | None = None,
) -> Experiment:
    """A circuit a kick, each trained for so many steps on all data, or so many states a step, the noisiest first."""
    return Experiment(
        name=name,
        data=data,
        codec=RawConfig(),
        forward=ScramblingConfig(model.n_steps, strength),
        model=model,
        stages=(
            Stage(
                "chain",
                steps=steps,
                batch_size=batch_size or data.count,
                objective=objective,
                optimiser=AdamConfig(learning_rate=2e-2, betas=(0.9, 0.999), rate=RateConfig(decay="cosine")),
                ema=EMAConfig(decay=0.0),
            ),
        ),
        sampling=ChainSamplingConfig(count=100),
        evaluation=StatesEvaluationConfig(count=data.test_count),
        log_every=100,
        checkpoint_every=steps,
    )


def cluster1() -> Experiment:
    """One qubit near |0⟩."""
    return quddpm(
        "quddpm-cluster1",
        EnsembleConfig("cluster", n_qubits=1, spread=0.08, count=100, test_count=1000),
        (1.0, 4.0),
        ChainConfig(n_steps=20, n_ancillas=1, n_layers=4),
        steps=150,
        objective=ChainObjectiveConfig(inputs=1000, warm=True),
    )


def cluster2() -> Experiment:
    """Two qubits near |00⟩."""
    return quddpm(
        "quddpm-cluster2",
        EnsembleConfig("cluster", n_qubits=2, spread=0.06, count=100, test_count=1000),
        (0.5, 4.0),
        ChainConfig(n_steps=20, n_ancillas=1, n_layers=6),
        steps=150,
        objective=ChainObjectiveConfig(inputs=1000, warm=True),
    )


def circle() -> Experiment:
    """A great circle of one qubit, whose mean state tells nothing: by optimal transport. h = t²/1000.

    A step takes 500 states, as published, of more: 500 alone lie further from the circle than what is reported.
    """
    return quddpm(
        "quddpm-circle",
        EnsembleConfig("circle", count=2000, test_count=1000),
        tuple(round(1e-3 * t**2, 3) for t in range(1, 41)),
        ChainConfig(n_steps=40, n_ancillas=2, n_layers=6),
        steps=150,
        objective=ChainObjectiveConfig("wasserstein", inputs=250, pool=10_000, warm=True),
        batch_size=500,
    )


def noise() -> Experiment:
    """Two qubits under correlated noise; h rises from .05 to 1, then from 1.2 to 4."""
    return quddpm(
        "quddpm-noise",
        EnsembleConfig("correlated", n_qubits=2, count=500, test_count=1000),
        (*_evenly(0.05, 1.0, 12), *_evenly(1.2, 4.0, 8)),
        ChainConfig(n_steps=20, n_ancillas=2, n_layers=6),
        steps=150,
        objective=ChainObjectiveConfig(inputs=1000, warm=True),
    )


def tfim() -> Experiment:
    """Ground states of an Ising chain of four spins."""
    return quddpm(
        "quddpm-tfim",
        EnsembleConfig("tfim", n_qubits=4, transverse_field=(0.2, 0.4), count=100, test_count=1000),
        (0.1, 2.0),
        ChainConfig(n_steps=30, n_ancillas=2, n_layers=12),
        steps=150,
        objective=ChainObjectiveConfig(inputs=300, warm=True),
    )


def _evenly(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(round(first + (last - first) * k / (count - 1), 6) for k in range(count))


def msquddpm(name: str, data: EnsembleConfig, model: MixedChainConfig, steps: int, loss: ChainLoss) -> Experiment:
    """Density matrices that depolarise, and a circuit a level, with one random ancilla, that makes them pure again."""
    made = quddpm(name, data, (1.0, 1.0), ChainConfig(), steps, ChainObjectiveConfig(loss))
    return replace(made, codec=DensitiesConfig(), forward=DepolarisingConfig(model.n_steps, exponent=1.0), model=model)


def mixed_cluster() -> Experiment:
    """One qubit near |0⟩, from the maximally mixed state in six steps."""
    data = EnsembleConfig("cluster", n_qubits=1, spread=0.08, count=100, test_count=1000)
    return msquddpm("msquddpm-cluster", data, MixedChainConfig(n_steps=6, n_ancillas=2, n_layers=4), 300, "mmd")


def mixed_circle() -> Experiment:
    """A great circle of one qubit, whose mean state is where the chain begins: by optimal transport."""
    data = EnsembleConfig("circle", count=500, test_count=500)
    return msquddpm("msquddpm-circle", data, MixedChainConfig(n_steps=6, n_ancillas=2, n_layers=6), 300, "wasserstein")


QUDDPM = (
    Preset("quddpm-cluster1", "QuDDPM: 20 measured circuits that make a cluster of one-qubit states", cluster1),
    Preset("quddpm-cluster2", "QuDDPM: 20 measured circuits that make a cluster of two-qubit states", cluster2),
    Preset("quddpm-circle", "QuDDPM: 40 measured circuits that make a circle, by optimal transport", circle),
    Preset("quddpm-noise", "QuDDPM: 20 measured circuits that make states under correlated noise", noise),
    Preset("quddpm-tfim", "QuDDPM: 30 measured circuits that make ground states of an Ising chain", tfim),
    Preset("msquddpm-cluster", "MSQuDDPM: six circuits that make mixed states a cluster of pure ones", mixed_cluster),
    Preset("msquddpm-circle", "MSQuDDPM: six circuits that make mixed states a circle", mixed_circle),
)
