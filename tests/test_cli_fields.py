"""Fields of an experiment as flags, there and back."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdiffusion.cli.fields import differences, override
from qdiffusion.data import ImagesConfig
from qdiffusion.training import get_preset

PROG = "qdiffusion train quickstart"


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**40),
    rate=st.floats(1e-300, 1e300),
    classes=st.none() | st.lists(st.integers(0, 9), max_size=4).map(tuple),
    circuits=st.integers(1, 9) | st.just("full"),
    path=st.none() | st.just("my pictures/=a"),
)
def test_flags_of_a_change_make_that_change(seed, rate, classes, circuits, path):
    preset = get_preset("quickstart").build()
    stage = preset.stages[0]
    changed = replace(
        preset,
        seed=seed,
        data=override(ImagesConfig(), [] if path is None else ["--path", path], PROG),
        model=replace(preset.model, circuits=circuits),
        stages=(replace(stage, optimiser=replace(stage.optimiser, learning_rate=rate)),),
    )
    changed = replace(changed, data=replace(changed.data, classes=classes))
    assert override(preset, differences(preset, changed), PROG) == changed


def test_no_flags_change_nothing():
    preset = get_preset("qvunet-1hq").build()
    assert override(preset, [], PROG) == preset
    assert differences(preset, preset) == []


@pytest.mark.parametrize("flag", ["--stages.0.batch-size", "--stages.0.batch_size"])
@pytest.mark.parametrize("form", ["{} 7", "{}=7"])
def test_spellings(flag, form):
    preset = get_preset("quickstart").build()
    assert override(preset, form.format(flag).split(), PROG).stages[0].batch_size == 7


def test_no_flags_lead_to_other_stages():
    preset = get_preset("quickstart").build()
    assert differences(preset, replace(preset, stages=preset.stages * 2)) is None
    assert differences(replace(preset, stages=preset.stages * 2), preset) is None


def test_tuples_may_become_empty_and_come_back():
    preset = get_preset("quickstart").build()
    bare = replace(preset, track=(), data=replace(preset.data, classes=()))
    kept = replace(preset, snapshots=(3, 7))
    for before, after in ((preset, bare), (bare, preset), (preset, kept), (kept, preset)):
        assert override(before, differences(before, after), PROG) == after
