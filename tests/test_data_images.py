import pytest
import torch
from torch import Tensor

from qdiffusion.data import ImageSet, to_uint8, to_unit_range
from qdiffusion.data.images import check_images
from qdiffusion.data.prepare import fit_square, to_colour
from qdiffusion.errors import UsageError

LEVELS = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)


def random_images(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_the_two_doors_are_inverse_on_every_level() -> None:
    assert torch.equal(to_uint8(to_unit_range(LEVELS)), LEVELS)


def test_the_range_is_minus_one_to_one_and_linear() -> None:
    x = to_unit_range(LEVELS).flatten()
    torch.testing.assert_close(x, torch.linspace(-1, 1, 256))


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(1, 1, 2, 2),
        torch.zeros(1, 1, 2, 2, dtype=torch.int64),
        torch.zeros(1, 2, 2, dtype=torch.uint8),
        torch.zeros(1, 2, 2, 2, dtype=torch.uint8),
        torch.zeros(0, 1, 2, 2, dtype=torch.uint8),
    ],
)
def test_only_bytes_of_the_right_shape_become_floats(images: Tensor) -> None:
    with pytest.raises(UsageError, match="expected"):
        to_unit_range(images)


@pytest.mark.parametrize("value", [1.0001, -1.0001, float("nan"), float("inf"), 255.0])
def test_floats_out_of_range_are_refused(value: float) -> None:
    images = torch.zeros(2, 1, 2, 2)
    images[1, 0, 1, 1] = value
    with pytest.raises(UsageError, match=r"\[-1, 1\]"):
        to_uint8(images)


def test_bytes_are_not_taken_for_floats() -> None:
    with pytest.raises(UsageError, match="expected floats"):
        to_uint8(LEVELS)


def test_an_image_set_refuses_labels_that_do_not_fit() -> None:
    images = random_images(3, 1, 4, 4)
    for labels in (torch.zeros(2, dtype=torch.int64), torch.zeros(3)):
        with pytest.raises(UsageError, match="labels"):
            ImageSet("x", "train", images, labels, "made up", 1)


def test_pictures_that_are_floats_cast_to_bytes_are_refused() -> None:
    with pytest.raises(UsageError, match="multiply by 255"):
        check_images((random_images(4, 1, 8, 8).float() / 255).round().to(torch.uint8))
    with pytest.raises(UsageError, match="Every pixel of the images is 7"):
        check_images(torch.full((2, 1, 4, 4), 7, dtype=torch.uint8))


def test_fitting_a_size_that_fits_changes_nothing() -> None:
    images = random_images(3, 3, 9, 9)
    assert torch.equal(fit_square(images, 9), images)


def test_the_central_square_is_kept() -> None:
    images = random_images(2, 1, 5, 9)
    assert torch.equal(fit_square(images, 5), images[..., 2:7])
    assert torch.equal(fit_square(images.mT, 5), images.mT[:, :, 2:7])


def test_halving_averages_with_the_triangle_filter() -> None:
    """Antialiased bilinear halving weighs four neighbours 1, 3, 3, 1 (over 8), cut off and renormalised at the edge."""
    images = random_images(1, 1, 8, 8)
    weights = torch.zeros(4, 8)
    for row in range(4):
        for offset, weight in zip(range(-1, 3), (1.0, 3.0, 3.0, 1.0), strict=True):
            if 0 <= 2 * row + offset < 8:
                weights[row, 2 * row + offset] = weight
    weights /= weights.sum(1, keepdim=True)
    expected = (weights @ images[0, 0].float() @ weights.T).round().to(torch.uint8)
    assert torch.equal(fit_square(images, 4)[0, 0], expected)


def test_a_constant_picture_stays_constant_at_any_size() -> None:
    images = torch.full((2, 3, 7, 11), 200, dtype=torch.uint8)
    for size in (1, 5, 16, 28):
        assert torch.equal(fit_square(images, size), torch.full((2, 3, size, size), 200, dtype=torch.uint8))


def test_grey_to_rgb_and_back_is_the_identity_and_pure_colours_have_their_luma() -> None:
    grey = random_images(4, 1, 6, 6)
    rgb = to_colour(grey, "rgb")
    assert rgb.shape[1] == 3
    assert torch.equal(to_colour(rgb, "grey"), grey)
    pure = (torch.eye(3) * 255).to(torch.uint8).view(3, 3, 1, 1)
    assert to_colour(pure, "grey").flatten().tolist() == [76, 150, 29]  # 255 · (0.299, 0.587, 0.114)
    assert torch.equal(to_colour(pure, "auto"), pure)
