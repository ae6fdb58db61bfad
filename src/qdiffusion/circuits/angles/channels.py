"""Products of runs in which channels read strengths."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.composition import GateProducts
from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.superoperators import ChannelKind


def gate_products(alike: Sequence[Sequence[Sequence[Gate]]], wires: Sequence[int], n_weights: int) -> GateProducts:
    """`GateProducts` of the runs, with strengths where some gate has one."""
    has_strengths = any(_is_strength(gate) for run in alike[0] for gate in run)
    return (ChannelProducts if has_strengths else GateProducts)(alike, wires, n_weights)


class ChannelProducts(GateProducts):
    """As `GateProducts`; p and √(1-p) stand for cos and sin where a gate is a channel of strength p.

    At p = 1, where the slope of √(1-p) is infinite, it counts as 0.
    """

    def __init__(self, alike: Sequence[Sequence[Sequence[Gate]]], wires: Sequence[int], n_weights: int) -> None:
        super().__init__(alike, wires, n_weights)
        table = [[_is_strength(gate) for gate in gates] for gates in self.first]
        self._are_strengths = Constant(np.array(table)[:, None, None, :])

    def factors(self, phase: Tensor) -> tuple[Tensor, Tensor]:
        """(p, √(1-p)), or cos and sin."""
        are_strengths = self._are_strengths.like(phase)
        first, second = super().factors(phase)
        return torch.where(are_strengths, phase, first), torch.where(are_strengths, _survival(phase), second)

    def slopes(self, phase: Tensor) -> tuple[Tensor, Tensor]:
        """-1/(2√(1-p)) and -1, or cos and sin."""
        are_strengths = self._are_strengths.like(phase)
        second, first = super().slopes(phase)
        root = _survival(phase)
        steep = torch.where(root > 0, -0.5 / torch.where(root > 0, root, 1), 0)
        return torch.where(are_strengths, steep, second), torch.where(are_strengths, -1, first)


def _survival(p: Tensor) -> Tensor:
    """√(1-p), 0 from p = 1 on; autograd's slope there is 0, too."""
    inside = p < 1
    return torch.where(inside, (1 - torch.where(inside, p, 0)).sqrt(), 0)


def _is_strength(gate: Gate) -> bool:
    return isinstance(gate.kind, ChannelKind) and gate.angle is not None
