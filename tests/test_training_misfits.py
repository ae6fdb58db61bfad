"""Parts that do not fit each other are refused in one sentence, before anything is written."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qdiffusion.cli import main
from qdiffusion.data import EnsembleConfig
from qdiffusion.diffusion import (
    DenoiseConfig,
    DepolarisingConfig,
    GaussianConfig,
    ReconstructConfig,
    ScheduleConfig,
    SchedulerConfig,
    ScramblingConfig,
)
from qdiffusion.diffusion.sde_config import SDEConfig
from qdiffusion.diffusion.state_objective_config import ChainObjectiveConfig, ChainSamplingConfig, InfidelityConfig
from qdiffusion.errors import RunError, UsageError
from qdiffusion.metrics import (
    DenoisingEvaluationConfig,
    ImagesEvaluationConfig,
    LikelihoodEvaluationConfig,
    StatesEvaluationConfig,
)
from qdiffusion.models import (
    AutoencoderConfig,
    CapeceConfig,
    ChainConfig,
    ChannelConfig,
    MLPConfig,
    PixelsConfig,
    RawConfig,
    UnitaryConfig,
)
from qdiffusion.training import Experiment, Stage, evaluate_run, get_preset, resume, sample_run, train
from training_families import (
    chain,
    conditional,
    conditional_chain,
    continuous,
    depolarising,
    latent,
    mixed_chain,
    scrambling,
    transfer,
)
from training_tiny import QVUNET, UNET, files

Change = Callable[[Experiment], Experiment]


def stage(**changes: object) -> Change:
    """Change the first stage."""
    return lambda experiment: replace(
        experiment, stages=(replace(experiment.stages[0], **changes), *experiment.stages[1:])
    )


def last(**changes: object) -> Change:
    """Change the last stage."""
    return lambda experiment: replace(
        experiment, stages=(*experiment.stages[:-1], replace(experiment.stages[-1], **changes))
    )


def part(**changes: object) -> Change:
    return lambda experiment: replace(experiment, **changes)


def last_alone(experiment: Experiment) -> Experiment:
    """Leave the stages before the last away."""
    return replace(experiment, stages=experiment.stages[-1:])


MISFITS: list[tuple[Callable[[Path], Experiment], Change, str]] = [
    (chain, part(model=UNET), "A U-Net takes images, but was given states"),
    (chain, part(model=MLPConfig()), "An MLP takes vectors, but was given states"),
    (chain, part(codec=PixelsConfig()), "The codec pixels takes images, but was given states"),
    (chain, part(codec=AutoencoderConfig()), "An autoencoder takes images, but was given states"),
    (
        chain,
        part(evaluation=ImagesEvaluationConfig(count=100)),
        "An evaluation by FID takes images, but was given states",
    ),
    (chain, part(sampling=SchedulerConfig(steps=2)), "The sampler ddim takes Gaussian noise away"),
    (
        chain,
        part(model=ChainConfig(n_steps=4)),
        "for 3 noise levels, but the denoiser is made for 4; give it n_steps 3",
    ),
    (
        chain,
        lambda e: stage(objective=ChainObjectiveConfig(order="joint"))(part(model=ChainConfig(n_steps=1))(e)),
        "is made for 1; give it n_steps 3",
    ),
    (
        chain,
        part(data=EnsembleConfig("cluster", count=8, test_count=1)),
        "data.test_count is 1, but must be at least 2",
    ),
    (mixed_chain, stage(objective=ChainObjectiveConfig(outcomes="drawn")), "have no outcomes to be drawn"),
    (
        conditional_chain,
        lambda e: stage(objective=ChainObjectiveConfig(inputs=1))(part(model=replace(e.model, time="own"))(e)),
        "1 inputs have none of some of 2 classes",
    ),
    (chain, stage(objective=DenoiseConfig()), "The objective denoise needs Gaussian noise"),
    (chain, stage(accumulation=2), "is no mean over its batch, so that it cannot be accumulated in 2 parts"),
    (chain, stage(flips=True), "Flipping takes images, but was given states"),
    (chain, stage(batch_size=9), "A batch takes 9 items, but the training set has 8"),
    (scrambling, stage(objective=ReconstructConfig()), "has nothing to learn"),
    (scrambling, stage(objective=ChainObjectiveConfig()), "whose ancillas are measured, and the denoiser has none"),
    (conditional, part(codec=RawConfig()), "The codec raw takes states or vectors, but was given images"),
    (conditional, part(model=ChainConfig()), "A chain of circuits takes states, but was given images"),
    (conditional, part(sampling=ChainSamplingConfig()), "takes states or densities, but was given images"),
    (conditional, part(evaluation=StatesEvaluationConfig(count=4)), "takes states or densities, but was given images"),
    (conditional, part(evaluation=DenoisingEvaluationConfig(count=4)), "takes states, but was given images"),
    (
        conditional,
        stage(objective=InfidelityConfig()),
        "The objective infidelity takes states or densities, but was given images",
    ),
    (conditional, part(model=UNET), "guidance 2, but the denoiser knows no classes"),
    (latent, part(model=UNET), "A U-Net takes images, but was given vectors"),
    (latent, stage(train=("codec.nothing.*",)), r"'codec\.nothing\.\*' of train matches no parameter"),
    (latent, stage(train=("denoiser.*",)), r"trains nothing: .*denoiser\.\* and codec\.\*"),
    (latent, last(train=("codec.*",)), r"trains nothing: .*codec\.\* and denoiser\.\*"),
    (conditional, part(forward=SDEConfig()), "ddim takes Gaussian noise away level by level, but was given a VPSDE"),
    (
        continuous,
        part(forward=GaussianConfig()),
        "pc solves a stochastic differential equation, but was given a Gaussi",
    ),
    (continuous, part(sampling=ChainSamplingConfig()), "takes states or densities, but was given images"),
    (
        chain,
        part(evaluation=LikelihoodEvaluationConfig(count=4)),
        "An evaluation by likelihood takes images or vectors, but was given states",
    ),
    (chain, part(forward=SDEConfig()), "Gaussian noise is added to images or vectors, but was given states"),
    (
        transfer,
        stage(forward=GaussianConfig(ScheduleConfig(timesteps=1))),
        "Sampling got 2 steps; give 1 to 1, the noise levels",  # the snapshot of step 2 is that stage's
    ),
    (
        transfer,
        last(model=replace(QVUNET, dim=8)),
        r"cannot take over denoiser\.time_embedding\.network\.0\.weight: it has shape \(16, 4\) in the net before and",
    ),
    (transfer, last(model=CapeceConfig(widths=(16, 16)), fresh=()), r"cannot take over denoiser\.conv_in\.weight"),
    (transfer, last(fresh=("vertex*",)), r"'vertex\*' of fresh matches no parameter"),
    (transfer, stage(fresh=("denoiser.vertex_*",)), "Stage classical is the first: there is nothing before it"),
    (scrambling, stage(carry=True), "Stage depth-1 is the first: there is nothing before it"),
    (
        chain,
        part(evaluation=DenoisingEvaluationConfig(count=4)),
        "parameters for each of 3 levels; choose the evaluation",
    ),
    (depolarising, part(codec=RawConfig()), "A channel takes densities, but was given states"),
    (depolarising, part(model=UnitaryConfig()), "A unitary denoiser takes states, but was given densities"),
    (depolarising, part(forward=ScramblingConfig(3)), "Scrambling takes states, but was given densities"),
    (depolarising, part(forward=GaussianConfig()), "added to images or vectors, but was given densities"),
    (depolarising, part(model=ChannelConfig(n_steps=4)), "each of 4 noise levels, and the forward process has 3"),
    (chain, part(model=ChannelConfig(n_steps=3)), "A channel takes densities, but was given states"),
    (
        depolarising,
        part(forward=DepolarisingConfig(3, prediction="previous")),
        "Depolarising with previous",
    ),
    (chain, part(sampling=ChainSamplingConfig(renoise=True)), "given a Scrambling with clean; leave renoise out"),
    (chain, part(forward=DepolarisingConfig(3)), "Depolarising takes densities, but was given states"),
    (latent, last_alone, "The codec autoencoder has weights that no stage trains"),
    (transfer, stage(objective=ReconstructConfig(), train=("codec.*",)), "a Pixels has nothing to learn"),
]


@pytest.mark.parametrize(("family", "change", "sentence"), MISFITS)
def test_what_does_not_fit_is_refused(
    family: Callable[[Path], Experiment], change: Change, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=sentence) as refusal:
        train(change(family(tmp_path)), tmp_path / "run")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_a_stage_that_trains_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="Stage idle trains nothing: train is empty"):
        Stage("idle", train=())


def test_a_stage_whose_objective_trains_something_else_is_refused(tmp_path: Path) -> None:
    """The chain's round trains step 2, the stage lets only step 0 learn."""
    with pytest.raises(UsageError, match=r"A stage trains nothing: .*steps\.0\.\* and denoiser\.steps\.2\.\*"):
        train(stage(train=("denoiser.steps.0.*",))(chain(tmp_path)), tmp_path / "run")


@pytest.mark.parametrize(
    ("steps", "sentence"), [((7,), "last of the training, 6"), ((0,), "from 1"), ((3, 2), "order")]
)
def test_snapshots_beyond_the_training_are_refused(steps: tuple[int, ...], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        replace(scrambling(tmp_path), snapshots=steps)


def test_labels_are_refused_where_there_are_none(tmp_path: Path) -> None:
    run = train(chain(tmp_path), tmp_path / "run")
    before = files(run.path)
    for asked, sentence in (
        ({"classes": (0,)}, "trained without labels"),
        ({"steps": 3}, "steps was given, but this experiment's chain has no such option"),
        ({"guidance": 2.0}, "given guidance 2, but the denoiser knows no classes"),
        ({"show_steps": 9}, "9 moments were asked for; give 1 to 3"),
    ):
        with pytest.raises(UsageError, match=sentence):
            sample_run(run, 2, **asked)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="features was given, but this experiment's chain"):
        evaluate_run(run, 4, features="mnist-cnn")
    with pytest.raises(UsageError, match="count is 1, but must be at least 2"):
        evaluate_run(run, 1)
    assert files(run.path) == before


def test_what_an_evaluation_cannot_use_is_refused(tmp_path: Path) -> None:
    """Restoring states draws no samples: how they would be drawn is asked all the same."""
    run = train(scrambling(tmp_path), tmp_path / "run")
    before = files(run.path)
    with pytest.raises(UsageError, match="steps was given, but this experiment's chain has no such option"):
        evaluate_run(run, 4, steps=3)
    for count in (0, -3):
        with pytest.raises(UsageError, match=f"An evaluation of {count} samples was asked for; give at least 1"):
            evaluate_run(run, count)
    assert files(run.path) == before
    assert evaluate_run(run, 400).details["n_held_out"] == 4


def test_a_conditional_model_needs_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    np.savez(tmp_path / "bare.npz", images=np.random.default_rng(0).integers(0, 256, (8, 8, 8), dtype=np.uint8))
    experiment = conditional(tmp_path)
    bare = replace(experiment, data=replace(experiment.data, path=tmp_path / "bare.npz"))
    with pytest.raises(UsageError, match="A conditional model needs labels, and the data have none"):
        train(bare, tmp_path / "run")


@pytest.mark.parametrize("work", [resume, lambda path: main(["report", str(path)])])
def test_runs_of_an_earlier_version_are_refused_in_a_sentence(
    work: Callable[[Path], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An experiment.json as 0.1.0 wrote it before there were families: no format, a schedule."""
    old = {
        "experiment": {"name": "old", "data": {"name": "mnist-subset"}, "schedule": {"name": "cosine"}, "stages": [{}]},
        "data": {"name": "mnist-subset", "source": "x", "count": 1, "channels": 1, "size": 28, "sha256": "0"},
        "environment": {"qdiffusion": "0.1.0"},
    }
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "experiment.json").write_text(json.dumps(old))
    try:
        outcome = work(tmp_path / "run")
    except RunError as error:
        said = str(error)
    else:
        assert outcome == 1
        said = capsys.readouterr().err
    assert "was made by an earlier qdiffusion (0.1.0)" in said
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {"experiment.json", ".locks"}


@pytest.mark.parametrize("name", ["quddpm-cluster1", "scrambling-4q-logged", "latent-classical", "unet-conditional"])
def test_presets_fit_together(name: str, tmp_path: Path) -> None:
    """What comes before the first step finds nothing to refuse."""
    from qdiffusion.training.setup import load_training_items

    assert len(load_training_items(get_preset(name).build())) > 0
