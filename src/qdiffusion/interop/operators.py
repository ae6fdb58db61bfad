"""PennyLane's operators as pieces of this package's gates."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qdiffusion.circuits import channels, composite
from qdiffusion.circuits.circuit import Angle, Gate, weight
from qdiffusion.circuits.composite import Phase, Piece, Pieces
from qdiffusion.circuits.operations import diagonal, unitary
from qdiffusion.errors import UsageError

_GATES = {
    "PauliX": "x",
    "PauliY": "y",
    "PauliZ": "z",
    "Hadamard": "h",
    "S": "s",
    "T": "t",
    "SWAP": "swap",
    "RX": "rx",
    "RY": "ry",
    "RZ": "rz",
    "PhaseShift": "p",
    "U1": "p",
    "IsingXX": "rxx",
    "IsingYY": "ryy",
    "IsingZZ": "rzz",
}
_COMPOSITES: Mapping[str, Callable[..., Sequence[Piece]]] = {
    "SX": composite.sx,
    "ISWAP": composite.iswap,
    "Rot": composite.rot,
    "U2": composite.u2,
    "U3": composite.u3,
    "GlobalPhase": lambda angle, *wires: (Phase(-angle),),
    "Identity": lambda *wires: (),
}
_MATRICES = {"QubitUnitary": unitary, "DiagonalQubitUnitary": diagonal}
_CHANNELS: Mapping[str, Callable[[int, float], Gate]] = {
    "AmplitudeDamping": channels.amplitude_damping,
    "BitFlip": channels.bit_flip,
    "PhaseDamping": channels.phase_damping,
    "PhaseFlip": channels.phase_flip,
}


class OperatorReader:
    """Turns operators into pieces, their parameters into `values`: the angle `weight(k)` stands for `values[k]`.

    Controls and adjoints act on the pieces of what they are made of; what is not known here is decomposed as PennyLane
    says.

    Args:
        wires: the number of each of PennyLane's wire labels.

    Attributes:
        values: real scalars, float64, with whatever gradient PennyLane handed through.
    """

    def __init__(self, wires: Mapping[Any, int]) -> None:
        self.values: list[Tensor] = []
        self._wires = wires

    def read_all(self, operators: Iterable[Any]) -> Pieces:
        """The pieces of the operators, in order.

        Raises:
            UsageError: an operator is not made of known gates, or takes several angles at once.
        """
        return tuple(piece for operator in operators for piece in self._read(operator))

    def _read(self, operator: Any) -> Sequence[Piece]:
        from pennylane import ops
        from pennylane.operation import Channel

        if isinstance(operator, ops.Controlled):
            controls = [self._wires[label] for label in operator.control_wires]
            return composite.controlled(self._read(operator.base), controls, operator.control_values)
        if isinstance(operator, ops.Adjoint):
            return composite.inverse(self._read(operator.base))
        wires = [self._wires[label] for label in operator.wires]
        if name := _GATES.get(operator.name):
            angles = self._angles(operator)
            return (Gate(name, tuple(wires), angles[0] if angles else None),)
        if make := _COMPOSITES.get(operator.name):
            return make(*self._angles(operator), *wires)
        if make_matrix := _MATRICES.get(operator.name):
            (matrix,) = (torch.as_tensor(parameter) for parameter in operator.parameters)
            if matrix.requires_grad:
                raise UsageError(f"PennyLane's {operator.name} got a matrix to train; a circuit's gates train angles.")
            return (make_matrix(matrix.numpy(), wires),)
        if isinstance(operator, Channel):
            return (_channel(operator, wires),)
        if operator.has_decomposition:
            return self.read_all(operator.decomposition())
        raise UsageError(
            f"PennyLane's {operator.name} on wires {list(operator.wires)} is not made of gates; a circuit takes "
            "gates and channels only, leave it out."
        )

    def _angles(self, operator: Any) -> list[Angle]:
        angles = []
        for parameter in operator.parameters:
            value = torch.as_tensor(parameter, dtype=torch.float64)
            if value.ndim:
                raise UsageError(
                    f"PennyLane's {operator.name} got angles of shape {tuple(value.shape)}; give the arguments of one "
                    "sample, a QuantumLayer takes batches."
                )
            angles.append(weight(len(self.values)))
            self.values.append(value)
        return angles


def _channel(operator: Any, wires: list[int]) -> Gate:
    """By name where PennyLane means the same, else by its operators."""
    parameters = [torch.as_tensor(parameter) for parameter in operator.parameters]
    if any(parameter.requires_grad for parameter in parameters):
        raise UsageError(
            f"PennyLane's {operator.name} got a free strength; strengths are imported as constants, name the argument "
            "in `constants`."
        )
    if make := _CHANNELS.get(operator.name):
        return make(wires[0], float(operator.parameters[0]))
    return channels.kraus([np.asarray(matrix) for matrix in operator.kraus_matrices()], wires)
