"""Constants on every device and in every precision."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.gradients import transformed


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
        """On the device and in the precision of the real `tensor`; integers stay integers, booleans booleans,
        complex numbers complex."""
        key = (tensor.device, tensor.dtype)
        if key in self._tensors:
            return self._tensors[key]
        dtypes = {"c": tensor.dtype.to_complex(), "f": tensor.dtype, "i": torch.int64, "b": torch.bool}
        # What is first asked for in inference must serve training as well.
        with torch.inference_mode(False):
            constant = torch.tensor(self._array, dtype=dtypes[self._array.dtype.kind], device=tensor.device)
        if not transformed():
            self._tensors[key] = constant
        return constant
