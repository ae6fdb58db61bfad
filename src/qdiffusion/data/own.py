"""The user's own data: what kind of thing a path is, and which part of it is held out for testing."""

from pathlib import Path

from qdiffusion.data.arrays import SUFFIXES, load_arrays
from qdiffusion.data.config import MAX_BYTES, Colour, Split
from qdiffusion.data.folder import load_folder
from qdiffusion.data.images import ImageSet
from qdiffusion.errors import DataError


def load_own(path: Path, split: Split, size: int, colour: Colour, max_bytes: int = MAX_BYTES) -> ImageSet:
    """Load a split of the user's own data.

    Args:
        path: a folder of pictures (`load_folder`), or an .npz, .safetensors or .pt file (`load_arrays`).
        split: "train" or "test".
        size: the size in pixels that the pictures of a folder, which may differ, are brought to.
        colour: the channels that they are brought to.
        max_bytes: what a file of arrays may unpack to.

    Raises:
        DataError: nothing is there, or it cannot be read as images.
    """
    if path.is_dir():
        return load_folder(path, split, size, colour)
    if not path.is_file():
        raise DataError(f"There is no file or folder {path}; check the path.")
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path} is of an unknown kind; give a folder of pictures or one of {', '.join(SUFFIXES)}.")
    return load_arrays(path, split, max_bytes)
