"""Circuits as data, compiled and simulated in torch."""

from qdiffusion.circuits.ansatze import basic_entangling, fqconv, hqconv
from qdiffusion.circuits.circuit import Angle, Circuit, Gate, circuit_of, constant, input, weight
from qdiffusion.circuits.encodings import angle_encoding
from qdiffusion.circuits.layer import QuantumLayer
from qdiffusion.circuits.observables import (
    Observable,
    pauli_sum,
    pauli_x,
    pauli_y,
    pauli_z,
    probabilities,
    state,
)
from qdiffusion.circuits.plan import Plan

__all__ = [
    "Angle",
    "Circuit",
    "Gate",
    "Observable",
    "Plan",
    "QuantumLayer",
    "angle_encoding",
    "basic_entangling",
    "circuit_of",
    "constant",
    "fqconv",
    "hqconv",
    "input",
    "pauli_sum",
    "pauli_x",
    "pauli_y",
    "pauli_z",
    "probabilities",
    "state",
    "weight",
]
