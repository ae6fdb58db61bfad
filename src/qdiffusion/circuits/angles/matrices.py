"""What all matrices need: constants on every device, and when a gradient may be written by hand."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


class Constant:
    """A numpy array kept as a tensor on every device and in every precision it was asked for."""

    def __init__(self, array: np.ndarray) -> None:
        # One layout, before and after pickling: another would round differently.
        self._array = np.ascontiguousarray(array)
        self._tensors: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Tensors stay behind: a copy may be wanted on another device."""
        return {"_array": self._array, "_tensors": {}}

    def like(self, tensor: Tensor) -> Tensor:
        """On the device and in the precision of the real `tensor`; integers stay integers, complex numbers complex."""
        key = (tensor.device, tensor.dtype)
        if key in self._tensors:
            return self._tensors[key]
        dtype = {"c": tensor.dtype.to_complex(), "f": tensor.dtype, "i": torch.int64}[self._array.dtype.kind]
        # What is first asked for in inference must serve training as well.
        with torch.inference_mode(False):
            found = torch.tensor(self._array, dtype=dtype, device=tensor.device)
        if not transformed():
            self._tensors[key] = found
        return found


def transformed() -> bool:
    """Whether torch.func transforms what runs now: it needs plain operations and no `autograd.Function`."""
    return bool(torch._C._are_functorch_transforms_active())


def records_alone(tensor: Tensor) -> bool:
    """Whether autograd would record here, and an `autograd.Function` may do so in one step."""
    return tensor.requires_grad and torch.is_grad_enabled() and not transformed()
