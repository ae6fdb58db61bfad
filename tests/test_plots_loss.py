"""The loss curve: what is drawn is what was logged."""

import matplotlib.figure
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plots_helpers import line, log_losses, make_run
from qdiffusion.errors import UsageError
from qdiffusion.plots import loss_curve
from qdiffusion.plots.loss import MOST_MARKS, MOST_NAMES, broken, further, losses, round_ends, smooth


@pytest.fixture
def axes_of(tmp_path, monkeypatch):
    """Draws losses and gives back the axes just before they are saved."""
    saved = []
    savefig = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda self, *a, **k: (saved.append(self), savefig(self, *a, **k))
    )

    def draw(losses):
        run = make_run(tmp_path / f"run{len(saved)}")
        log_losses(run, losses)
        loss_curve(run, tmp_path / "loss.png")
        assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
        return saved[-1].axes[0]

    return draw


def test_axes_title_and_lines(axes_of):
    axes = axes_of([3.0, 2.0, 1.0])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("training step", "loss", "tiny on digits")
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [1, 2, 3])


@pytest.mark.parametrize(
    ("losses", "scale"), [([2.0, 1.0], "linear"), ([20.0, 1.0], "log"), ([20.0, 0.0], "linear"), ([5.0], "linear")]
)
def test_scale_is_logarithmic_only_where_that_helps(losses, scale, axes_of):
    assert axes_of(losses).get_yscale() == scale


def test_name_is_no_formula(tmp_path):
    run = make_run(tmp_path / "run", name=r"$\nonsense$")
    log_losses(run, [1.0])
    loss_curve(run, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").is_file()


def test_nothing_logged_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no step"):
        loss_curve(make_run(tmp_path / "run"), tmp_path / "loss.png")


@given(st.lists(st.floats(-10, 10), min_size=9, max_size=40), st.integers(0, 4))
def test_smooth_is_the_mean_of_as_many_neighbours_on_either_side(values, radius):
    reaches = [min(radius, i) for i in range(len(values))]
    expected = [np.mean(values[i - reach : i + reach + 1]) for i, reach in enumerate(reaches)]
    np.testing.assert_allclose(smooth(np.array(values), radius), expected, atol=1e-12)


def test_smoothed_follows_a_loss_that_falls_by_factors(axes_of):
    losses = [max(1000.0 * 0.5**step, 1.0) for step in range(100)]
    _, smoothed = axes_of(losses).lines
    np.testing.assert_allclose(smoothed.get_ydata()[:5], losses[:5])


CHAIN = [line(step, 1.0 / step, "chain", round=(step - 1) // 3) for step in range(1, 13)]
STAGES = [line(step, 1.0 / step, "<first>" if step < 5 else "second") for step in range(1, 9)]


def test_nothing_is_marked_in_a_single_part():
    logged = losses(STAGES[:4])
    assert (logged.begins, logged.marks) == ((0,), ())


def test_marks_stand_between_stages_and_rounds():
    assert losses(STAGES).begins == (0, 4)
    assert losses(STAGES).marks == ((1, "<first>"), (4.5, "second"))
    assert losses(CHAIN).begins == (0, 3, 6, 9)
    assert losses(CHAIN).marks == ((1, "chain"), (3.5, ""), (6.5, ""), (9.5, ""))


def test_a_second_stage_of_rounds_begins_anew():
    again = [line(12 + step, 1.0, "more", round=0) for step in (1, 2)]
    assert losses([*CHAIN, *again]).marks[-1] == (12.5, "more")


def test_of_many_parts_only_stages_are_marked_and_of_many_stages_none_named():
    rounds = [line(step, 1.0, "chain", round=step) for step in range(MOST_MARKS)]
    assert [name for _, name in losses([*rounds, line(MOST_MARKS, 1.0, "last")]).marks] == ["chain", "last"]
    stages = [line(step, 1.0, f"stage {step}") for step in range(MOST_NAMES + 1)]
    assert {name for _, name in losses(stages).marks} == {""}
    assert len(losses(stages[:-1]).marks) == MOST_NAMES
    assert {name for _, name in losses(stages[:-1]).marks} == {f"stage {step}" for step in range(MOST_NAMES)}


def test_parts_are_smoothed_by_themselves():
    first, second = np.linspace(5, 6, 60), np.linspace(50, 60, 80)
    values = [*first, *second]
    stages = ["first"] * 60 + ["second"] * 80
    logged = losses([line(step, value, stage) for step, (value, stage) in enumerate(zip(values, stages, strict=True))])
    expected = [np.exp(smooth(np.log(part), len(part) // 20)) for part in (first, second)]
    np.testing.assert_allclose(logged.smoothed, np.concatenate(expected))


def test_lines_break_between_parts():
    np.testing.assert_array_equal(broken(np.arange(5.0), (0, 2, 4)), [0, 1, np.nan, 2, 3, np.nan, 4])
    np.testing.assert_array_equal(broken(np.arange(3.0), (0,)), [0, 1, 2])


def test_rounds_end_in_their_last_loss():
    (ends,) = round_ends([*CHAIN, *STAGES])
    assert ends.stage == "chain"
    np.testing.assert_array_equal(ends.rounds, [0, 1, 2, 3])
    np.testing.assert_allclose(ends.losses, [1 / 3, 1 / 6, 1 / 9, 1 / 12])
    assert round_ends(CHAIN[:6]) == []


def test_further_scalars_keep_their_steps():
    stats = [line(1, 1.0, mse=0.5), line(2, 1.0), line(3, 1.0, mse=0.25, fidelity=1)]
    found = {name: (steps.tolist(), values.tolist()) for name, (steps, values, _) in further(stats).items()}
    assert found == {"mse": ([1, 3], [0.5, 0.25]), "fidelity": ([3], [1])}
    assert further([*stats, line(4, 1.0, "next", mse=0.1)])["mse"].begins == (0, 2)


def test_the_picture_shows_parts_and_rounds(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr("qdiffusion.plots.losspicture.save_figure", lambda figure, path: saved.append(figure))
    run = make_run(tmp_path / "run")
    for each in CHAIN:
        run.append_stats(each)
    loss_curve(run, tmp_path / "loss.png")
    above, below = saved[0].axes
    logged, _, *marks = above.lines
    assert np.isnan(logged.get_ydata()).sum() == 3
    assert [mark.get_xdata()[0] for mark in marks] == [3.5, 6.5, 9.5]
    assert [text.get_text() for text in above.texts] == ["chain", "", "", ""]
    np.testing.assert_allclose(below.lines[0].get_xydata(), [[0, 1 / 3], [1, 1 / 6], [2, 1 / 9], [3, 1 / 12]])
