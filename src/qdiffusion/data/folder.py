"""The user's own data as a folder of pictures."""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from qdiffusion.data.config import Colour, Split
from qdiffusion.data.holdout import split_indices
from qdiffusion.data.images import ImageSet
from qdiffusion.data.prepare import prepare, to_colour
from qdiffusion.errors import DataError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"})
_GREY_MODES = frozenset({"1", "L", "LA"})
_PALETTE_MODES = frozenset({"P", "PA"})
_MODES = _GREY_MODES | _PALETTE_MODES | {"RGB", "RGBA", "CMYK", "YCbCr"}


def load_folder(path: Path, split: Split, size: int, colour: Colour) -> ImageSet:
    """Load a split of a folder of pictures.

    Sub-folders are classes, in alphabetical order. Where the folder holds `train` and `test`, those are the
    splits and their sub-folders the classes; else a tenth is held out (`split_indices`). Transparency is
    dropped, the camera's rotation is applied. With colour "auto" the result is grey where every picture is.

    Returns:
        Images uint8 (N, C, size, size).

    Raises:
        DataError: no pictures, fewer than two where a split must be made, pictures both loose and in
            sub-folders, or one that cannot be read.
    """
    divided = all((path / name).is_dir() for name in ("train", "test"))
    base = path / split if divided else path
    classes = _class_names([path / "train", path / "test"] if divided else [path])
    pictures = _pictures(base, classes)
    if not divided:
        if len(pictures) < 2:
            raise DataError(f"{path} holds {len(pictures)} pictures, expected at least 2: one is held out for testing.")
        keys = [picture.relative_to(base).as_posix() for picture in pictures]
        pictures = [pictures[i] for i in split_indices(keys, split)]
    images = _one_colour([prepare(_read_picture(picture), size, colour) for picture in pictures])
    labels = [classes.index(picture.relative_to(base).parts[0]) for picture in pictures] if classes else None
    return ImageSet(
        name=f"own:{path.name}",
        split=split,
        images=images,
        labels=None if labels is None else torch.tensor(labels),
        source=f"your pictures in {path} ({len(images):,} of the {split} split, brought to {size} x {size})",
        n_classes=len(classes),
    )


def _class_names(folders: list[Path]) -> list[str]:
    children = [child for folder in folders for child in folder.iterdir()]
    visible = (child for child in children if child.is_dir() and not child.name.startswith("."))
    return sorted({child.name for child in visible if _below(child)})


def _below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES and not _hidden(p.relative_to(folder)))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _pictures(base: Path, classes: list[str]) -> list[Path]:
    pictures = _below(base)
    loose = [picture for picture in pictures if picture.parent == base]
    if not pictures:
        raise DataError(f"{base} holds no pictures; expected files ending in {', '.join(sorted(PICTURES))}.")
    if loose and classes:
        raise DataError(
            f"{base} holds pictures both loose ({loose[0].name}, …) and in sub-folders ({classes[0]}, …); "
            "expected one sub-folder a class, or none."
        )
    return pictures


def _read_picture(path: Path) -> Tensor:
    from PIL import Image, ImageOps

    bombs = (Image.DecompressionBombWarning, Image.DecompressionBombError)  # from 89 million pixels on
    try:
        with warnings.catch_warnings(action="error", category=bombs[0]), Image.open(path) as opened:
            if opened.mode not in _MODES:
                raise DataError(f"{path} has the pixel format {opened.mode}; save it with 8 bits a channel.")
            picture = ImageOps.exif_transpose(opened)
            if picture.mode in _PALETTE_MODES:
                picture = picture.convert("RGBA")  # straight to RGB warns where the palette has transparency
            pixels = np.array(picture.convert("L" if opened.mode in _GREY_MODES else "RGB"))
    except (OSError, SyntaxError, ValueError, *bombs) as error:
        raise DataError(f"{path} cannot be read as a picture ({error}); repair or remove it.") from error
    image = torch.from_numpy(pixels)
    return image[None, None] if image.ndim == 2 else image.permute(2, 0, 1)[None]


def _one_colour(images: list[Tensor]) -> Tensor:
    mixed = len({image.shape[1] for image in images}) > 1
    return torch.cat([to_colour(image, "rgb") for image in images] if mixed else images)
