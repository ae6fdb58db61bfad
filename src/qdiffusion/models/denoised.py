"""What denoisers of states return."""

from typing import NamedTuple

from torch import Tensor


class Denoised(NamedTuple):
    """The states (N, 2^n): by name or as the only element, so that it serves for both values of `return_dict`."""

    sample: Tensor
