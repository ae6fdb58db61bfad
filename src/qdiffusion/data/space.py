"""What one item is, in plain values: whoever consumes items refuses a space that does not fit."""

import math
from dataclasses import dataclass
from typing import Literal

from qdiffusion.errors import UsageError

SpaceKind = Literal["images", "states", "densities", "vectors"]


@dataclass(frozen=True)
class Space:
    """The space that items live in.

    images: real (C, S, S), C = 1 or 3; states: complex (2^n,) of norm 1; densities: density matrices, complex
    (2^n, 2^n); vectors: real (d,).
    """

    kind: SpaceKind
    shape: tuple[int, ...]
    """Of one item."""
    classes: tuple[int, ...] = ()
    """The data's own number of each class, label by label; empty without labels."""

    @property
    def n_classes(self) -> int:
        """Labels are 0 … n_classes - 1; 0 without labels."""
        return len(self.classes)

    @property
    def is_quantum(self) -> bool:
        """Whether items are states, pure or mixed."""
        return self.kind in ("states", "densities")

    @property
    def bytes(self) -> int:
        """Of one item, as it is kept: uint8, complex64 or float32."""
        return math.prod(self.shape) * {"images": 1, "states": 8, "densities": 8, "vectors": 4}[self.kind]

    def expect(self, kind: SpaceKind, who: str, *others: SpaceKind) -> None:
        """Raise UsageError unless items are of this kind, or one of `others`: `who` takes no others ("A U-Net")."""
        kinds = (kind, *others)
        if self.kind not in kinds:
            taken = " or ".join(kinds)
            raise UsageError(f"{who} takes {taken}, but was given {self}; choose one for {self.kind}, or other data.")

    def n_qubits(self, who: str, kind: Literal["states", "densities"] = "states") -> int:
        """n of states of 2^n amplitudes, or of their density matrices; raises as `expect`."""
        self.expect(kind, who)
        return self.shape[0].bit_length() - 1

    def __str__(self) -> str:
        return f"{self.kind} of shape {'×'.join(map(str, self.shape))}"
