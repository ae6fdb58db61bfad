"""What papers report of ansätze."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reported:
    """Lowest and highest divergence, nats, and the mean Meyer-Wallach measure; no errors, pairs or bins are given."""

    low: float
    high: float
    entangling: float

    @property
    def divergence_text(self) -> str:
        return f"{self.low:.4f}" if self.low == self.high else f"{self.low:.4f}–{self.high:.4f}"


_QAMP = {"conv-phase": Reported(0.0017, 0.0020, 0.82), "conv-grover": Reported(0.0091, 0.0091, 0.813)}


def reported(n_wires: int, n_layers: int) -> dict[str, Reported]:
    """The ansatz study released with QAMP 2025, by ansatz; nothing but for 4 wires and 5 layers."""
    return _QAMP if (n_wires, n_layers) == (4, 5) else {}
