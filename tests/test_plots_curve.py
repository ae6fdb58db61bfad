"""The loss curve within the page: drawn points are logged points, labels stand at their values."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from plots_helpers import line
from qdiffusion.plots.curve import MOST_BINS, SIZE, draw_curve, draw_losses
from qdiffusion.plots.loss import LoggedLosses, losses


def logged(values: list[float], logarithmic: bool = False) -> LoggedLosses:
    array = np.array(values)
    return LoggedLosses(10.0 * np.arange(1, len(values) + 1), array, array, logarithmic)


def points(plot: ElementTree.Element, kind: str) -> np.ndarray:
    (path,) = [each for each in plot.iter("path") if each.get("class") == kind]
    numbers = re.findall(r"[\d.]+ [\d.]+", path.get("d"))
    return np.array([[float(each) for each in pair.split()] for pair in numbers])


def pieces(plot: ElementTree.Element, kind: str) -> list[str]:
    (path,) = [each for each in plot.iter("path") if each.get("class") == kind]
    return path.get("d").split("M")[1:]


def labels(plot: ElementTree.Element, axis: str) -> list[tuple[float, float]]:
    """Value and place, in the drawing's coordinates, of each label."""
    spans = [span for span in plot.iter("span") if span.get("class") == axis]
    places = [SIZE * float(re.search(r"[\d.]+", span.get("style"))[0]) / 100 for span in spans]
    return [(float(span.text.replace(",", "")), place) for span, place in zip(spans, places, strict=True)]


@pytest.mark.parametrize("logarithmic", [False, True])
def test_points_lie_where_the_labels_say(logarithmic):
    given = logged([3.0, 0.7, 0.06, 0.05, 0.04], logarithmic)
    plot = ElementTree.fromstring(draw_losses(given))
    (steps, across), (values, up) = (zip(*labels(plot, axis), strict=True) for axis in "xy")
    assert min(len(steps), len(values)) >= 3
    heights = (np.log10(values), np.log10(given.losses)) if logarithmic else (values, given.losses)
    for kind in ("logged", "smoothed"):
        found = points(plot, kind)
        expected_x = np.polyval(np.polyfit(steps, across, 1), given.steps)
        expected_y = SIZE - np.polyval(np.polyfit(heights[0], up, 1), heights[1])
        np.testing.assert_allclose(found, np.stack([expected_x, expected_y], 1), atol=0.5)


def test_a_long_curve_keeps_its_peaks_and_few_points():
    values = np.random.default_rng(0).random(20 * MOST_BINS)
    values[[777, 5000]] = 9.0, -9.0
    found = points(ElementTree.fromstring(draw_losses(logged(list(values)))), "logged")
    assert len(found) <= 2 * MOST_BINS
    assert (np.diff(found[:, 0]) >= 0).all()
    heights = np.sort(found[:, 1])
    margin = 0.04 / 1.08 * SIZE
    assert (heights[0], heights[-1]) == pytest.approx((margin, SIZE - margin), abs=0.1)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5], [0.0, 1e-30], [-1.0, 1.0]])
def test_every_loss_can_be_drawn(values):
    found = points(ElementTree.fromstring(draw_losses(logged(values))), "logged")
    assert len(found) == len(values)
    assert ((found > 0) & (found < SIZE)).all()


def test_lines_break_where_stages_begin_and_names_stand_over_their_parts():
    names = ["<b>first", "second", "third"]
    stats = [line(step, 3.0 + step, names[step // 4]) for step in range(12)]
    plot = ElementTree.fromstring(draw_losses(losses(stats)))
    assert len(pieces(plot, "logged")) == len(pieces(plot, "smoothed")) == 3
    steps, across = zip(*labels(plot, "x"), strict=True)
    where = np.polyfit(steps, across, 1)
    lines = [float(piece.split()[0]) for piece in pieces(plot, "begins")]
    np.testing.assert_allclose(lines, np.polyval(where, [3.5, 7.5]), atol=0.5)
    parts = [span for span in plot.iter("span") if span.get("class") == "part"]
    assert [span.text for span in parts] == names
    places = [[float(each) for each in re.findall(r"[\d.]+", span.get("style"))] for span in parts]
    begins, widths = np.array(places).T * SIZE / 100
    np.testing.assert_allclose(begins, np.polyval(where, [0, 3.5, 7.5]), atol=0.5)
    np.testing.assert_allclose(begins + widths, [*begins[1:], SIZE], atol=0.5)


def test_a_curve_has_a_dot_for_each_point():
    x, y = np.array([10.0, 20.0, 50.0]), np.array([1.0, 3.0, 2.0])
    plot = ElementTree.fromstring(draw_curve(x, y, "<step>", "FID & more"))
    np.testing.assert_array_equal(points(plot, "points"), points(plot, "smoothed"))
    assert len(pieces(plot, "points")) == 3
    assert len(pieces(plot, "smoothed")) == 1
    assert plot.get("aria-label") == "FID & more against <step>"
    assert [each.text for each in plot.iter("p")] == ["FID & more", "<step>"]


@pytest.mark.parametrize("value", [0.0, -3.0, 0.0625, 1e6])
def test_a_level_curve_is_in_the_middle(value):
    plot = ElementTree.fromstring(draw_curve(np.arange(3.0), np.full(3, value), "step", "score"))
    np.testing.assert_allclose(points(plot, "points")[:, 1], SIZE / 2)
    assert labels(plot, "y")
