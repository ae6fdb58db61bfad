"""Which part of undivided data is held out for testing."""

import hashlib
from collections.abc import Sequence

from qdiffusion.data.config import Split


def split_indices(keys: Sequence[str], split: Split) -> list[int]:
    """Return the positions of the keys that belong to `split`, ascending.

    The tenth of the keys with the smallest SHA-256, and at least one, is the test split: the same on every
    machine, independent of the order, and almost unchanged when data is added.
    """
    by_hash = sorted(range(len(keys)), key=lambda i: hashlib.sha256(keys[i].encode()).digest())
    n_test = max(1, round(len(keys) / 10))
    return sorted(by_hash[:n_test] if split == "test" else by_hash[n_test:])
