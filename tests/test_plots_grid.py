"""The sample grid: every pixel of every image is where it belongs, enlarged and untouched."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from qdiffusion.errors import RunError, UsageError
from qdiffusion.plots import sample_grid
from qdiffusion.plots.grid import GAP_GREY, grid_png, shrunk


def read(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("count", "columns"), [(1, 1), (5, 3), (9, 3)])
def test_images_can_be_read_back(channels, count, columns, tmp_path):
    images = torch.randint(256, (count, channels, 6, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    sample_grid(images, tmp_path / "grid.png")
    picture = read(tmp_path / "grid.png")
    assert picture.ndim == (2 if channels == 1 else 3)
    scale = picture.shape[1] // (columns * 8 + 1)
    assert picture.shape[1] == scale * (columns * 8 + 1)
    assert picture.shape[1] + columns * 8 + 1 > 800 >= picture.shape[1]
    small = picture[::scale, ::scale].reshape(-1, columns * 8 + 1, channels).copy()
    np.testing.assert_array_equal(small.repeat(scale, 0).repeat(scale, 1).squeeze(), picture.squeeze())
    for index, image in enumerate(images.numpy()):
        top, left = 1 + index // columns * 7, 1 + index % columns * 8
        np.testing.assert_array_equal(small[top : top + 6, left : left + 7], image.transpose(1, 2, 0))
        small[top : top + 6, left : left + 7] = GAP_GREY
    assert (small == GAP_GREY).all()


def test_columns_and_width_are_the_callers():
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1).repeat(4, 2).repeat(4, 3)
    picture = read(BytesIO(grid_png(images, columns=1, width=20)))
    assert picture.shape == (3 * 16, 3 * 6)
    assert [picture[3 * (5 * index + 1) + 5, 8] for index in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(("size", "most", "expected"), [(28, 48, 28), (48, 48, 48), (49, 48, 24), (100, 30, 25)])
def test_shrunk_pixels_are_means_of_blocks(size, most, expected):
    images = np.random.default_rng(0).integers(256, size=(2, 3, size, size), dtype=np.uint8)
    small = shrunk(images, most)
    assert small.shape == (2, 3, expected, expected)
    block = size // expected
    for row, column in ((0, 0), (expected - 1, 1)):
        piece = images[1, 2, row * block : (row + 1) * block, column * block : (column + 1) * block]
        assert abs(small[1, 2, row, column] - piece.mean()) <= 0.5


def test_only_the_first_images_are_shown(tmp_path):
    images = torch.arange(100, dtype=torch.uint8).reshape(100, 1, 1, 1).expand(-1, -1, 2, 2)
    sample_grid(images, tmp_path / "all.png", limit=4)
    sample_grid(images[:4], tmp_path / "four.png")
    np.testing.assert_array_equal(read(tmp_path / "all.png"), read(tmp_path / "four.png"))


def test_large_images_are_not_shrunk(tmp_path):
    sample_grid(np.zeros((1, 1, 900, 900), dtype=np.uint8), tmp_path / "grid.png")
    assert read(tmp_path / "grid.png").shape == (902, 902)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(4, 1, 8, 8), torch.zeros(4, 8, 8, dtype=torch.uint8), torch.zeros(0, 1, 8, 8, dtype=torch.uint8)],
)
def test_other_images_are_refused(images, tmp_path):
    with pytest.raises(UsageError, match="uint8 images of shape"):
        sample_grid(images, tmp_path / "grid.png")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(RunError, match="Cannot write"):
        sample_grid(np.zeros((1, 1, 2, 2), dtype=np.uint8), tmp_path / "absent" / "grid.png")
