r"""Gradients of angles as differences of values: exact, and possible from measurements alone.

A value ⟨O⟩ is a trigonometric polynomial in each gate's angle, whose frequencies are the differences between
eigenvalues of the gate's generator. One frequency 1 (rotations, phase gates, phase gates under controls) gives

.. math:: f'(θ) = \tfrac12 [f(θ + π/2) - f(θ - π/2)]

and frequencies 1/2 and 1 (controlled rotations, eigenvalues 0 and ±1/2) give the four-term rule

.. math:: f'(θ) = c_+ [f(θ + π/2) - f(θ - π/2)] - c_- [f(θ + 3π/2) - f(θ - 3π/2)], c_± = (\sqrt2 ± 1) / (4\sqrt2)

Angles are shifted one gate at a time, so that weights which several gates share, scales and offsets are ordinary chain
rule. Source: Schuld et al. 2019, eq. 9; Anselmetti et al. 2021, eq. 8.
"""

from collections.abc import Callable
from dataclasses import replace
from math import pi, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits.angles.matrices import Constant
from qdiffusion.circuits.angles.product import angle_row
from qdiffusion.circuits.circuit import Circuit, Gate, weight
from qdiffusion.circuits.structure import angle_indices

Rule = tuple[tuple[float, float], ...]
"""Shifts in radians with their coefficients."""

_PLUS, _MINUS = (sqrt(2) + 1) / (4 * sqrt(2)), (sqrt(2) - 1) / (4 * sqrt(2))
TWO_TERMS: Rule = ((pi / 2, 0.5), (-pi / 2, -0.5))
FOUR_TERMS: Rule = ((pi / 2, _PLUS), (-pi / 2, -_PLUS), (3 * pi / 2, -_MINUS), (-3 * pi / 2, _MINUS))


class ShiftedAngles:
    """A circuit with one angle of its own for every gate that takes one.

    Attributes:
        circuit: reads the angle of its j-th gate with an angle from weight j; its amplitudes stay inputs.
        rules: how each angle is differentiated.
    """

    def __init__(self, circuit: Circuit) -> None:
        turned = [gate for gate in circuit.gates if gate.angle is not None]
        numbers = iter(range(len(turned)))
        gates = tuple(g if g.angle is None else replace(g, angle=weight(next(numbers))) for g in circuit.gates)
        self.circuit = replace(
            circuit,
            gates=gates,
            n_weights=len(turned),
            n_inputs=circuit.n_amplitudes,
            name=f"{circuit.name}, an angle for each gate",
        )
        self.rules = [_rule(gate) for gate in turned]
        angles = [gate.angle for gate in turned if gate.angle is not None]
        self._index = Constant(np.array(angle_indices(turned, circuit.n_weights), dtype=int))
        self._scale = Constant(np.array([0.0 if a.source == "constant" else a.scale for a in angles]))
        self._offset = Constant(np.array([angle.offset for angle in angles]))

    def __call__(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """Weights (W, C, n) and inputs (W, C, R, n) → the angles (W·R, C, gates) in radians of each sample."""
        row = angle_row(weights, inputs.real).transpose(1, 2).flatten(0, 1)
        return torch.addcmul(self._offset.like(row), row[..., self._index.like(row)], self._scale.like(row))


def shifted(angles: Tensor, values: Callable[[Tensor], Tensor], rules: list[Rule]) -> Tensor:
    """values(angles), differentiated by shifts.

    Args:
        angles: (N, C, gates), in radians.
        values: angles (N, C, gates) → real (N, C, *outputs), each circuit's from its own angles; never
            differentiated.
        rules: one for each gate.

    Returns:
        (N, C, *outputs); derivatives of any order are sums of further values.
    """
    found: Tensor = _Shifted.apply(angles, values, rules)
    return found


class _Shifted(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, angles: Tensor, values: Callable[[Tensor], Tensor], rules: list[Rule]) -> Tensor:
        ctx.values, ctx.rules = values, rules
        ctx.save_for_backward(angles)
        return values(angles)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor, None, None]:
        (angles,) = ctx.saved_tensors
        columns = [_derivative(angles, ctx.values, ctx.rules, gate, cotangent) for gate in range(len(ctx.rules))]
        return (torch.stack(columns, -1) if columns else torch.zeros_like(angles)), None, None


def _derivative(
    angles: Tensor, values: Callable[[Tensor], Tensor], rules: list[Rule], gate: int, cotangent: Tensor
) -> Tensor:
    """Σ cotangent · ∂values/∂angles[…, gate], (N, C); under create_graph the values are shifted again in their turn."""
    step = angles.new_zeros(angles.shape[-1])
    step[gate] = 1
    total = torch.zeros_like(angles[..., 0])
    for shift, coefficient in rules[gate]:
        moved = shifted(angles + shift * step, values, rules)
        total = total + coefficient * (cotangent * moved).flatten(2).sum(-1)
    return total


def _rule(gate: Gate) -> Rule:
    return FOUR_TERMS if gate.controls and gate.name != "p" else TWO_TERMS
