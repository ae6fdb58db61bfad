"""Vectors as points: their first two components."""

from collections.abc import Sequence
from html import escape

import numpy as np
from torch import Tensor

from qdiffusion.plots.states import Numbers

SIZE = 100
MARGIN = 0.05


def plane(vectors: Tensor) -> Numbers:
    """The first two components of float32 (N, d), (N, 2); of one the second is zero."""
    found = vectors.numpy().astype(np.float64)[:, :2]
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def limits(sets: Sequence[Tensor]) -> Numbers:
    """Lowest and highest of each component over all sets, with a margin: (2, 2)."""
    points = np.concatenate([plane(vectors) for vectors in sets])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, MARGIN * (high - low), 0.5)
    return np.stack([low - margin, high + margin])


def reading(n_components: int, bounds: Numbers) -> str:
    """What the drawings show."""
    (left, low), (right, high) = bounds
    which = "a vector's one component" if n_components == 1 else f"a vector's first two of {n_components} components"
    return f"Each point is {which}: {left:.2g} to {right:.2g} to the right, {low:.2g} to {high:.2g} upwards."


def draw_scatter(vectors: Tensor, label: str, bounds: Numbers, small: bool = False) -> str:
    """float32 (N, d) as SVG within `limits`."""
    low, high = bounds
    places = (plane(vectors) - low) / (high - low)
    dots = "".join(f"M{SIZE * x:.1f} {SIZE * (1 - y):.1f}h0" for x, y in places)
    kind = "scatter small" if small else "scatter"
    return (
        f'<svg class="{kind}" viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{escape(label)}">'
        f'<path class="points" d="{dots}"/></svg>'
    )
