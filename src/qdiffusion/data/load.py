"""Load a split of a known set or of the user's own data."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from qdiffusion.data import catalog
from qdiffusion.data.catalog import KnownSet
from qdiffusion.data.config import Colour, ImagesConfig, Split
from qdiffusion.data.idx import read_idx
from qdiffusion.data.images import ImageSet, check_images
from qdiffusion.data.own import load_own
from qdiffusion.data.prepare import prepare
from qdiffusion.errors import DataError, UsageError

_SPLIT_NAMES = {"train": "training", "test": "test"}


def load_images(config: ImagesConfig, split: Split) -> ImageSet:
    """Load the images that `config` describes into memory.

    A full set asked for without `root` and found nowhere is replaced by the packaged subset; its name and
    source say so.

    Args:
        config: which images, classes, size and channels.
        split: "train" or "test".

    Returns:
        The images, uint8 (N, C, size, size), with labels where the data has classes.

    Raises:
        UsageError: the request is wrong: unknown name, split, class or colour, a size or limit below 1, a count of
            training images below 1 or beyond those that there are.
        DataError: files are missing, damaged, larger than allowed, or not the published ones.
    """
    _check(config, split)
    if config.path is not None:
        loaded = load_own(config.path, split, config.size, config.colour, config.max_bytes)
        check_images(loaded.images)
    else:
        loaded = _load_known(config.name, config.root, split, config.max_bytes)
    if config.classes is not None:
        loaded = keep_classes(loaded, config.classes)
    if config.count is not None and split == "train":
        loaded = keep_first(loaded, config.count)
    return _fit(loaded, config)


def _check(config: ImagesConfig, split: str) -> None:
    if split not in _SPLIT_NAMES:
        raise UsageError(f"Unknown split '{split}'; choose train or test.")
    if config.colour not in get_args(Colour):
        raise UsageError(f"Unknown colour '{config.colour}'; choose auto, grey or rgb.")
    if config.size < 1:
        raise UsageError(f"The size is {config.size} pixels; choose 1 or more.")
    if config.count is not None and config.count < 1:
        raise UsageError(f"The count of training images is {config.count}; choose 1 or more, or leave it away.")
    if config.max_bytes < 1:
        raise UsageError(f"The limit of data is {config.max_bytes} bytes; choose 1 or more.")
    if config.path is None:
        catalog.known_set(config.name)


def _load_known(name: str, root: Path | None, split: Split, max_bytes: int) -> ImageSet:
    known = catalog.known_set(name)
    if name.endswith(catalog.SUBSET):
        return _read_packaged(known, split)
    pair, folders = known.splits[split], catalog.places(known, root)
    for folder in folders:
        if paths := catalog.find_pair(folder, pair):
            images = read_idx(paths[0], pair.images.md5, max_bytes)
            labels = read_idx(paths[1], pair.labels.md5, max_bytes)
            return _known_images(known.name, split, images, labels, known.title, f", from {folder}")
    if root is not None:
        raise DataError(
            f"{known.title} is not under {root}: looked for {pair.images.name}[.gz] and its labels in "
            f"{', '.join(map(str, folders))}; run `qdiffusion data fetch {name} --root {root}` or name another folder."
        )
    subset = _read_packaged(known, split)
    reason = f"because the full set was not found; run `qdiffusion data fetch {name}`"
    return replace(subset, source=f"{subset.source}, {reason}")


def _read_packaged(known: KnownSet, split: Split) -> ImageSet:
    paths = catalog.find_pair(catalog.packaged_folder(known), known.splits[split])
    if paths is None:
        raise DataError(f"The packaged subset of {known.title} is missing; install qdiffusion again.")
    images, labels = map(read_idx, paths)
    name = known.name + catalog.SUBSET
    return _known_images(name, split, images, labels, f"packaged balanced subset of {known.title}")


def _known_images(name: str, split: Split, images: Tensor, labels: Tensor, title: str, place: str = "") -> ImageSet:
    source = f"{title} ({len(images):,} {_SPLIT_NAMES[split]} images){place}"
    return ImageSet(name, split, images.unsqueeze(1), labels.long(), source, n_classes=10)


def keep_classes(images: ImageSet, classes: tuple[int, ...]) -> ImageSet:
    """Keep the images of these classes, in their order; `classes[i]` becomes label i.

    Raises:
        UsageError: no labels, no classes, a class twice, or one that the set does not have.
    """
    if images.labels is None:
        raise UsageError(f"Classes {classes} were asked for, but this data has no classes: {images.source}.")
    if not classes or len(set(classes)) != len(classes) or not set(classes) <= set(range(images.n_classes)):
        raise UsageError(f"The classes are {classes}, expected different ones of 0 … {images.n_classes - 1}.")
    new_label = torch.full((images.n_classes,), -1)
    new_label[list(classes)] = torch.arange(len(classes))
    labels = new_label[images.labels]
    kept = labels >= 0
    if not kept.any():
        raise DataError(f"No image has one of the classes {classes}: {images.source}.")
    listed = ", ".join(map(str, classes))
    return replace(
        images,
        images=images.images[kept],
        labels=labels[kept],
        n_classes=len(classes),
        class_numbers=classes,
        source=f"{images.source}; only the {int(kept.sum()):,} of classes {listed}",
    )


def keep_first(images: ImageSet, count: int) -> ImageSet:
    """Keep the first `count` images, in the set's own order.

    Raises:
        UsageError: there are fewer.
    """
    if count > len(images):
        raise UsageError(
            f"The first {count:,} images were asked for, but there are {len(images):,}: {images.source}; ask for no "
            "more than there are."
        )
    labels = None if images.labels is None else images.labels[:count]
    source = f"{images.source}; only the first {count:,}"
    return replace(images, images=images.images[:count], labels=labels, source=source)


def _fit(images: ImageSet, config: ImagesConfig) -> ImageSet:
    before, after = images.images, prepare(images.images, config.size, config.colour)
    source = images.source
    if before.shape[2:] != after.shape[2:]:
        source += f"; resized to {config.size} x {config.size}"
    if before.shape[1] != after.shape[1]:
        source += f"; as {config.colour}"
    return replace(images, images=after, source=source)
