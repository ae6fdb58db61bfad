"""Circuits as parts of circuits: inverted, under controls, on chosen wires of a larger register, in a Hadamard test.

All of them keep the numbers of the weights and inputs.
"""

from collections.abc import Sequence
from dataclasses import replace

from qdiffusion.circuits import composite
from qdiffusion.circuits.circuit import Circuit, Gate
from qdiffusion.circuits.structure import moved
from qdiffusion.errors import UsageError


def inverse(circuit: Circuit) -> Circuit:
    """U† for a circuit of U: the gates' inverses in reverse order.

    Raises:
        UsageError: the circuit prepares, measures, post-selects or has channels.
    """
    _check(circuit, "inverted")
    gates = composite.without_phases(composite.inverse(circuit.gates))
    return replace(circuit, gates=gates, name=f"inverse({circuit.name})")


def controlled(circuit: Circuit, controls: Sequence[int], values: Sequence[bool] | None = None) -> Circuit:
    """The circuit where every wire of `controls` reads its value, all 1 by default.

    The controls are wires of the same register that the circuit leaves alone; `on_wires` makes room for them. A phase
    of the whole state is no gate: imports drop it, and a control cannot bring it back.

    Raises:
        UsageError: a control is a wire of a gate, controls are not distinct wires of the register, there are not as
            many values as controls, or the circuit prepares, measures, post-selects or has channels.
    """
    _check(circuit, "controlled")
    if len(set(controls)) < len(controls) or not all(0 <= wire < circuit.n_wires for wire in controls):
        raise UsageError(f"Controls {tuple(controls)} must be distinct wires among 0 … {circuit.n_wires - 1}.")
    gates = composite.without_phases(composite.controlled(circuit.gates, controls, values))
    return replace(circuit, gates=gates, name=f"controlled({circuit.name})")


def on_wires(circuit: Circuit, wires: Sequence[int], n_wires: int) -> Circuit:
    """The circuit on a register of `n_wires`, its wire k at `wires[k]`.

    Raises:
        UsageError: not one distinct wire of the register for each of the circuit's.
    """
    distinct = len(set(wires)) == len(wires) == circuit.n_wires
    if not distinct or not all(0 <= wire < n_wires for wire in wires):
        raise UsageError(
            f"A circuit of {circuit.n_wires} wires takes as many distinct ones of 0 … {n_wires - 1}, not "
            f"{tuple(wires)}."
        )
    gates = moved(circuit.gates, dict(enumerate(wires)))
    return replace(circuit, n_wires=n_wires, gates=gates, prepared=tuple(wires[wire] for wire in circuit.prepared))


def hadamard_test(circuit: Circuit) -> Circuit:
    r"""H on an ancilla, the circuit U where the ancilla is 1, H on the ancilla, which is the last wire, n.

    .. math:: |ψ⟩|0⟩ → \tfrac12 (ψ + Uψ)|0⟩ + \tfrac12 (ψ - Uψ)|1⟩, \quad ⟨Z_n⟩ = \mathrm{Re}⟨ψ|U|ψ⟩

    The two branches differ by Uψ; their sum is ψ itself, whatever U is.

    Raises:
        UsageError: the circuit prepares, measures, post-selects or has channels.
    """
    ancilla = circuit.n_wires
    wide = on_wires(circuit, range(ancilla), ancilla + 1)
    turn = Gate("h", (ancilla,))
    gates = (turn, *controlled(wide, (ancilla,)).gates, turn)
    return replace(wide, gates=gates, name=f"hadamard_test({circuit.name})")


def _check(circuit: Circuit, how: str) -> None:
    if circuit.prepared or not all(gate.is_unitary for gate in circuit.gates):
        raise UsageError(
            f"{circuit.name} prepares, measures, post-selects or has channels and cannot be {how}; split it before."
        )
