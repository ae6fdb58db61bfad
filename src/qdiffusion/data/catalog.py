"""The sets known by name: their files, checksums, mirrors, licences, and where they are looked for."""

import os
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from qdiffusion.data.config import Split
from qdiffusion.errors import UsageError

SUBSET = "-subset"


@dataclass(frozen=True)
class IdxFile:
    """A published file: its name without .gz, and the MD5 of its content, uncompressed."""

    name: str
    md5: str


@dataclass(frozen=True)
class IdxPair:
    """The images of a split and their labels."""

    images: IdxFile
    labels: IdxFile


@dataclass(frozen=True)
class KnownSet:
    """A published set of ten classes, 28 x 28, grey.

    `counts` are the images in each split, `packaged` those of the subset that ships with the package.
    """

    name: str
    title: str
    licence: str
    splits: dict[Split, IdxPair]
    counts: dict[Split, int]
    packaged: dict[Split, int]
    mirrors: tuple[str, ...]
    torchvision_folder: str

    @property
    def files(self) -> tuple[IdxFile, ...]:
        """All its files, in the order they are fetched."""
        return tuple(file for pair in self.splits.values() for file in (pair.images, pair.labels))


def _pairs(train_images: str, train_labels: str, test_images: str, test_labels: str) -> dict[Split, IdxPair]:
    return {
        "train": IdxPair(
            IdxFile("train-images-idx3-ubyte", train_images), IdxFile("train-labels-idx1-ubyte", train_labels)
        ),
        "test": IdxPair(IdxFile("t10k-images-idx3-ubyte", test_images), IdxFile("t10k-labels-idx1-ubyte", test_labels)),
    }


KNOWN = {
    "mnist": KnownSet(
        name="mnist",
        title="MNIST",
        licence="CC BY-SA 3.0, Y. LeCun, C. Cortes, C. Burges",
        splits=_pairs(
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
        counts={"train": 60_000, "test": 10_000},
        packaged={"train": 10_000, "test": 2_000},
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        torchvision_folder="MNIST",
    ),
    "fashion-mnist": KnownSet(
        name="fashion-mnist",
        title="Fashion-MNIST",
        licence="MIT, Zalando SE",
        splits=_pairs(
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
        counts={"train": 60_000, "test": 10_000},
        packaged={"train": 5_000, "test": 1_000},
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        torchvision_folder="FashionMNIST",
    ),
}

NAMES = (*KNOWN, *(name + SUBSET for name in KNOWN))


def known_set(name: str) -> KnownSet:
    """Return the set that `name` is, or is the subset of; raises UsageError for an unknown name."""
    if name not in NAMES:
        raise UsageError(f"Unknown data set '{name}'; choose one of {', '.join(NAMES)}, or give your own data's path.")
    return KNOWN[name.removesuffix(SUBSET)]


def packaged_folder(known: KnownSet) -> Traversable:
    """Return the folder inside the package that holds the balanced subset."""
    return files("qdiffusion.data") / "packaged" / known.name


def cache_folder() -> Path:
    """Return the user's folder where fetched sets go: $XDG_CACHE_HOME or ~/.cache, then qdiffusion/data."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qdiffusion" / "data"


def places(known: KnownSet, root: Path | None) -> list[Path]:
    """Return the folders where the full set is looked for, in order; only under `root` where one is given."""
    if root is not None:
        return _under(known, root)
    environment = os.environ.get("QDIFFUSION_DATA")
    return [
        *(_under(known, Path(environment)) if environment else ()),
        cache_folder() / known.name,
        *(base / known.torchvision_folder / "raw" for base in (Path("data"), Path.home() / "data")),
        Path("/usr/share/datasets") / known.name,
    ]


def _under(known: KnownSet, root: Path) -> list[Path]:
    return [root / known.name, root / known.torchvision_folder / "raw", root]


def find_file(folder: Traversable, file: IdxFile) -> Traversable | None:
    """Return the file in `folder`, gzipped or not; None where neither is there."""
    candidates = (folder / f"{file.name}.gz", folder / file.name)
    return next((path for path in candidates if path.is_file()), None)


def find_pair(folder: Traversable, pair: IdxPair) -> tuple[Traversable, Traversable] | None:
    """Return the paths of a split's images and labels in `folder`; None unless both are there."""
    images, labels = find_file(folder, pair.images), find_file(folder, pair.labels)
    return (images, labels) if images and labels else None
