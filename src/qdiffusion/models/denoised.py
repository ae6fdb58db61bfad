"""What denoisers of states return, and refuse."""

from typing import Any, NamedTuple

from torch import Tensor

from qdiffusion.errors import UsageError


class Denoised(NamedTuple):
    """The states (N, 2^n): by name or as the only element, so that it serves for both values of `return_dict`."""

    sample: Tensor


def refuse_labels(class_labels: Any) -> None:
    """Raise UsageError for labels: what calls this is unconditional."""
    if class_labels is not None:
        raise UsageError("This denoiser is unconditional and got class labels; leave class_labels out.")
