"""Items in files: what was written is read, bit for bit, and what is none is refused."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from plots_helpers import random_states
from qdiffusion.runs.items import check_items, from_file, kind_of, to_bytes
from qdiffusion.states import projector

IMAGES = torch.arange(2 * 3 * 16, dtype=torch.uint8).reshape(2, 4, 4, 3).permute(0, 3, 1, 2)
EVERY_KIND = [
    (IMAGES, "images"),
    (random_states(3, 2), "states"),
    (random_states(3, 2, dtype=torch.complex128), "states"),
    (random_states(3, 1, dtype=torch.complex128), "states"),
    (random_states(3, 2, dtype=torch.complex128).conj(), "states"),
    (random_states(3, 2).conj(), "states"),
    (projector(random_states(3, 2)), "densities"),
    (projector(random_states(3, 1, dtype=torch.complex128)), "densities"),
    (torch.linspace(-1, 1, 10).reshape(5, 2).T, "vectors"),
]


@pytest.mark.parametrize(("items", "kind"), EVERY_KIND)
def test_what_was_written_is_read(tmp_path: Path, items: Tensor, kind: str) -> None:
    (tmp_path / "file").write_bytes(to_bytes({"items": items, "labels": torch.arange(3)}, {"ü": "{}"}))
    tensors, metadata = from_file(tmp_path / "file")
    assert tensors["items"].dtype == items.dtype
    assert torch.equal(tensors["items"], items)
    assert torch.equal(tensors["labels"], torch.arange(3))
    assert metadata == {"ü": "{}"}
    check_items(tensors["items"])
    assert kind_of(tensors["items"]) == kind


NAN = torch.tensor([[1.0, torch.nan]])


@pytest.mark.parametrize(
    "items",
    [
        IMAGES.float(),
        IMAGES[0],
        IMAGES[:, :2],
        IMAGES[:0],
        random_states(3, 2)[:, :3],
        random_states(3, 2)[:, :1],
        random_states(3, 2)[0],
        torch.ones(3, 2, dtype=torch.float64),
        torch.ones(3, 2, dtype=torch.int64),
        torch.ones(3, 0),
        torch.tensor(1.0),
        NAN,
        NAN.to(torch.complex64),
        torch.tensor([[1, 0], [0, 0]], dtype=torch.complex64),
    ],
)
def test_what_are_no_items_is_refused(items: Tensor) -> None:
    with pytest.raises(
        ValueError, match=r"^(torch\.\w+ of shape .* are no uint8 images|some items are not finite|a state is zero)"
    ):
        check_items(items)


def test_leading_axes_are_those_of_a_strip() -> None:
    check_items(IMAGES[None], leading=2)
    check_items(random_states(6, 2).reshape(2, 3, 4), leading=2)
    with pytest.raises(ValueError, match="are no uint8 images"):
        check_items(IMAGES, leading=2)
