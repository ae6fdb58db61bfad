"""Circuits as data, compiled and simulated in torch."""

from qdiffusion.circuits.ansatze import basic_entangling, cz_brickwork, fqconv, hqconv, ladder_entangling
from qdiffusion.circuits.circuit import Angle, Circuit, Gate, circuit_of, constant, input, weight
from qdiffusion.circuits.encodings import angle_encoding, state_preparation
from qdiffusion.circuits.layer import QuantumLayer
from qdiffusion.circuits.metric import FubiniStudy
from qdiffusion.circuits.observables import (
    Observable,
    branches,
    concatenate,
    density_matrix,
    hermitian,
    pauli_sum,
    pauli_x,
    pauli_y,
    pauli_z,
    probabilities,
    state,
    trainable_hermitian,
)
from qdiffusion.circuits.operations import diagonal, measure, postselect, unitary
from qdiffusion.circuits.plans.plan import Plan
from qdiffusion.circuits.subcircuits import controlled, inverse, on_wires

__all__ = [
    "Angle",
    "Circuit",
    "FubiniStudy",
    "Gate",
    "Observable",
    "Plan",
    "QuantumLayer",
    "angle_encoding",
    "basic_entangling",
    "branches",
    "circuit_of",
    "concatenate",
    "constant",
    "controlled",
    "cz_brickwork",
    "density_matrix",
    "diagonal",
    "fqconv",
    "hermitian",
    "hqconv",
    "input",
    "inverse",
    "ladder_entangling",
    "measure",
    "on_wires",
    "pauli_sum",
    "pauli_x",
    "pauli_y",
    "pauli_z",
    "postselect",
    "probabilities",
    "state",
    "state_preparation",
    "trainable_hermitian",
    "unitary",
    "weight",
]
