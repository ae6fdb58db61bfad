"""What each encoding of N real numbers costs."""

from collections.abc import Iterator
from dataclasses import dataclass

from qdiffusion.circuits import (
    Circuit,
    Gate,
    angle_encoding,
    basic_entangling,
    basis_encoding,
    circuit_of,
    dense_angle_encoding,
    input,
    iqp_encoding,
    phase_encoding,
    reuploading,
)
from qdiffusion.circuits.encodings import wires_for
from qdiffusion.circuits.structure import depth
from qdiffusion.errors import require


@dataclass(frozen=True)
class EncodingCost:
    """An encoding's price, gate by gate as the library writes it, nothing merged or reordered."""

    name: str
    gates: str
    """What it does, in words."""
    n_features: int
    """Real numbers it holds."""
    n_qubits: int
    depth: int
    """Layers of gates on distinct wires."""
    n_one: int
    """Gates on one wire."""
    n_two: int
    """Gates on two."""

    @property
    def features_per_qubit(self) -> float:
        return self.n_features / self.n_qubits


def encoding_costs(n_features: int, n_bits: int = 8, n_repeats: int = 3) -> tuple[EncodingCost, ...]:
    """What it costs to encode `n_features` real numbers.

    A state given by its amplitudes is one operation in a simulation; its price is that of the uniformly controlled
    rotations of Möttönen et al. 2004 (arXiv quant-ph/0407010): RY on each wire for every value of the wires before it,
    made of single RY and CNOTs in the order of a Gray code; of complex amplitudes, RZ too.

    Args:
        n_bits: of a number in basis encoding.
        n_repeats: uploads of re-uploading, an entangling layer (RX and a CNOT ring) after each.

    Raises:
        UsageError: one of them is less than 1.
    """
    given = {"features": n_features, "bits": n_bits, "repeats": n_repeats}
    for field, value in given.items():
        require(value >= 1, field, value, "at least 1")
    n, half = n_features, -(-n_features // 2)
    circuits = {
        f"basis, {n_bits} bits": ("RY(π b)", basis_encoding(n * n_bits)),
        "amplitude, real": ("controlled RY", _preparation(wires_for(n), ("ry",))),
        "amplitude, complex": ("controlled RY and RZ", _preparation(wires_for(half), ("ry", "rz"))),
        "angle": ("RY(x)", angle_encoding(n, "y")),
        "phase": ("H, P(x)", phase_encoding(n)),
        "dense angle": ("RY(x), P(x′)", dense_angle_encoding(half)),
        "IQP": ("H, RZ(x), RZZ(x x′)", iqp_encoding(n)),
        f"re-uploading × {n_repeats}": (
            "RY(x), RX(w), CNOT ring",
            reuploading(angle_encoding(n, "y"), basic_entangling(n, 1), n_repeats),
        ),
    }
    return tuple(_cost(name, gates, n, circuit) for name, (gates, circuit) in circuits.items())


def _cost(name: str, gates: str, n_features: int, circuit: Circuit) -> EncodingCost:
    sizes = [len(gate.wires) for gate in circuit.gates]
    return EncodingCost(name, gates, n_features, circuit.n_wires, depth(circuit.gates), sizes.count(1), sizes.count(2))


def _preparation(n_wires: int, names: tuple[str, ...]) -> Circuit:
    """The gates of Möttönen's preparation, each angle an input of its own."""
    gates = [gate for name in names for wire in range(n_wires) for gate in _uniformly_controlled(name, wire)]
    return circuit_of(n_wires, gates, "preparation")


def _uniformly_controlled(name: str, wire: int) -> Iterator[Gate]:
    """The rotation of a wire for every value of those before it: between two rotations the wire whose bit changes in
    the Gray code flips it.
    """
    turns = 1 << wire
    for index in range(turns):
        yield Gate(name, (wire,), input(0))
        if wire:
            changed = min(((index + 1) & -(index + 1)).bit_length() - 1, wire - 1)
            yield Gate("x", (wire,), controls=(wire - 1 - changed,))
