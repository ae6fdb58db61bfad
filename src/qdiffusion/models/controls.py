"""What may stand where a hybrid network has circuits, to learn what the circuits themselves contribute."""

import math
from collections.abc import Callable
from typing import get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, QuantumLayer, pauli_z
from qdiffusion.errors import UsageError
from qdiffusion.models.config import Control

NO_CIRCUITS = "The control {!r} was asked for, but this network has no circuits; leave it out, or choose circuits."


def make_bank(
    circuit: Circuit, n_circuits: int, control: str, *, span: float = 2 * math.pi, rate: float | None = None
) -> nn.Module:
    """A bank of circuits read out on every wire, or its control: (*batch, n_circuits, n_wires) → the same shape.

    Args:
        control: "none", the circuits; "twin", a classical map with as many parameters (`ClassicalTwin`); "zero",
            nothing comes out; "random", their angles stay as they were drawn; "product", every gate acts without its
            control, so that no wire learns of another (`Circuit.uncontrolled`).
        span, rate: of a `QuantumLayer`.

    Raises:
        UsageError: there is no such control.
    """
    if control not in CONTROLS:
        raise UsageError(f"There is no control {control!r}; choose {', '.join(CONTROLS)}.")
    return CONTROLS[control](circuit, n_circuits, span, rate)


class ClassicalTwin(nn.Module):
    """What is classical, bounded, sees what a circuit sees and has as many parameters.

    y_k = tanh(b_k + Σ_{mj} w_{kmj} f_m(x_{(k+j) mod n})),  f_0(x) = x,  f_m(x) = sin(m x)

    The first n weights of a circuit are b; the others are handed out in turn, output by output, then neighbour by
    neighbour j, then m: 72 of them give each of 12 outputs 6 neighbours. Where that left outputs without any, fewer
    than 2 n weights, all outputs share them, one as b, the others neighbour by neighbour: a circular convolution.

    forward: (*batch, n_circuits, n) → the same shape, in [-1, 1].

    Args:
        n_wires: n.
        n_weights: parameters of each circuit.
        n_circuits: maps in the bank.
    """

    places: Tensor

    def __init__(self, n_wires: int, n_weights: int, n_circuits: int) -> None:
        super().__init__()
        self.n_wires, self.is_shared = n_wires, n_weights < 2 * n_wires
        self.n_bias = min(1 if self.is_shared else n_wires, n_weights)
        n_mixing = n_weights - self.n_bias
        n_seen = n_mixing if self.is_shared else math.ceil(n_mixing / n_wires)
        self.harmonics = math.ceil(n_seen / n_wires)
        place = torch.arange(0 if self.is_shared else n_mixing)
        output, turn = place % n_wires, place // n_wires
        harmonic, neighbour = turn // n_wires, (output + turn) % n_wires
        self.register_buffer("places", (output * self.harmonics + harmonic) * n_wires + neighbour, persistent=False)
        self.weights = nn.Parameter(torch.empty(n_circuits, n_weights))
        bound = max(1, n_seen) ** -0.5
        nn.init.uniform_(self.weights, -bound, bound)

    def forward(
        self, x: Float[Tensor, "*batch circuits n"], used: Int64[Tensor, " circuits"] | None = None
    ) -> Float[Tensor, "*batch circuits n"]:
        """`used`: which maps of the bank x goes through; None: all."""
        weights = self.weights if used is None else self.weights[used]
        bias, rest = weights.tensor_split([self.n_bias], dim=1)
        if not self.harmonics:
            return bias.sum(1, keepdim=True).tanh().expand_as(x)
        features = torch.stack([x if m == 0 else (m * x).sin() for m in range(self.harmonics)], dim=-2)
        return (bias + (self._convolved if self.is_shared else self._mapped)(features, rest)).tanh()

    def _mapped(
        self, features: Float[Tensor, "*batch c m n"], rest: Float[Tensor, "c w"]
    ) -> Float[Tensor, "*batch c n"]:
        """Σ_{mj} w_{kmj} f_m(x_{k+j}), the weights handed out."""
        matrix = rest.new_zeros(len(rest), self.n_wires * self.harmonics * self.n_wires)
        matrix = matrix.index_add(1, self.places, rest).unflatten(1, (self.n_wires, -1))
        return torch.einsum("...ci,cki->...ck", features.flatten(-2), matrix)

    def _convolved(
        self, features: Float[Tensor, "*batch c m n"], rest: Float[Tensor, "c w"]
    ) -> Float[Tensor, "*batch c n"]:
        """Σ_{mj} w_{mj} f_m(x_{k+j}), a circular correlation, by its Fourier transform."""
        free = self.harmonics * self.n_wires - rest.shape[1]
        kernel = torch.fft.rfft(nn.functional.pad(rest, (0, free)).unflatten(1, (self.harmonics, -1)))
        return torch.fft.irfft((torch.fft.rfft(features) * kernel.conj()).sum(-2), n=self.n_wires)


class Zero(nn.Module):
    """Nothing comes out: 0 for every wire."""

    def forward(self, x: Float[Tensor, "*batch circuits n"]) -> Float[Tensor, "*batch circuits n"]:
        return torch.zeros_like(x)


def _circuits(circuit: Circuit, n_circuits: int, span: float, rate: float | None) -> QuantumLayer:
    return QuantumLayer(circuit, pauli_z("each"), n_circuits, span=span, rate=rate)


def _twin(circuit: Circuit, n_circuits: int, span: float, rate: float | None) -> ClassicalTwin:
    return ClassicalTwin(circuit.n_wires, circuit.n_weights, n_circuits)


def _zero(circuit: Circuit, n_circuits: int, span: float, rate: float | None) -> Zero:
    return Zero()


def _random(circuit: Circuit, n_circuits: int, span: float, rate: float | None) -> QuantumLayer:
    """Angles that are no parameters: saved with the weights, but never trained."""
    layer = _circuits(circuit, n_circuits, span, rate)
    angles = layer.weights.detach()
    del layer.weights
    layer.register_buffer("weights", angles)
    return layer


def _product(circuit: Circuit, n_circuits: int, span: float, rate: float | None) -> QuantumLayer:
    return _circuits(circuit.uncontrolled(), n_circuits, span, rate)


CONTROLS: dict[str, Callable[[Circuit, int, float, float | None], nn.Module]] = dict(
    zip(get_args(Control), (_circuits, _twin, _zero, _random, _product), strict=True)
)
