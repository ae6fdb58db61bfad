"""Make the balanced subsets that ship with the package.

    python tools/make_subset.py --root DIR

DIR holds the full sets as `mnist/` and `fashion-mnist/`. The first k images of each class, in the order of the
full split, are shuffled by a fixed seed and written as gzipped IDX; the same input gives the same bytes.
"""

import argparse
import gzip
import os
import struct
from pathlib import Path

import torch
from torch import Tensor

from qdiffusion.data import ImagesConfig, load_images
from qdiffusion.data.catalog import KNOWN

PACKAGED = Path(__file__).resolve().parents[1] / "src" / "qdiffusion" / "data" / "packaged"
SEED = 0


def balanced(labels: Tensor, count: int, n_classes: int) -> Tensor:
    """Return the indices of the first count / n_classes images of each class, shuffled."""
    each = count // n_classes
    first = torch.cat([(labels == label).nonzero()[:each, 0] for label in range(n_classes)])
    return first[torch.randperm(len(first), generator=torch.Generator().manual_seed(SEED))]


def write_idx(array: Tensor, path: Path) -> None:
    """Write a uint8 array as gzipped IDX, without a time stamp."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
    part = path.with_suffix(".part")
    part.write_bytes(gzip.compress(header + array.contiguous().numpy().tobytes(), compresslevel=9, mtime=0))
    os.replace(part, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the balanced subsets that ship with the package.")
    parser.add_argument("--root", type=Path, required=True, help="folder with mnist/ and fashion-mnist/")
    parser.add_argument("--out", type=Path, default=PACKAGED)
    options = parser.parse_args()
    for known in KNOWN.values():
        folder = options.out / known.name
        folder.mkdir(parents=True, exist_ok=True)
        for split, pair in known.splits.items():
            full = load_images(ImagesConfig(name=known.name, root=options.root), split)
            chosen = balanced(full.labels, known.packaged[split], full.n_classes)
            write_idx(full.images[chosen, 0], folder / f"{pair.images.name}.gz")
            write_idx(full.labels[chosen].to(torch.uint8), folder / f"{pair.labels.name}.gz")


if __name__ == "__main__":
    main()
