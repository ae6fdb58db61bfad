"""Circuits of one drawing with angles of their own, a circuit for each noise level."""

import torch
from jaxtyping import Complex, Int64
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, Observable, QuantumLayer
from qdiffusion.circuits.picked import Picked


class CircuitSteps(nn.ModuleList):
    """T circuits, `0` … `T-1`. Angles start as N(0, 1), from torch's global generator."""

    def __init__(self, circuit: Circuit, observable: Observable, count: int) -> None:
        super().__init__(QuantumLayer(circuit, observable, check_norms=False) for _ in range(count))
        for weights in self.parameters():
            nn.init.normal_(weights)

    def forward(self, rows: Complex[Tensor, "n i"], levels: Int64[Tensor, " n"]) -> tuple[Tensor, ...]:
        """What the circuit of each row's level reads, (N, …) each; waits for the device."""
        picked = Picked.of(levels)
        shown = rows[picked.rows].unbind(1)
        left = [self[level](x[:, None]) for level, x in zip(picked.used.tolist(), shown, strict=True)]
        several = [each if isinstance(each, tuple) else (each,) for each in left]
        return tuple(picked.back(torch.cat(parts, dim=1)) for parts in zip(*several, strict=True))
