"""The loss curve within the page: drawn points are logged points, labels stand at their values."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from qdiffusion.plots.curve import MOST_BINS, SIZE, draw_losses
from qdiffusion.plots.loss import LoggedLosses


def logged(losses: list[float], logarithmic: bool = False) -> LoggedLosses:
    values = np.array(losses)
    return LoggedLosses(10 * np.arange(1, len(values) + 1), values, values, logarithmic)


def points(plot: ElementTree.Element, kind: str) -> np.ndarray:
    (path,) = [each for each in plot.iter("path") if each.get("class") == kind]
    numbers = re.findall(r"[\d.]+ [\d.]+", path.get("d"))
    return np.array([[float(each) for each in pair.split()] for pair in numbers])


def labels(plot: ElementTree.Element, axis: str) -> list[tuple[float, float]]:
    """Value and place, in the drawing's coordinates, of each label."""
    spans = [span for span in plot.iter("span") if span.get("class") == axis]
    places = [SIZE * float(re.search(r"[\d.]+", span.get("style"))[0]) / 100 for span in spans]
    return [(float(span.text.replace(",", "")), place) for span, place in zip(spans, places, strict=True)]


@pytest.mark.parametrize("logarithmic", [False, True])
def test_points_lie_where_the_labels_say(logarithmic):
    losses = logged([3.0, 0.7, 0.06, 0.05, 0.04], logarithmic)
    plot = ElementTree.fromstring(draw_losses(losses))
    (steps, across), (values, up) = (zip(*labels(plot, axis), strict=True) for axis in "xy")
    assert min(len(steps), len(values)) >= 3
    heights = (np.log10(values), np.log10(losses.losses)) if logarithmic else (values, losses.losses)
    for kind in ("logged", "smoothed"):
        found = points(plot, kind)
        expected_x = np.polyval(np.polyfit(steps, across, 1), losses.steps)
        expected_y = SIZE - np.polyval(np.polyfit(heights[0], up, 1), heights[1])
        np.testing.assert_allclose(found, np.stack([expected_x, expected_y], 1), atol=0.5)


def test_a_long_curve_keeps_its_peaks_and_few_points():
    losses = np.random.default_rng(0).random(20 * MOST_BINS)
    losses[[777, 5000]] = 9.0, -9.0
    found = points(ElementTree.fromstring(draw_losses(logged(list(losses)))), "logged")
    assert len(found) <= 2 * MOST_BINS
    assert (np.diff(found[:, 0]) >= 0).all()
    heights = np.sort(found[:, 1])
    margin = 0.04 / 1.08 * SIZE
    assert (heights[0], heights[-1]) == pytest.approx((margin, SIZE - margin), abs=0.1)


@pytest.mark.parametrize("losses", [[0.5], [0.5, 0.5, 0.5], [0.0, 1e-30], [-1.0, 1.0]])
def test_every_loss_can_be_drawn(losses):
    found = points(ElementTree.fromstring(draw_losses(logged(losses))), "logged")
    assert len(found) == len(losses)
    assert ((found > 0) & (found < SIZE)).all()
