"""The known sets and where they lie; no image is read."""

from dataclasses import dataclass
from pathlib import Path

from qdiffusion.data import catalog
from qdiffusion.data.catalog import KnownSet


@dataclass(frozen=True)
class SetInfo:
    """A known set; `found` is the folder it lies in, "in the package", or None where it is not found."""

    name: str
    n_train: int
    n_test: int
    found: str | None
    licence: str


def list_sets(root: Path | None = None) -> list[SetInfo]:
    """Return every known set and where it was found, reading no image."""
    return [_info(name, root) for name in catalog.NAMES]


def _info(name: str, root: Path | None) -> SetInfo:
    known = catalog.known_set(name)
    if name.endswith(catalog.SUBSET):
        return SetInfo(name, known.packaged["train"], known.packaged["test"], "in the package", known.licence)
    found = (folder for folder in catalog.places(known, root) if _holds_all(known, folder))
    where = next(map(str, found), None)
    return SetInfo(name, known.counts["train"], known.counts["test"], where, known.licence)


def _holds_all(known: KnownSet, folder: Path) -> bool:
    return all(catalog.find_pair(folder, pair) for pair in known.splits.values())
