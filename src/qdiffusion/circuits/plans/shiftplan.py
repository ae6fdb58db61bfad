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
from itertools import count
from math import pi, sqrt
from typing import Any

import torch
from torch import Tensor

from qdiffusion.circuits.angles.picking import GateAngles, angle_row
from qdiffusion.circuits.angles.samples import one_by_one, together
from qdiffusion.circuits.circuit import Circuit, Gate, weight
from qdiffusion.circuits.observables import Expectations, Probabilities, Readout
from qdiffusion.circuits.plans.computation import Computation
from qdiffusion.errors import UsageError

Rule = tuple[tuple[float, float], ...]
"""Shifts in radians with their coefficients."""

_PLUS, _MINUS = (sqrt(2) + 1) / (4 * sqrt(2)), (sqrt(2) - 1) / (4 * sqrt(2))
TWO_TERMS: Rule = ((pi / 2, 0.5), (-pi / 2, -0.5))
FOUR_TERMS: Rule = ((pi / 2, _PLUS), (-pi / 2, -_PLUS), (3 * pi / 2, -_MINUS), (-3 * pi / 2, _MINUS))


class ShiftPlan:
    """A plan whose angles are differentiated by shifts; arguments as for `Plan`.

    Args:
        circuit: what is run.
        readout: expectation values or probabilities.
        compiled: makes the plan of a circuit of the same gates, each with an angle of its own.

    Raises:
        UsageError: what is read is not linear in the density matrix, and real.
    """

    def __init__(self, circuit: Circuit, readout: Readout, compiled: Callable[[Circuit], Computation]) -> None:
        _check(circuit, readout)
        turned = [gate for gate in circuit.gates if _is_turned(gate)]
        self._n_amplitudes = circuit.n_amplitudes
        self._angles = GateAngles(turned, circuit.n_weights, [1.0] * len(turned))
        self._rules = [_rule(gate) for gate in turned]
        self._inner = compiled(_an_angle_for_each_gate(circuit))

    def read(self, weights: Tensor, inputs: Tensor, generator: torch.Generator | None) -> Tensor:
        """→ (W, C, R, *outputs)."""
        amplitudes = one_by_one(weights, inputs)[..., : self._n_amplitudes]
        if amplitudes.requires_grad and self._n_amplitudes:
            raise UsageError(
                "Parameter shift differentiates angles, not amplitudes, and x holds both in one tensor; detach x or "
                "use 'backprop'."
            )

        def values(angles: Tensor) -> Tensor:
            read = self._inner.read(angles, amplitudes, generator)
            assert isinstance(read, Tensor), "branches are refused by _check"
            return read.squeeze(2)

        angles = self._angles(angle_row(weights, inputs.real).transpose(1, 2).flatten(0, 1))
        return together(shifted(angles, values, self._rules).unsqueeze(2), weights, inputs)

    def combine(self, values: Any, observable_weights: Tensor | None) -> Any:
        """The outputs, from what `read` gave; ordinary autograd, also by the observable's weights."""
        return self._inner.combine(values, observable_weights)

    def explain(self, samples: int) -> list[str]:
        """The plan's lines, and what a gradient costs."""
        n_shifts = sum(map(len, self._rules))
        return [
            *self._inner.explain(samples),
            f"gradients by parameter shift: {n_shifts} runs for {len(self._rules)} angles",
        ]


def _an_angle_for_each_gate(circuit: Circuit) -> Circuit:
    """The j-th gate with an angle reads weight j; amplitudes stay inputs."""
    numbers = count()
    gates = tuple(replace(g, angle=weight(next(numbers))) if _is_turned(g) else g for g in circuit.gates)
    return replace(circuit, gates=gates, n_weights=next(numbers), n_inputs=circuit.n_amplitudes)


def _is_turned(gate: Gate) -> bool:
    return gate.angle is not None and not gate.is_channel


def _check(circuit: Circuit, readout: Readout) -> None:
    """Shift rules hold for what is linear in the state's density matrix, and real."""
    if not isinstance(readout, Expectations | Probabilities):
        raise UsageError(f"Parameter shift needs expectation values or probabilities, not {type(readout).__name__}.")
    if any(gate.name == "postselect" for gate in circuit.gates):
        raise UsageError(
            "Post-selected values are ratios, which parameter shift, and so shots, cannot differentiate; use "
            "'backprop' without shots."
        )
    if strength := next((g for g in circuit.gates if g.is_channel and g.angle and g.angle.source != "constant"), None):
        raise UsageError(
            f"Parameter shift, and so shots, differentiates angles, not the strength of '{strength}'; give a number, "
            "or use 'backprop' without shots."
        )


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
    value: Tensor = _Shifted.apply(angles, values, rules)
    return value


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
