"""Experiments as JSON, their checks, and the presets."""

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from qdiffusion.data import ImagesConfig
from qdiffusion.diffusion import DenoiseConfig, GaussianConfig, ScheduleConfig, SchedulerConfig
from qdiffusion.diffusion.state_config import ScramblerConfig, ScramblingConfig
from qdiffusion.diffusion.state_objective_config import ChainObjectiveConfig
from qdiffusion.errors import UsageError
from qdiffusion.metrics import ImagesEvaluationConfig
from qdiffusion.models import ChainConfig, QVUNetConfig, UNetConfig, UnitaryConfig
from qdiffusion.training import (
    PRESETS,
    AdamConfig,
    AdamWConfig,
    EMAConfig,
    Experiment,
    RateConfig,
    Stage,
    from_json,
    get_preset,
    to_json,
)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name: str) -> None:
    experiment = get_preset(name).build()
    assert experiment.name == name
    assert from_json(to_json(experiment)) == experiment


def test_every_field_survives_json() -> None:
    experiment = replace(
        get_preset("qvunet-full-fq").build(),
        data=ImagesConfig(path=Path("/data/x.npz"), root=Path("r"), classes=(1, 2), size=16, colour="rgb"),
        forward=GaussianConfig(ScheduleConfig("linear", 7), "v"),
        stages=(
            Stage("a", 3, optimiser=AdamConfig(1 / 3, (0.1, 0.2)), ema=EMAConfig(power=2 / 7)),
            Stage("b", model=UNetConfig(), fresh=("denoiser.*",), forward=GaussianConfig(), carry=True, accumulation=4),
            Stage("c", optimiser=AdamWConfig(rate=RateConfig(1, "step", 3, 1 / 7), clip=0.1), flips=True),
        ),
        snapshots=(2, 3, 5),
        seed=2**63 - 1,
        precision="bf16",
    )
    assert from_json(to_json(experiment)) == experiment


def test_missing_fields_take_their_defaults() -> None:
    assert from_json('{"name": "x", "stages": [{"steps": 5}]}') == Experiment(name="x", stages=(Stage(steps=5),))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sped": 1}, "unknown field sped"),
        ({"stages": [{"step": 1}]}, r"unknown field stages\.0\.step"),
        ({"model": {"kind": "unet", "circuits": 1}}, r"unknown field model\.unet\.circuits"),
        ({"seed": "1"}, r"wrong at seed: .*integer, but '1' was given"),
        ({"precision": "fp8"}, "wrong at precision"),
        ({"model": {"kind": "transformer"}}, "wrong at model"),
        ({"model": {"heads": 4}}, "wrong at model: .*'kind'"),
        ({"stages": [{"objective": {"kind": "denoise", "p2": 1}}]}, r"unknown field stages\.0\.objective\.denoise\.p2"),
        ({"stages": []}, "stages is .*at least one stage"),
        ({"seed": -1}, "seed is -1, but must be"),
    ],
)
def test_wrong_json_is_refused_in_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as refusal:
        from_json(json.dumps({"name": "x"} | change))
    assert "\n" not in str(refusal.value)


def test_no_json_is_refused() -> None:
    with pytest.raises(UsageError, match="Invalid JSON"):
        from_json("{")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: AdamConfig(learning_rate=0), "learning_rate"),
        (lambda: AdamConfig(learning_rate=float("nan")), "learning_rate"),
        (lambda: AdamConfig(learning_rate=float("inf")), "learning_rate"),
        (lambda: AdamConfig(circuit_rate=float("inf")), "circuit_rate"),
        (lambda: AdamConfig(clip=float("inf")), "clip"),
        (lambda: AdamWConfig(weight_decay=float("inf")), "weight_decay"),
        (lambda: EMAConfig(power=float("inf")), "power"),
        (lambda: AdamConfig(betas=(0.9, 1)), "betas"),
        (lambda: EMAConfig(decay=1), "decay"),
        (lambda: EMAConfig(every=0), "every"),
        (lambda: EMAConfig(start=-1), "start"),
        (lambda: EMAConfig(power=0), "power"),
        (lambda: Stage(steps=0), "steps"),
        (lambda: Stage(batch_size=0), "batch_size"),
        (lambda: DenoiseConfig(p2_k=0.0), "p2_k"),
        (lambda: DenoiseConfig(p2_gamma=float("inf")), "p2_gamma"),
        (lambda: DenoiseConfig(label_dropout=1.1), "label_dropout"),
        (lambda: Stage(batch_size=8, accumulation=9), "accumulation"),
        (lambda: Stage(accumulation=0), "accumulation"),
        (lambda: Stage(steps=3, optimiser=AdamConfig(rate=RateConfig(warmup=4))), r"optimiser\.rate\.warmup"),
        (lambda: RateConfig(warmup=-1), "warmup"),
        (lambda: RateConfig(every=0), "every"),
        (lambda: RateConfig(factor=0), "factor"),
        (lambda: AdamConfig(clip=0), "clip"),
        (lambda: AdamConfig(circuit_rate=0), "circuit_rate"),
        (lambda: AdamWConfig(weight_decay=-0.1), "weight_decay"),
        (lambda: AdamWConfig(learning_rate=0), "learning_rate"),
        (lambda: ChainObjectiveConfig(inputs=10**11), "inputs"),
        (lambda: SchedulerConfig(steps=0), "steps"),
        (lambda: SchedulerConfig(count=-1), "count"),
        (lambda: ImagesEvaluationConfig(count=99), "count"),
        (lambda: ImagesEvaluationConfig(count=-1), "count"),
        (lambda: SchedulerConfig(guidance=-1.0), "guidance"),
        (lambda: Experiment(name="x", snapshots=(0,)), "snapshots"),
        (lambda: Experiment(name="x", snapshots=(9376,)), "snapshots"),
        (lambda: Experiment(name="x", snapshots=(3, 2)), "snapshots"),
        (lambda: Experiment(name="x", snapshots=(2, 2)), "snapshots"),
        (lambda: Experiment(name="x", log_every=0), "log_every"),
        (lambda: Experiment(name="x", checkpoint_every=0), "checkpoint_every"),
    ],
)
def test_values_out_of_range_are_refused(make: Callable[[], object], field: str) -> None:
    with pytest.raises(UsageError, match=f"^{field} is .*, but must be"):
        make()


def test_experiments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Experiment(name="x").seed = 1  # type: ignore[misc]


def test_legs_are_the_rounds_of_the_stages_without_a_gap() -> None:
    """Each stage by its own forward process, the others by the experiment's."""
    chain = ChainObjectiveConfig()
    stages = (
        Stage("one", 3),
        Stage("two", 4, objective=chain),
        Stage("three", 5, objective=chain, forward=GaussianConfig(ScheduleConfig(timesteps=3))),
    )
    experiment = Experiment("x", forward=GaussianConfig(ScheduleConfig(timesteps=2)), stages=stages)
    assert [(leg.index, leg.round, leg.begin, leg.end) for leg in experiment.legs] == [
        (0, 0, 0, 3),
        (1, 0, 3, 7),
        (1, 1, 7, 11),
        (2, 0, 11, 16),
        (2, 1, 16, 21),
        (2, 2, 21, 26),
    ]
    assert experiment.total_steps == 26
    assert [experiment.stage_at(step) for step in (1, 3, 4, 11, 12, 26)] == [0, 0, 1, 1, 2, 2]


def test_a_stage_without_a_model_goes_on_with_the_one_before() -> None:
    own, other = QVUNetConfig(), QVUNetConfig(circuits=7)
    stages = (Stage("a"), Stage("b", model=own), Stage("c"), Stage("d", model=other))
    experiment = Experiment("x", stages=stages)
    assert [experiment.model_of(index) for index in range(4)] == [UNetConfig(), own, own, other]
    assert experiment.model_of(-1) == other


def test_fewer_steps_leave_out_the_snapshots_beyond_them() -> None:
    experiment = Experiment("x", stages=(Stage("a", 5), Stage("b", 10)), snapshots=(3, 7, 8, 15))
    shorter = experiment.with_steps(2)
    assert (shorter.total_steps, shorter.snapshots) == (7, (3, 7))
    assert shorter.stages[0] == experiment.stages[0]
    assert experiment.with_steps(20).snapshots == experiment.snapshots


def test_a_stage_that_trains_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Stage one trains nothing.*denoiser\.\*"):
        Stage("one", train=())


def test_an_unknown_preset_is_guessed_or_all_are_listed() -> None:
    with pytest.raises(UsageError, match=r"no preset 'qvunet-1qh'\. Did you mean qvunet-1hq\?"):
        get_preset("qvunet-1qh")
    with pytest.raises(UsageError, match=f"there are {', '.join(PRESETS)}\\.$"):
        get_preset("zzz")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ScramblerConfig(depth=201), "give a depth of 1 to 200 in all"),
        (lambda: ScramblingConfig(strength=(1.0, 1e308)), r"numbers from 0 to 1e\+06"),
        (lambda: ScramblingConfig(strength=(float("nan"), 1.0)), "numbers from 0"),
        (
            lambda: ScramblingConfig(10, (1.0,) * 20),
            "in 10 layers got 20 strengths.*give two, of the first and the last",
        ),
        (lambda: UnitaryConfig(n_layers=401), "give 1 to 400"),
        (lambda: ChainConfig(n_steps=1001), "n_steps is 1001, but must be 1 to 1000"),
        (lambda: ChainConfig(n_layers=401), "n_layers is 401, but must be 1 to 400"),
    ],
)
def test_circuits_too_large_to_plan_are_refused(make: Callable[[], object], sentence: str) -> None:
    """Without planning one: these would take hours."""
    with pytest.raises(UsageError, match=sentence):
        make()
