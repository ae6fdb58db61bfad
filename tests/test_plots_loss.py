"""The loss curve: what is drawn is what was logged."""

import matplotlib.figure
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plots_helpers import log_losses, make_run
from qdiffusion.errors import UsageError
from qdiffusion.plots import loss_curve
from qdiffusion.plots.loss import smooth


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
