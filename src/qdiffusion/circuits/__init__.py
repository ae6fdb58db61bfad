"""Circuits as data, compiled and simulated in torch."""

from qdiffusion.circuits.ansatze import (
    alternating_ladder,
    basic_entangling,
    cz_brickwork,
    fqconv,
    hqconv,
    ladder_entangling,
    strongly_entangling,
)
from qdiffusion.circuits.circuit import Angle, Circuit, Gate, circuit_of, constant, input, weight
from qdiffusion.circuits.encodings import (
    amplitude_encoding,
    angle_encoding,
    basis_encoding,
    dense_angle_encoding,
    iqp_encoding,
    phase_encoding,
    reuploading,
    state_preparation,
)
from qdiffusion.circuits.inputs import amplitudes, bits, with_products
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
from qdiffusion.circuits.qamp import conv_grover, conv_phase, conv_unit, grover_mixer, phase_mixing
from qdiffusion.circuits.subcircuits import controlled, hadamard_test, inverse, on_wires

__all__ = [
    "Angle",
    "Circuit",
    "FubiniStudy",
    "Gate",
    "Observable",
    "Plan",
    "QuantumLayer",
    "alternating_ladder",
    "amplitude_encoding",
    "amplitudes",
    "angle_encoding",
    "basic_entangling",
    "basis_encoding",
    "bits",
    "branches",
    "circuit_of",
    "concatenate",
    "constant",
    "controlled",
    "conv_grover",
    "conv_phase",
    "conv_unit",
    "cz_brickwork",
    "dense_angle_encoding",
    "density_matrix",
    "diagonal",
    "fqconv",
    "grover_mixer",
    "hadamard_test",
    "hermitian",
    "hqconv",
    "input",
    "inverse",
    "iqp_encoding",
    "ladder_entangling",
    "measure",
    "on_wires",
    "pauli_sum",
    "pauli_x",
    "pauli_y",
    "pauli_z",
    "phase_encoding",
    "phase_mixing",
    "postselect",
    "probabilities",
    "reuploading",
    "state",
    "state_preparation",
    "strongly_entangling",
    "trainable_hermitian",
    "unitary",
    "weight",
    "with_products",
]
