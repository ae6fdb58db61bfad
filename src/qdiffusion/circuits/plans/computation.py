"""What every plan can do, whatever it reads and however it is differentiated."""

from typing import Any, Protocol

import torch
from torch import Tensor

Output = Tensor | tuple[Tensor, Tensor]
"""One tensor, or the states and probabilities of `branches()`."""


class Computation(Protocol):
    """A circuit compiled against an observable; tensors as for `Plan`."""

    def read(self, weights: Tensor, inputs: Tensor, generator: torch.Generator | None) -> Output:
        """What is known without the weights of the observable: values of Pauli words (W, C, R, words), or the output
        itself.
        """

    def combine(self, values: Any, observable_weights: Tensor | None) -> Any:
        """The outputs, from what `read` gave."""

    def explain(self, samples: int) -> list[str]:
        """A line for each pass that found something, and for each part how it is computed, for a batch of `samples`."""
