"""Experiments as JSON, their checks, and the presets."""

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from qdiffusion.data import ImagesConfig
from qdiffusion.diffusion import SchedulerConfig
from qdiffusion.errors import UsageError
from qdiffusion.metrics import ImagesEvaluationConfig
from qdiffusion.training import PRESETS, AdamConfig, EMAConfig, Experiment, Stage, from_json, get_preset, to_json


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name: str) -> None:
    experiment = get_preset(name).build()
    assert experiment.name == name
    assert from_json(to_json(experiment)) == experiment


def test_every_field_survives_json() -> None:
    experiment = replace(
        get_preset("qvunet-full-fq").build(),
        data=ImagesConfig(path=Path("/data/x.npz"), root=Path("r"), classes=(1, 2), size=16, colour="rgb"),
        stages=(Stage("a", 3, optimiser=AdamConfig(1 / 3, (0.1, 0.2)), ema=EMAConfig(power=2 / 7)), Stage("b")),
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
        (lambda: AdamConfig(betas=(0.9, 1)), "betas"),
        (lambda: EMAConfig(decay=1), "decay"),
        (lambda: EMAConfig(every=0), "every"),
        (lambda: EMAConfig(start=-1), "start"),
        (lambda: EMAConfig(power=0), "power"),
        (lambda: Stage(steps=0), "steps"),
        (lambda: Stage(batch_size=0), "batch_size"),
        (lambda: Stage(p2_k=0), "p2_k"),
        (lambda: SchedulerConfig(steps=0), "steps"),
        (lambda: SchedulerConfig(count=-1), "count"),
        (lambda: ImagesEvaluationConfig(count=1), "count"),
        (lambda: Experiment(name="x", sampling=SchedulerConfig(steps=1001)), r"sampling\.steps"),
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


def test_total_steps_adds_up_the_stages() -> None:
    assert Experiment(name="x", stages=(Stage(steps=3), Stage(steps=4))).total_steps == 7


def test_unknown_preset_lists_all_and_guesses() -> None:
    with pytest.raises(UsageError, match=r"no preset 'qvunet-1qh'.*unet-classical.*Did you mean qvunet-1hq\?"):
        get_preset("qvunet-1qh")
    with pytest.raises(UsageError, match=f"there are {', '.join(PRESETS)}\\.$"):
        get_preset("zzz")
