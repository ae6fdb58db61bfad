"""The slow, obvious simulator that every fast path must equal: gate by gate on the whole complex128 state vector.

It shares no code with the plans: each rotation is exp(-iθG/2) = cos(θ/2) - i sin(θ/2) G for a generator with G² = 1
(torch's matrix_exp was off by 3e-13 at some angles, 1e-10 over a circuit), controls act on the rows where they are 1.
"""

from math import pi

import torch
from torch import Tensor

from qdiffusion.circuits.circuit import Angle, Circuit, Gate
from qdiffusion.circuits.observables import Observable, PauliSums, PauliWord, State

_C = torch.complex128
_X = torch.tensor([[0, 1], [1, 0]], dtype=_C)
_Y = torch.tensor([[0, -1j], [1j, 0]], dtype=_C)
_Z = torch.tensor([[1, 0], [0, -1]], dtype=_C)
_PAULI = {"x": _X, "y": _Y, "z": _Z}


def simulate(circuit: Circuit, x: Tensor, weights: Tensor) -> Tensor:
    """The final state (2^n,) complex128 for one input x (n_inputs,) and one set of weights (n_weights,), in radians."""
    psi = torch.zeros(2**circuit.n_wires, dtype=_C)
    psi[0] = 1
    for gate in circuit.gates:
        psi = _apply(_matrix(gate, x.double(), weights.double()), gate, psi, circuit.n_wires)
    return psi


def evaluate(circuit: Circuit, observable: Observable, x: Tensor, weights: Tensor) -> Tensor:
    """The observable's outputs for one input and one set of weights: float64, complex128 for `state()`."""
    psi = simulate(circuit, x, weights)
    readout = observable.on(circuit.n_wires)
    if isinstance(readout, State):
        return psi
    if not isinstance(readout, PauliSums):
        return psi.abs() ** 2
    return torch.stack(
        [sum((c * _expectation(word, psi) for c, word in total), psi.real.sum() * 0) for total in readout.sums]
    )


def _expectation(word: PauliWord, psi: Tensor) -> Tensor:
    n_wires = len(psi).bit_length() - 1
    image = psi
    for wire, letter in word:
        image = _apply(_PAULI[letter.lower()], Gate(letter.lower(), (wire,)), image, n_wires)
    return torch.vdot(psi, image).real


def _apply(matrix: Tensor, gate: Gate, psi: Tensor, n_wires: int) -> Tensor:
    n_targets, n_controls = len(gate.targets), len(gate.controls)
    axes = [*gate.controls, *gate.targets]
    tensor = psi.reshape((2,) * n_wires).movedim(axes, list(range(len(axes))))
    shape = tensor.shape
    rows = tensor.reshape(2**n_controls, 2**n_targets, -1)
    image = torch.cat([rows[:-1], (matrix @ rows[-1])[None]])
    return image.reshape(shape).movedim(list(range(len(axes))), axes).reshape(-1)


def _matrix(gate: Gate, x: Tensor, weights: Tensor) -> Tensor:
    """S, T and H from the identities S = P(π/2), T = P(π/4), H = (X + Z)/√2."""
    name = gate.name
    if gate.angle:
        theta = _angle(gate.angle, x, weights)
        if name == "p":
            return torch.diag(torch.stack([torch.ones((), dtype=_C), (1j * theta).exp()]))
        generator = torch.kron(_PAULI[name[1]], _PAULI[name[1]]) if len(name) == 3 else _PAULI[name[1]]
        return (theta / 2).cos() * torch.eye(len(generator), dtype=_C) - 1j * (theta / 2).sin() * generator
    if name == "h":
        return (_X + _Z) / 2**0.5
    if name == "swap":
        return torch.eye(4, dtype=_C)[[0, 2, 1, 3]]
    if name in ("s", "t"):
        phase = torch.tensor(1j * pi / {"s": 2, "t": 4}[name], dtype=_C)
        return torch.diag(torch.stack([torch.ones((), dtype=_C), phase.exp()]))
    return _PAULI[name]


def _angle(angle: Angle, x: Tensor, weights: Tensor) -> Tensor:
    values = {"weight": weights, "input": x}.get(angle.source)
    free = torch.zeros((), dtype=torch.float64) if values is None else values[angle.index]
    return angle.offset + angle.scale * free
