"""Generators for named purposes."""

import numpy as np
import torch


def derived(*key: int) -> torch.Generator:
    """A CPU generator for a row of whole numbers of at least 0: equal rows draw alike, different rows independently.

    Source: numpy's SeedSequence, which spreads small seeds over all bits.
    """
    return torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]))
