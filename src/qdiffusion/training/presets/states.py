"""Quantum states: the research log's scrambling study, and states that depolarise."""

from dataclasses import replace
from functools import partial

from qdiffusion.data.ensemble import EnsembleConfig
from qdiffusion.diffusion.depolarising_config import DepolarisingConfig
from qdiffusion.diffusion.state_config import ScramblerConfig
from qdiffusion.diffusion.state_objective_config import (
    ChainSamplingConfig,
    InfidelityConfig,
    UndoConfig,
)
from qdiffusion.metrics.config import DenoisingEvaluationConfig
from qdiffusion.models.circuit_config import ChannelConfig, UnitaryConfig
from qdiffusion.models.codec_config import DensitiesConfig, RawConfig
from qdiffusion.training.config import AdamConfig, EMAConfig, RateConfig
from qdiffusion.training.experiment import Experiment, Stage
from qdiffusion.training.presets.preset import Preset

DIRECT = EMAConfig(decay=0.0)


def logged(n_qubits: int, n_layers: int) -> Experiment:
    """The research log's curriculum: ten Haar states, six scramblers of growing depth, Adam's moments carried over.

    The log does not say Adam's learning rate; 1e-3 gives the fidelities that it reports, .1 to .3.
    """
    depths = range(2, 13, 2)
    return Experiment(
        name=f"scrambling-{n_qubits}q-logged",
        data=EnsembleConfig("haar", n_qubits, count=10, test_count=50),
        codec=RawConfig(),
        forward=ScramblerConfig(depths[-1], salt=depths[-1]),
        model=UnitaryConfig(n_layers),
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


def mended(n_qubits: int, depth: int, model: UnitaryConfig | None = None) -> Experiment:
    """What the log proposes: a step for each layer of one nested scrambler, undone by one mirrored layer, found on
    fresh states in every step, qubit by qubit first.

    Another model is given in the place of those layers; one that has a single step undoes the whole at once.
    """
    model = model or UnitaryConfig(n_layers=1, n_steps=depth, ansatz="mirrored")
    each = model.n_steps == depth
    forward = ScramblerConfig(1, depth, prediction="previous") if each else ScramblerConfig(depth)
    optimiser = AdamConfig(0.1, betas=(0.9, 0.999), rate=RateConfig(decay="cosine"))
    return Experiment(
        name=f"scrambling-{n_qubits}q",
        data=EnsembleConfig("haar", n_qubits, count=16, test_count=50),
        codec=RawConfig(),
        forward=forward,
        model=model,
        stages=tuple(
            Stage(cost, steps=200, batch_size=16, objective=UndoConfig(cost), optimiser=optimiser, ema=DIRECT)
            for cost in ("local", "global")
        ),
        sampling=ChainSamplingConfig(count=50),
        evaluation=DenoisingEvaluationConfig(count=50),
        snapshots=(200,),
        checkpoint_every=100,
    )


def grown(n_qubits: int, depth: int) -> Experiment:
    """One circuit that undoes the whole at once, layer by layer: each is trained qubit by qubit behind those before it,
    which rest, then all of them together. After Skolik et al. 2021 (arXiv 2006.14904), but that a layer begins at
    random angles, as everywhere here, and that all are trained at last, not parts of them."""
    whole = UnitaryConfig(depth, ansatz="mirrored")
    made = mended(n_qubits, depth, whole)
    local, together = made.stages
    added = tuple(
        replace(
            local,
            name=f"layer-{number}",
            steps=local.steps * number // depth - local.steps * (number - 1) // depth,
            model=replace(whole, n_layers=number),
            train=(f"denoiser.layers.{number - 1}.*",),
        )
        for number in range(1, depth + 1)
    )
    return replace(made, model=replace(whole, n_layers=1), stages=(*added, together))


def depolarising(n_ancillas: int = 0) -> Experiment:
    """QAMP 2025, equations 9 to 12: two qubits depolarise in ten levels, and a circuit a level is to restore them."""
    return Experiment(
        name="qdm-depolarising",
        data=EnsembleConfig("cluster", n_qubits=2, spread=0.2, count=100, test_count=200),
        codec=DensitiesConfig(),
        forward=DepolarisingConfig(timesteps=10),
        model=ChannelConfig(n_layers=4, n_ancillas=n_ancillas, n_steps=10),
        stages=(
            Stage(
                steps=500,
                batch_size=100,
                objective=InfidelityConfig(every_level=True),
                optimiser=AdamConfig(2e-2, betas=(0.9, 0.999), rate=RateConfig(decay="cosine")),
                ema=DIRECT,
            ),
        ),
        sampling=ChainSamplingConfig(count=16),
        evaluation=DenoisingEvaluationConfig(count=200),
        log_every=50,
    )


STATES = (
    *(
        Preset(
            f"scrambling-{n_qubits}q",
            f"{depth} circuits that undo a scrambler of {n_qubits} qubits layer by layer",
            partial(mended, n_qubits, depth),
        )
        for n_qubits, depth in ((4, 4), (8, 3))
    ),
    *(
        Preset(
            f"scrambling-{n_qubits}q-logged",
            f"a circuit that is to undo scramblers of {n_qubits} qubits and growing depth, as in the research log",
            partial(logged, n_qubits, n_layers),
        )
        for n_qubits, n_layers in ((4, 7), (8, 9))
    ),
    Preset("qdm-depolarising", "QAMP's unitaries that are to restore depolarised states of two qubits", depolarising),
)
