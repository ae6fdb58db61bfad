"""Who is compared: each peer computes the same problem the way its own documentation recommends for batches.

A peer is a function of a problem that returns an `Engine`. Libraries are imported where they are used: each peer runs
in a process of its own, and one that is not installed is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from problem import N_WIRES, Answer, Problem
from torch import Tensor

from qdiffusion.circuits import QuantumLayer, angle_encoding, fqconv, hqconv

if TYPE_CHECKING:
    from types import ModuleType

ANSATZE = {"hqconv": hqconv, "fqconv": fqconv}


@dataclass(frozen=True)
class Engine:
    """A problem ready to run: `forward` gives the outputs, `gradients` outputs and both gradients; both finish before
    they return.
    """

    forward: Callable[[], Any]
    gradients: Callable[[], Answer]


@dataclass(frozen=True)
class Peer:
    """A peer by name.

    Args:
        build: makes its engine.
        needs: modules that must be installed.
        most_samples: where it takes one sample at a time, only so many are run, and the time is scaled to the batch.
    """

    build: Callable[[Problem], Engine]
    needs: tuple[str, ...] = ()
    most_samples: int | None = None

    @property
    def missing(self) -> list[str]:
        return [module for module in self.needs if find_spec(module) is None]


def torch_engine(function: Callable[[Tensor, Tensor], Tensor], problem: Problem, dtype: torch.dtype) -> Engine:
    """function(x (B, C, 12), weights (C, n_weights)) → values (B, C, 12), in torch."""
    x, weights, cotangent = (torch.from_numpy(array).to(dtype) for array in problem.numbers())

    def forward() -> Tensor:
        with torch.no_grad():
            return function(x, weights)

    def gradients() -> Answer:
        arguments = x.requires_grad_(), weights.requires_grad_()
        values = function(*arguments)
        found = torch.autograd.grad(values, arguments, cotangent.to(values.dtype))
        return Answer(*(tensor.detach().numpy() for tensor in (values, *found)))

    return Engine(forward, gradients)


def ours(problem: Problem, dtype: torch.dtype = torch.float32) -> Engine:
    """qdiffusion."""
    layer = QuantumLayer(
        angle_encoding(N_WIRES, axis="x") >> ANSATZE[problem.ansatz](problem.n_layers), n_circuits=problem.n_circuits
    )
    return torch_engine(layer, problem, dtype)


def plain_torch(problem: Problem, dtype: torch.dtype = torch.float32) -> Engine:
    """Gate by gate on a batch of state vectors, as one writes it first."""

    def circuit(x: Tensor, weights: Tensor) -> Tensor:
        psi = torch.zeros(len(x), *[2] * N_WIRES, dtype=dtype.to_complex())
        psi.view(len(x), -1)[:, 0] = 1
        for wire in range(N_WIRES):
            psi = _apply(psi, _rotation("rx", x[:, wire]), wire + 1)
        for (name, control, target), angle in zip(problem.rotations, weights, strict=True):
            off, on = psi.unbind(control + 1)
            on = _apply(on, _rotation(name, angle), target + (target < control))
            psi = torch.stack([off, on], control + 1)
        probabilities = psi.real.square() + psi.imag.square()
        marginals = [probabilities.movedim(wire + 1, 1).flatten(2).sum(2) for wire in range(N_WIRES)]
        return torch.stack([marginal[:, 0] - marginal[:, 1] for marginal in marginals], -1)

    def bank(x: Tensor, weights: Tensor) -> Tensor:
        rows = zip(x.unbind(1), weights, strict=True)
        return torch.stack([circuit(*row) for row in rows], 1)

    return torch_engine(bank, problem, dtype)


def _rotation(name: str, angle: Tensor) -> Tensor:
    """exp(-iθσ/2): angles (…) → complex matrices (…, 2, 2)."""
    cos, sin, zero = (angle / 2).cos(), (angle / 2).sin(), torch.zeros_like(angle)
    entries = {
        "rx": [(cos, zero), (zero, -sin), (zero, -sin), (cos, zero)],
        "rz": [(cos, -sin), (zero, zero), (zero, zero), (cos, sin)],
    }[name]
    return torch.stack([torch.complex(*entry) for entry in entries], -1).unflatten(-1, (2, 2))


def _apply(psi: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """The matrix (2, 2), or one for each sample, on an axis of (B, 2, 2, …)."""
    low, high = psi.unbind(axis)
    column = (-1, *[1] * (low.ndim - 1)) if matrix.ndim == 3 else (1,) * low.ndim
    m = matrix.flatten(-2).unbind(-1)
    a, b, c, d = (entry.reshape(column) for entry in m)
    return torch.stack([a * low + b * high, c * low + d * high], axis)


def _qnode(problem: Problem, device: Any, interface: str, method: str, **options: Any) -> Any:
    """circuit(x, weights): x (12,), or (B, 12) broadcast by PennyLane, and weights (n_weights,) → 12 values."""
    import pennylane as qml

    gates = {"rx": qml.CRX, "rz": qml.CRZ}

    @qml.qnode(device, interface=interface, diff_method=method, **options)
    def circuit(x: Any, weights: Any) -> Any:
        for wire in range(N_WIRES):
            qml.RX(x[..., wire], wires=wire)
        for place, (name, control, target) in enumerate(problem.rotations):
            gates[name](weights[place], wires=[control, target])
        return [qml.expval(qml.PauliZ(wire)) for wire in range(N_WIRES)]

    return circuit


def pennylane_torch(problem: Problem) -> Engine:
    """PennyLane's default.qubit in torch, samples broadcast."""
    import pennylane as qml

    circuit = _qnode(problem, qml.device("default.qubit", wires=N_WIRES), "torch", "backprop")
    return torch_engine(lambda x, w: torch.stack(list(circuit(x[:, 0], w[0])), -1)[:, None], problem, torch.float32)


def pennylane_lightning(problem: Problem) -> Engine:
    """PennyLane's lightning.qubit in complex64, adjoint, one sample at a time; one vector-Jacobian product each."""
    import pennylane as qml

    device = qml.device("lightning.qubit", wires=N_WIRES, c_dtype=np.complex64)
    circuit = _qnode(problem, device, "torch", "adjoint", device_vjp=True)

    def batch(x: Tensor, w: Tensor) -> Tensor:
        return torch.stack([torch.stack(list(circuit(row, w[0]))) for row in x[:, 0]])[:, None]

    return torch_engine(batch, problem, torch.float32)


def _jax_engine(single: Callable[[Any, Any], Any], problem: Problem) -> Engine:
    """single(x (12,), weights) → (12,), vectorised over samples and compiled by JAX."""
    import jax

    x, weights, cotangent = (jax.numpy.asarray(array) for array in problem.numbers())
    batched = jax.vmap(single, in_axes=(0, None))
    forward = jax.jit(batched)

    @jax.jit
    def pull_back(x: Any, weights: Any, cotangent: Any) -> Any:
        values, pull = jax.vjp(batched, x, weights)
        return values, *pull(cotangent)

    def gradients() -> Answer:
        found = jax.block_until_ready(pull_back(x[:, 0], weights[0], cotangent[:, 0]))
        values, grad_x, grad_weights = map(np.asarray, found)
        return Answer(values[:, None], grad_x[:, None], grad_weights[None])

    return Engine(lambda: jax.block_until_ready(forward(x[:, 0], weights[0])), gradients)


def pennylane_jax(problem: Problem) -> Engine:
    """PennyLane's default.qubit in JAX, jit and vmap."""
    import jax
    import pennylane as qml

    circuit = _qnode(problem, qml.device("default.qubit", wires=N_WIRES), "jax", "backprop")
    return _jax_engine(lambda x, w: jax.numpy.stack(circuit(x, w)), problem)


def tensorcircuit_jax(problem: Problem) -> Engine:
    """TensorCircuit-NG in JAX, jit and vmap."""
    import jax
    import tensorcircuit

    tc: ModuleType = tensorcircuit
    tc.set_backend("jax")
    tc.set_dtype("complex64")

    def circuit(x: Any, weights: Any) -> Any:
        c = tc.Circuit(N_WIRES)
        for wire in range(N_WIRES):
            c.rx(wire, theta=x[wire])
        for place, (name, control, target) in enumerate(problem.rotations):
            gate = c.crx if name == "rx" else c.crz
            gate(control, target, theta=weights[place])
        return jax.numpy.stack([c.expectation_ps(z=[wire]).real for wire in range(N_WIRES)])

    return _jax_engine(circuit, problem)


PEERS: dict[str, Peer] = {
    "qdiffusion": Peer(ours),
    "plain torch, gate by gate": Peer(plain_torch),
    "PennyLane default.qubit, torch, broadcast": Peer(pennylane_torch, ("pennylane",)),
    "PennyLane default.qubit, JAX, jit + vmap": Peer(pennylane_jax, ("pennylane", "jax")),
    "PennyLane lightning.qubit, adjoint, one at a time": Peer(
        pennylane_lightning, ("pennylane", "pennylane_lightning"), most_samples=8
    ),
    "TensorCircuit-NG, JAX, jit + vmap": Peer(tensorcircuit_jax, ("tensorcircuit", "jax")),
}
