"""Items within the page: every state and every vector is where its numbers say."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from plots_helpers import random_states
from qdiffusion.plots.drawn import draw_sets
from qdiffusion.plots.heat import MOST_ROWS, SHADES
from qdiffusion.plots.scatter import limits
from qdiffusion.plots.sphere import RADIUS
from qdiffusion.plots.states import bloch_vectors, populations, projected

NASTY = "\"<&'"


def dots(svg: ElementTree.Element) -> np.ndarray:
    """Where lines of no length are, with the opacity of each."""
    found = [
        [float(x), float(y), float(path.get("stroke-opacity", "1"))]
        for path in svg.iter("path")
        if path.get("class") == "points"
        for x, y in re.findall(r"M(\S+) (\S+?)h0", path.get("d"))
    ]
    return np.array(found)


@pytest.mark.parametrize("small", [False, True])
def test_points_are_where_the_bloch_vectors_are(small: bool) -> None:
    states = random_states(80, 1)
    (piece,), reading = draw_sets([states], [NASTY], small=small)
    svg = ElementTree.fromstring(piece)
    assert svg.get("aria-label") == NASTY
    assert "|0⟩ at the top" in reading
    right, up, near = projected(bloch_vectors(states)).T
    found, expected = dots(svg), np.stack([RADIUS * right, -RADIUS * up], axis=1)
    order, same = np.lexsort(found[:, :2].T.round(1)), np.lexsort(expected.T.round(1))
    np.testing.assert_allclose(found[order][:, :2], expected[same], atol=0.06)
    ranks = found[order][:, 2]
    assert (np.diff(ranks[near[same].argsort()]) >= 0).all(), "what is nearer is never fainter"
    assert ranks.min() < 0.3 < 0.9 < ranks.max()
    assert [text.text for text in svg.iter("text")] == ([] if small else ["|0⟩", "|1⟩", "x", "y"])


def test_poles_and_what_lies_behind() -> None:
    """|0⟩ is up; the state along -x, away from the eye, is drawn before the frame, that along x after it."""
    states = torch.tensor([[1, 0], [1, 1], [1, -1]], dtype=torch.complex64) / torch.tensor([[1.0], [2**0.5], [2**0.5]])
    svg = ElementTree.fromstring(draw_sets([states], [""]).pieces[0])
    kinds = [child.get("class") or child.tag for child in svg]
    outline = kinds.index("circle")
    assert "points" in kinds[:outline]
    assert "points" in kinds[outline:]
    behind = re.findall(r"M(\S+) (\S+?)h0", svg[0].get("d"))
    assert [float(each) for each in behind[0]] == pytest.approx([50, -RADIUS * 0.866 * 0.2588], abs=0.1)


def cells(svg: ElementTree.Element, shape: tuple[int, int]) -> np.ndarray:
    shares = np.zeros(shape)
    for path in svg.iter("path"):
        for column, row in re.findall(r"M(\d+) (\d+)h1v1h-1z", path.get("d")):
            assert shares[int(row), int(column)] == 0
            shares[int(row), int(column)] = float(path.get("fill-opacity"))
    return shares


@pytest.mark.parametrize(("n_qubits", "count"), [(2, 5), (4, 40), (8, 3)])
def test_cells_are_populations_on_one_scale(n_qubits: int, count: int) -> None:
    sets = [random_states(count, n_qubits, seed=seed) for seed in range(2)]
    pieces, reading = draw_sets(sets, ["first", "second"])
    found = [populations(states) for states in sets]
    top = max(each[:MOST_ROWS].max() for each in found)
    highest = max(each.mean(axis=0).max() for each in found)
    for piece, each in zip(pieces, found, strict=True):
        heat, bars = ElementTree.fromstring(piece)
        rows = each[:MOST_ROWS]
        np.testing.assert_allclose(cells(heat, rows.shape), rows / top, atol=0.51 / SHADES)
        tops = [float(y) for y in re.findall(r"1V(\S+?)h", bars[0].get("d"))]
        np.testing.assert_allclose(1 - np.array(tops), each.mean(axis=0) / highest, atol=1e-3)
    assert f"a population of {top:.2g}" in reading
    assert ("the first 6 of 8 qubits" in reading) == (n_qubits == 8)


def test_vectors_share_their_limits() -> None:
    generator = torch.Generator().manual_seed(0)
    sets = [scale * torch.randn(30, 5, generator=generator) for scale in (1.0, 3.0)]
    pieces, reading = draw_sets(sets, [NASTY, "second"])
    low, high = limits(sets)
    together = torch.cat(sets)[:, :2].numpy()
    assert (low < together.min(axis=0)).all()
    assert (high > together.max(axis=0)).all()
    for piece, vectors in zip(pieces, sets, strict=True):
        places = (vectors[:, :2].numpy() - low) / (high - low)
        found = dots(ElementTree.fromstring(piece))[:, :2] / 100
        np.testing.assert_allclose(found, np.stack([places[:, 0], 1 - places[:, 1]], axis=1), atol=1e-3)
    assert "first two of 5 components" in reading


def test_single_components_and_equal_vectors_can_be_drawn() -> None:
    (piece,), reading = draw_sets([torch.full((3, 1), 2.0)], ["one"])
    np.testing.assert_allclose(dots(ElementTree.fromstring(piece))[:, :2], 50)
    assert "one component" in reading
