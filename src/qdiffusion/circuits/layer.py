"""Circuits as torch modules."""

import math

import torch
from torch import Tensor, nn

from qdiffusion.circuits.circuit import Circuit
from qdiffusion.circuits.observables import Observable, pauli_z
from qdiffusion.circuits.plan import Plan
from qdiffusion.errors import UsageError


class QuantumLayer(nn.Module):
    """A bank of circuits of one shape, each with its own weights, exactly simulated and differentiable.

    Output k of circuit c is the observable's k-th value in the state U(weights[c], x[…, c, :]) |0…0⟩.

    Args:
        circuit: an encoding and an ansatz, `angle_encoding(12) >> hqconv(3)`.
        observable: what is read out, ⟨Z⟩ of every wire by default.
        n_circuits: circuits in the bank; all run in one batched call.
        generator: draws the initial weights, U(0, 2π).

    Attributes:
        weights: angles in radians at the gate, (n_circuits, n_weights), in the circuit's gate order.

    Shape:
        x (*batch, n_circuits, n_inputs), real, radians → (*batch, n_circuits, n_outputs) of the same real dtype
        (complex for `state()`). Computed in the wider of x's and the weights' precision: float32/complex64 or
        float64/complex128.

    Raises:
        UsageError: x or weights of the wrong shape or dtype.
    """

    def __init__(
        self,
        circuit: Circuit,
        observable: Observable | None = None,
        n_circuits: int = 1,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if n_circuits < 1:
            raise UsageError(f"A QuantumLayer needs at least 1 circuit, not {n_circuits}.")
        self.circuit = circuit
        self.observable = pauli_z("each") if observable is None else observable
        self.n_circuits = n_circuits
        self.plan = Plan(circuit, self.observable)
        self.weights = nn.Parameter(torch.empty(n_circuits, circuit.n_weights))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draws the weights from U(0, 2π)."""
        with torch.no_grad():
            self.weights.uniform_(0, 2 * math.pi, generator=generator)

    def forward(self, x: Tensor, weights: Tensor | None = None) -> Tensor:
        """Runs the bank; `weights`, broadcast to (*batch, n_circuits, n_weights), stand in for the layer's own where
        given.
        """
        given = self.weights if weights is None else weights
        self._check(x, given)
        dtype = torch.promote_types(torch.promote_types(x.dtype, given.dtype), torch.float32)
        batch = x.shape[:-2]
        per_sample = given.ndim > 2
        if per_sample:
            given = given.expand(*batch, *given.shape[-2:])
        given = given.expand(*given.shape[:-2], self.n_circuits, -1)
        bank_weights, inputs = (
            tensor.reshape(math.prod(tensor.shape[:-2]), *tensor.shape[-2:]).to(dtype) for tensor in (given, x)
        )
        inputs = inputs.unsqueeze(2) if per_sample else inputs.transpose(0, 1).unsqueeze(0)
        out = self.plan(bank_weights, inputs)
        out = out.squeeze(2) if per_sample else out.squeeze(0).transpose(0, 1)
        return out.reshape(*batch, *out.shape[1:])

    def _check(self, x: Tensor, weights: Tensor) -> None:
        n_inputs, n_weights = self.circuit.n_inputs, self.circuit.n_weights
        if x.ndim < 2 or x.shape[-2:] != (self.n_circuits, n_inputs) or not x.is_floating_point():
            raise UsageError(
                f"QuantumLayer got x of shape {tuple(x.shape)} and {x.dtype}; it takes real angles of shape "
                f"(*batch, {self.n_circuits}, {n_inputs}): circuits, then inputs."
            )
        shape = (*x.shape[:-2], self.n_circuits, n_weights)
        if not _broadcasts(tuple(weights.shape), shape) or not weights.is_floating_point():
            raise UsageError(
                f"QuantumLayer got weights of shape {tuple(weights.shape)} and {weights.dtype}; they must be real and "
                f"broadcast to {shape}."
            )

    def extra_repr(self) -> str:
        return f"{self.circuit.name}, n_circuits={self.n_circuits}, n_weights={self.circuit.n_weights}"


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    if len(shape) > len(to) or len(shape) < 1 or shape[-1] != to[-1]:
        return False
    return all(have in (1, want) for have, want in zip(reversed(shape), reversed(to), strict=False))
