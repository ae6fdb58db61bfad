"""Random circuits and observables for hypothesis, and how to run them through the dense reference."""

import torch
from hypothesis import strategies as st
from torch import Tensor

from qdiffusion.circuits import Circuit, Gate, Observable, circuit_of, constant, input, pauli_sum, weight
from qdiffusion.circuits.gates import GATES
from qdiffusion.circuits.reference import evaluate

MAX_WIRES = 6


@st.composite
def angles(draw, n_weights: int, n_inputs: int):
    source = draw(st.sampled_from(["weight", "input", "constant"]))
    if source == "constant":
        return constant(draw(st.floats(-7, 7)))
    free = (
        weight(draw(st.integers(0, n_weights - 1))) if source == "weight" else input(draw(st.integers(0, n_inputs - 1)))
    )
    return draw(st.sampled_from([1.0, -1.0, 0.5, 2.0])) * free + draw(st.sampled_from([0.0, 0.7]))


@st.composite
def gates(draw, n_wires: int, n_weights: int, n_inputs: int):
    names = [name for name, kind in GATES.items() if kind.n_wires <= n_wires]
    name = draw(st.sampled_from(names))
    n_targets = GATES[name].n_wires
    n_controls = draw(st.integers(0, min(2, n_wires - n_targets)))
    wires = draw(st.permutations(range(n_wires)))
    angle = draw(angles(n_weights, n_inputs)) if GATES[name].frequency else None
    return Gate(name, tuple(wires[:n_targets]), angle, tuple(wires[n_targets : n_targets + n_controls]))


@st.composite
def circuits(draw, max_wires: int = MAX_WIRES, max_gates: int = 14) -> Circuit:
    n_wires = draw(st.integers(1, max_wires))
    found = draw(st.lists(gates(n_wires, 4, 3), max_size=max_gates))
    circuit = circuit_of(n_wires, found, "random")
    return Circuit(n_wires, circuit.gates, 4, 3, "random")


@st.composite
def pauli_sums(draw, n_wires: int):
    word = st.text("IXYZ", min_size=n_wires, max_size=n_wires)
    total = st.dictionaries(word, st.floats(-2, 2), min_size=1, max_size=3)
    return pauli_sum(*draw(st.lists(total, min_size=1, max_size=3)))


def dense(circuit: Circuit, observable: Observable, x: Tensor, weights: Tensor) -> Tensor:
    """The reference for x (B, C, n_inputs) and weights broadcast to (B, C, n_weights)."""
    weights = weights.expand(*x.shape[:2], -1)
    rows = [
        torch.stack([evaluate(circuit, observable, x[b, c], weights[b, c]) for c in range(x.shape[1])])
        for b in range(len(x))
    ]
    return torch.stack(rows)
