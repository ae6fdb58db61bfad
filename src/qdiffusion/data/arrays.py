"""The user's own data as a file of arrays: .npz, .safetensors or .pt."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from qdiffusion.data.config import MAX_BYTES, Split
from qdiffusion.data.declared import check_declared, npz_bytes, tensor_file_bytes
from qdiffusion.data.holdout import split_indices
from qdiffusion.data.images import ImageSet
from qdiffusion.errors import DataError

SUFFIXES = (".npz", ".safetensors", ".pt")
_KEYS = "images and labels, or x_train, y_train, x_test and y_test, or one array alone"


def load_arrays(path: Path, split: Split, max_bytes: int = MAX_BYTES) -> ImageSet:
    """Load a split of a file of arrays.

    Keys: `images` with or without `labels` (a tenth is held out, see `split_indices`); or `x_train`, `x_test`
    with or without `y_train`, `y_test`; or a single array of any name, the images. Nothing is unpickled.

    Images: uint8 (N, H, W), (N, H, W, C) or (N, C, H, W), C = 1 or 3.
    Labels: integers (N,) or (N, 1), from 0 on.

    Raises:
        DataError: the file cannot be read, declares more than `max_bytes`, or holds anything else.
    """
    pairs = _pairs(_read(path, max_bytes), path)
    images, labels = pairs[split]
    n_classes = max((1 + int(y.max()) for _, y in pairs.values() if y is not None), default=0)
    source = f"your images in {path} ({len(images):,} of the {split} split)"
    return ImageSet(f"own:{path.name}", split, images, labels, source, n_classes)


def _read(path: Path, max_bytes: int) -> Mapping[str, Tensor]:
    try:
        check_declared(path, npz_bytes(path) if path.suffix == ".npz" else tensor_file_bytes(path), max_bytes)
        arrays = _unpacked(path)
    except DataError:
        raise
    except Exception as error:  # on damaged bytes these parsers raise almost anything, IndexError included
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} cannot be read ({reason}); expected {_KEYS}, as plain numbers.") from error
    if not all(isinstance(array, Tensor) for array in arrays.values()):
        raise DataError(f"{path} holds more than tensors; expected {_KEYS}.")
    # A tensor may be a view that repeats a few bytes as often as its shape says.
    check_declared(path, sum(array.numel() * array.element_size() for array in arrays.values()), max_bytes)
    return arrays


def _unpacked(path: Path) -> Mapping[str, Tensor]:
    if path.suffix == ".npz":
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    if path.suffix == ".safetensors":
        return load_file(path)
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    return loaded if isinstance(loaded, dict) else {"images": loaded}


def _pairs(arrays: Mapping[str, Tensor], path: Path) -> dict[Split, tuple[Tensor, Tensor | None]]:
    if "x_train" in arrays and "x_test" in arrays:
        return {
            "train": _parse(arrays["x_train"], arrays.get("y_train"), path),
            "test": _parse(arrays["x_test"], arrays.get("y_test"), path),
        }
    images, labels = _parse(_whole(arrays, path), arrays.get("labels"), path)
    if len(images) < 2:
        raise DataError(f"{path} holds {len(images)} image, expected at least 2: one is held out.")
    keys = [str(i) for i in range(len(images))]
    train, test = split_indices(keys, "train"), split_indices(keys, "test")
    return {
        "train": (images[train], None if labels is None else labels[train]),
        "test": (images[test], None if labels is None else labels[test]),
    }


def _whole(arrays: Mapping[str, Tensor], path: Path) -> Tensor:
    if "images" in arrays:
        return arrays["images"]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise DataError(f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}; expected {_KEYS}.")


def _parse(images: Tensor, labels: Tensor | None, path: Path) -> tuple[Tensor, Tensor | None]:
    images = _channels_first(images, path)
    if labels is None:
        return images, None
    labels = labels.squeeze(1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise DataError(f"{path} holds labels of {labels.dtype}, expected integers from 0 on.")
    labels = labels.long()
    if labels.shape != images.shape[:1] or labels.min() < 0:
        raise DataError(
            f"{path} holds labels of shape {tuple(labels.shape)} for {len(images)} images; "
            "expected one an image, from 0 on."
        )
    return images, labels


def _channels_first(images: Tensor, path: Path) -> Tensor:
    if images.dtype != torch.uint8:
        raise DataError(
            f"{path} holds images of {images.dtype}, expected uint8 levels 0 … 255; "
            "convert floats in [0, 1] with (255 * x).round().astype('uint8'), "
            "those in [-1, 1] with x = (x + 1) / 2 first."
        )
    first, last = (images.ndim == 4 and images.shape[axis] in (1, 3) for axis in (1, -1))
    if images.numel() and images.ndim == 3:
        return images.unsqueeze(1)
    if images.numel() and first != last:
        return images if first else images.permute(0, 3, 1, 2).contiguous()
    raise DataError(
        f"{path} holds images of shape {tuple(images.shape)}; expected (N, H, W), (N, H, W, C) or "
        "(N, C, H, W) with 1 or 3 channels in one place only, and nothing empty."
    )
