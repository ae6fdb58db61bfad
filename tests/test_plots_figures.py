"""The pictures in a run folder: chosen by what the files hold."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from plots_helpers import log_losses, make_run, random_states, strip
from qdiffusion.errors import RunError
from qdiffusion.plots import draw_figures
from qdiffusion.plots.axes import items_figure, strip_figure
from qdiffusion.plots.grid import GAP_GREY, grid_png, rows_by_class
from qdiffusion.plots.states import bloch_vectors, populations, projected
from qdiffusion.runs import Run
from qdiffusion.runs.pictures import Strip, write_strip
from qdiffusion.runs.samples import steps_path, write_samples

STATES = {n_qubits: random_states(6, n_qubits) for n_qubits in (1, 3)}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "run")


def test_every_set_and_its_steps_are_drawn(run: Run) -> None:
    sets = {"images": strip().items[:, 0], "bloch": STATES[1], "heat": STATES[3], "points": torch.randn(4, 3)}
    for name, items in sets.items():
        path = run.samples_path / f"{name}.safetensors"
        write_samples(path, items, {})
        write_strip(steps_path(path), Strip(items.unflatten(0, (-1, 2)), (("$t$ 1",), ()), ""))
    log_losses(run, [2.0, 1.0])
    draw_figures(run)
    drawn = {path.name for path in run.samples_path.glob("*.png")}
    assert drawn == {f"{name}{suffix}.png" for name in sets for suffix in ("", "-steps")}
    for path in run.samples_path.glob("*.png"):
        with Image.open(path) as image:
            assert np.asarray(image).std() > 0
    assert (run.samples_path / "images.png").read_bytes() == grid_png(sets["images"])
    assert (run.figures_path / "loss.png").is_file()


def test_a_row_for_each_class(run: Run) -> None:
    images = torch.arange(7, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    labels = torch.tensor([9, 3, 9, 3, 9, 5, 3])
    write_samples(run.samples_path / "a.safetensors", images, {}, labels)
    draw_figures(run)
    with Image.open(run.samples_path / "a.png") as image:
        picture = np.asarray(image)
    scale = picture.shape[1] // (3 * 3 + 1)
    found = picture[::scale, ::scale][1::3, 1::3]
    np.testing.assert_array_equal(found, [[1, 3, 6], [5, GAP_GREY, GAP_GREY], [0, 2, 4]])


def test_rows_are_cut_to_the_limit_and_a_single_class_is_left_to_the_grid() -> None:
    images = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    cells, columns = rows_by_class(images, np.arange(20) % 2, limit=6)
    assert columns == 3
    np.testing.assert_array_equal(cells.ravel(), [0, 2, 4, 1, 3, 5])
    cells, columns = rows_by_class(images, np.zeros(20, np.int64), limit=6)
    assert columns is None
    np.testing.assert_array_equal(cells.ravel(), range(6))


def test_points_of_the_picture_are_the_bloch_vectors() -> None:
    (axes,) = items_figure(STATES[1]).axes
    (points,) = axes.collections
    seen = projected(bloch_vectors(STATES[1]))
    seen = seen[seen[:, 2].argsort()]
    np.testing.assert_allclose(points.get_offsets(), seen[:, :2], atol=1e-12)
    assert (np.diff(points.get_alpha()) >= 0).all()


def test_cells_and_bars_of_the_picture_are_populations() -> None:
    above, below, _ = items_figure(STATES[3]).axes
    np.testing.assert_allclose(above.images[0].get_array(), populations(STATES[3]))
    np.testing.assert_allclose([bar.get_height() for bar in below.patches], populations(STATES[3]).mean(axis=0))


def test_levels_stand_side_by_side_under_their_lines_on_one_scale() -> None:
    items = STATES[3].reshape(2, 3, 8)
    levels = Strip(items, (("t 3", "$1$"), ("t 2",), ()), "")
    axes = strip_figure(levels).axes
    assert [each.get_title() for each in axes] == ["t 3\n$1$", "t 2", ""]
    top = max(populations(each).max() for each in items.unbind(1))
    for each, states in zip(axes, items.unbind(1), strict=True):
        np.testing.assert_allclose(each.images[0].get_array(), populations(states))
        assert each.images[0].get_clim() == pytest.approx((0, top))


def test_images_of_a_level_stand_below_each_other() -> None:
    columns = strip_figure(strip()).axes
    for axes, images in zip(columns, strip().items.unbind(1), strict=True):
        picture = axes.images[0].get_array()
        assert picture.shape == (2 * 4 + 1, 5, 3)
        for row, image in enumerate(images):
            np.testing.assert_array_equal(picture[1 + 4 * row : 4 + 4 * row, 1:4, 0], image[0])


def test_damaged_steps_are_named(run: Run) -> None:
    path = run.samples_path / "a.safetensors"
    write_samples(path, STATES[1], {})
    steps_path(path).write_bytes(b"{")
    with pytest.raises(RunError, match=r"a-steps\.safetensors is damaged"):
        draw_figures(run)
