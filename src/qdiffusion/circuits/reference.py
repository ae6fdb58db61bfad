"""The slow, obvious simulator that every fast path must equal: gate by gate on the whole complex128 state vector, or
where a circuit is mixed on the whole density matrix.

It shares no code with the plans: each rotation is exp(-iθG/2) = cos(θ/2) - i sin(θ/2) G for a generator with G² = 1
(torch's matrix_exp was off by 3e-13 at some angles, 1e-10 over a circuit), controls act on the rows where they are 1.
"""

from collections.abc import Sequence
from math import pi

import torch
from torch import Tensor

from qdiffusion.circuits.circuit import Angle, Circuit, Gate
from qdiffusion.circuits.observables import (
    Branches,
    Expectations,
    Hermitian,
    Observable,
    PauliWord,
    Probabilities,
    Readout,
    State,
)
from qdiffusion.errors import UsageError

_C = torch.complex128
_X = torch.tensor([[0, 1], [1, 0]], dtype=_C)
_Y = torch.tensor([[0, -1j], [1j, 0]], dtype=_C)
_Z = torch.tensor([[1, 0], [0, -1]], dtype=_C)
_PAULI = {"x": _X, "y": _Y, "z": _Z}


def simulate(circuit: Circuit, x: Tensor, weights: Tensor) -> Tensor:
    """The final state (2^n,) complex128 of a circuit without measurements, not normalised after post-selection; for one
    input x (n_inputs,) and one set of weights (n_weights,), in radians.
    """
    (psi,) = simulate_branches(circuit, x, weights)
    return psi


def simulate_branches(circuit: Circuit, x: Tensor, weights: Tensor) -> Tensor:
    """The states of all branches, (B, 2^n) complex128 and not normalised: ‖ψ_b‖² is the probability of the outcomes b,
    the first measurement most significant.
    """
    states = [_start(circuit, x)]
    for gate in circuit.gates:
        if gate.is_measurement:
            states = [_project(psi, gate.targets[0], bit, circuit.n_wires) for psi in states for bit in (0, 1)]
        else:
            matrix = _matrix(gate, x.real.double(), weights.double())
            states = [_apply(matrix, gate, psi, circuit.n_wires) for psi in states]
    return torch.stack(states)


def simulate_densities(circuit: Circuit, x: Tensor, weights: Tensor) -> Tensor:
    """The density matrices of all branches of any circuit, (B, 2^n, 2^n) complex128 and not normalised: their traces
    are the probabilities of the outcomes.
    """
    branches = [_start_density(circuit, x)]
    for gate in circuit.gates:
        if gate.is_measurement:
            projectors = [_whole(torch.diag(_bit(bit)), gate, circuit.n_wires) for bit in (0, 1)]
            branches = [P @ rho @ P for rho in branches for P in projectors]
            continue
        terms = [
            (chance, _whole(operator, gate, circuit.n_wires))
            for chance, operator in _operators(gate, x.real.double(), weights.double())
        ]
        branches = [torch.stack([chance * K @ rho @ K.mH for chance, K in terms]).sum(0) for rho in branches]
    return torch.stack(branches)


def evaluate(circuit: Circuit, observable: Observable, x: Tensor, weights: Tensor) -> Tensor:
    """The observable's outputs for one input and one set of weights: float64, complex128 for states and density
    matrices; trainable Hermitians and `branches()` are not read here.
    """
    readout = observable.on(circuit.n_wires)
    if circuit.is_mixed:
        return _evaluate_density(circuit, readout, simulate_densities(circuit, x, weights).sum(0))
    states = simulate_branches(circuit, x, weights)
    total = states.abs().square().sum()
    if isinstance(readout, State):
        return states[0] / total.sqrt()
    if isinstance(readout, Expectations):
        words = {word: torch.stack([_expectation(word, psi) for psi in states]).sum() / total for word in readout.words}
        sums = [output for output in readout.outputs if not isinstance(output, Hermitian)]
        return torch.stack([sum((c * words[word] for c, word in output), total * 0) for output in sums])
    if isinstance(readout, Branches):
        raise UsageError("The reference does not read branches(); take simulate_branches().")
    wires = range(circuit.n_wires) if readout.wires is None else readout.wires
    density = torch.stack([_density(psi, wires, circuit.n_wires) for psi in states]).sum(0) / total
    return density.diagonal().real if isinstance(readout, Probabilities) else density


def _evaluate_density(circuit: Circuit, readout: Readout, unnormalised: Tensor) -> Tensor:
    rho = unnormalised / unnormalised.trace().real
    if isinstance(readout, Expectations):
        words = {word: (_word_matrix(word, circuit.n_wires) @ rho).trace().real for word in readout.words}
        sums = [output for output in readout.outputs if not isinstance(output, Hermitian)]
        return torch.stack([sum((c * words[word] for c, word in output), rho[0, 0].real * 0) for output in sums])
    if isinstance(readout, State | Branches):
        raise UsageError(f"A mixed circuit has no {type(readout).__name__} here; take simulate_densities().")
    wires = tuple(range(circuit.n_wires) if readout.wires is None else readout.wires)
    split = rho.reshape((2,) * (2 * circuit.n_wires))
    own = [*wires, *(circuit.n_wires + wire for wire in wires)]
    rest = [wire for wire in range(circuit.n_wires) if wire not in wires]
    size = (2 ** len(wires), 2 ** len(wires), 2 ** len(rest), 2 ** len(rest))
    blocks = split.permute([*own, *rest, *(circuit.n_wires + wire for wire in rest)]).reshape(size)
    density = torch.stack([blocks[:, :, k, k] for k in range(size[-1])]).sum(0)
    return density.diagonal().real if isinstance(readout, Probabilities) else density


def _start(circuit: Circuit, x: Tensor) -> Tensor:
    """The prepared wires' amplitudes, |0⟩ elsewhere."""
    given = x[: circuit.n_amplitudes].to(_C) if circuit.prepared else torch.ones(1, dtype=_C)
    return _with_zeros(given, circuit).reshape(-1)


def _with_zeros(given: Tensor, circuit: Circuit) -> Tensor:
    """The prepared wires' amplitudes (2^k, …) → (2^n, …), |0⟩ on the other wires."""
    n_rest = circuit.n_wires - len(circuit.prepared)
    zeros = torch.zeros(2**n_rest, 1, dtype=_C)
    zeros[0] = 1
    rest = [wire for wire in range(circuit.n_wires) if wire not in circuit.prepared]
    order = [*circuit.prepared, *rest]
    psi = torch.kron(given.reshape(len(given), -1), zeros).reshape(*(2,) * circuit.n_wires, -1)
    axes = [order.index(wire) for wire in range(circuit.n_wires)]
    return psi.permute([*axes, circuit.n_wires]).reshape(2**circuit.n_wires, -1)


def _start_density(circuit: Circuit, x: Tensor) -> Tensor:
    if not circuit.density:
        psi = _start(circuit, x)
        return torch.outer(psi, psi.conj())
    size = 2 ** len(circuit.prepared)
    given = x[: circuit.n_amplitudes].to(_C).reshape(size, size)
    rows = _with_zeros(given, circuit)
    return _with_zeros(rows.T.contiguous(), circuit).T


def _operators(gate: Gate, x: Tensor, weights: Tensor) -> list[tuple[Tensor | float, Tensor]]:
    """Σ_m c_m K_m ρ K_m†: pairs of a factor and an operator on the gate's targets."""
    if not gate.is_channel:
        return [(1.0, _matrix(gate, x, weights))]
    if gate.matrix is not None:
        size = 2 ** len(gate.targets)
        return [(1.0, operator) for operator in torch.tensor(gate.matrix, dtype=_C).reshape(-1, size, size)]
    assert gate.angle is not None, "channels without operators have a strength"
    p = _angle(gate.angle, x, weights)
    one, zero, down = torch.eye(2, dtype=_C), torch.diag(_bit(0)), torch.outer(_bit(0), _bit(1))
    stays = torch.diag(_bit(0) + (1 - p).sqrt() * _bit(1))
    if gate.name == "depolarising":
        paulis = [torch.eye(1, dtype=_C)]
        for _ in gate.targets:
            paulis = [torch.kron(first, second) for first in paulis for second in (one, _X, _Y, _Z)]
        return [(1 - p, paulis[0]), *((p / len(paulis), word) for word in paulis)]
    channels: dict[str, list[tuple[Tensor | float, Tensor]]] = {
        "amplitude_damping": [(1.0, stays), (p, down)],
        "phase_damping": [(1.0, stays), (p, torch.diag(_bit(1)))],
        "reset": [(1 - p, one), (p, zero), (p, down)],
        "bit_flip": [(1 - p, one), (p, _X)],
        "phase_flip": [(1 - p, one), (p, _Z)],
    }
    return channels[gate.name]


def _bit(bit: int) -> Tensor:
    return torch.eye(2, dtype=_C)[bit]


def _whole(matrix: Tensor, gate: Gate, n_wires: int) -> Tensor:
    """The matrix, under the gate's controls, on the whole register."""
    return torch.stack([_apply(matrix, gate, column, n_wires) for column in torch.eye(2**n_wires, dtype=_C)], 1)


def _word_matrix(word: PauliWord, n_wires: int) -> Tensor:
    whole = torch.eye(2**n_wires, dtype=_C)
    for wire, letter in word:
        whole = _whole(_PAULI[letter.lower()], Gate(letter.lower(), (wire,)), n_wires) @ whole
    return whole


def _project(psi: Tensor, wire: int, bit: int, n_wires: int) -> Tensor:
    return _apply(torch.diag(_bit(bit)), Gate("x", (wire,)), psi, n_wires)


def _density(psi: Tensor, wires: Sequence[int], n_wires: int) -> Tensor:
    rows = psi.reshape((2,) * n_wires).movedim(tuple(wires), tuple(range(len(wires)))).reshape(2 ** len(wires), -1)
    return rows @ rows.mH


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
    if gate.matrix is not None:
        return torch.tensor(gate.matrix, dtype=_C)
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
