"""When a circuit has scrambled, and how that depth grows with the qubits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from scipy.stats import linregress
from torch import Tensor

from qdiffusion.errors import UsageError

SATURATED = 0.9
_SLOPE, _INTERCEPT = 1.57, -0.45
"""The line through the saturation depths of 4, 8, 12 and 16 qubits, results/scrambling."""


def scrambling_depth(n_qubits: int) -> int:
    """⌈1.57 n - 0.45⌉ layers of the ladder, which scramble n qubits: from 4 to 16, the measured `saturation_depth` or
    one more."""
    return math.ceil(_SLOPE * n_qubits + _INTERCEPT)


def saturation_depth(depths: Sequence[int], decay: Float[Tensor, " t"], level: float = SATURATED) -> int:
    """The first of the depths from which on 1 - F, (T,), one value a depth, stays at or above the level.

    Raises:
        UsageError: not one value for each depth, or the last is below the level.
    """
    if not depths or decay.shape != (len(depths),):
        raise UsageError(f"{len(depths)} depths came with values of shape {tuple(decay.shape)}; give one value each.")
    if not decay[-1] >= level:
        raise UsageError(f"1 - F is {decay[-1]:.3g} at depth {depths[-1]}, below {level}; measure deeper circuits.")
    below = (decay < level).nonzero()
    return depths[int(below[-1]) + 1 if len(below) else 0]


@dataclass(frozen=True)
class LinearFit:
    """y = intercept + slope · x by least squares, the slope's standard error from the residuals, and R², the share of
    the spread of y that the line explains."""

    slope: float
    intercept: float
    slope_error: float
    explained: float


def line_fit(x: Sequence[float], y: Sequence[float]) -> LinearFit:
    """The line through points (x, y), three or more."""
    line = linregress(x, y)
    return LinearFit(float(line.slope), float(line.intercept), float(line.stderr), float(line.rvalue) ** 2)


def depth_fit(n_qubits: Sequence[int], depths: Sequence[float]) -> LinearFit:
    """Saturation depths as a line in the number of qubits; the slope is layers a qubit.

    Raises:
        UsageError: not one depth for each number of qubits, or fewer than three different numbers.
    """
    if len(n_qubits) != len(depths) or len(set(n_qubits)) < 3:
        raise UsageError(f"{len(depths)} depths of qubits {tuple(n_qubits)}; give one each of at least three sizes.")
    return line_fit(n_qubits, depths)
