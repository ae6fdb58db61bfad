"""Encodings: how data enters a circuit. All compose: `encoding >> ansatz`.

Angles are inputs in radians, from input `first` on. What is no angle yet (vectors, numbers, products) is made into
inputs by the functions of `inputs.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import combinations
from math import pi
from operator import rshift
from typing import Literal

from qdiffusion.circuits.circuit import Angle, Circuit, Gate, circuit_of, input
from qdiffusion.errors import UsageError


def basis_encoding(n_wires: int, first: int = 0) -> Circuit:
    """|b_0 b_1 …⟩ of bits b_j that are 0. or 1., by RY(π b_j) on wire j; `bits` makes them of whole numbers.

    QAMP 2025, equation 13.
    """
    gates = (Gate("ry", (wire,), pi * input(first + wire)) for wire in range(n_wires))
    return circuit_of(n_wires, gates, f"basis_encoding({n_wires})")


def amplitude_encoding(n_features: int) -> Circuit:
    """Σ_i x_i |i⟩ / ‖x‖ on the ⌈log₂ N⌉ wires that N numbers need, at least one: a `state_preparation` whose inputs
    `amplitudes` makes of any real or complex vectors of length N.

    QAMP 2025, equations 14 and 15.
    """
    if n_features < 1:
        raise UsageError(f"amplitude_encoding takes at least 1 number, not {n_features}.")
    return state_preparation(wires_for(n_features))


def angle_encoding(n_wires: int, axis: Literal["x", "y", "z"] = "x", first: int = 0) -> Circuit:
    """A rotation R_axis(x_j) = exp(-i x_j σ_axis / 2) on every wire j; inputs are angles in radians, from input `first`
    on.

    Raises:
        UsageError: `axis` is none of x, y, z.

    De Falco et al. 2024, section 3 (axis x); QAMP 2025, equation 16 (axis y). Around z the encoding acts on |0⟩ by a
    phase only; put a Hadamard before it.
    """
    if axis not in ("x", "y", "z"):
        raise UsageError(f"Unknown axis {axis!r} for angle_encoding; there are x, y and z.")
    gates = (Gate(f"r{axis}", (wire,), input(first + wire)) for wire in range(n_wires))
    return circuit_of(n_wires, gates, f"angle_encoding({n_wires}, {axis})")


def phase_encoding(n_wires: int, first: int = 0) -> Circuit:
    """(|0⟩ + e^{i x_j} |1⟩) / √2 on every wire j: H, then the phase gate P(x_j).

    QAMP 2025, equation 17.
    """
    gates = (gate for j in range(n_wires) for gate in (Gate("h", (j,)), Gate("p", (j,), input(first + j))))
    return circuit_of(n_wires, gates, f"phase_encoding({n_wires})")


def dense_angle_encoding(n_wires: int, first: int = 0, equation: Literal[18, 19] = 18) -> Circuit:
    r"""Two numbers a wire, x_{2j} and x_{2j+1}: RY, then the phase gate P, RZ up to a phase of the whole state.

    .. math:: (18)\; \cos\tfrac{x_{2j}}{2} |0⟩ + e^{i x_{2j+1}} \sin\tfrac{x_{2j}}{2} |1⟩, \qquad
        (19)\; \cos x_{2j} |0⟩ + e^{i x_{2j+1}} \sin x_{2j} |1⟩

    Args:
        equation: of QAMP 2025, which prints both: its 19 has no halves.

    Raises:
        UsageError: `equation` is neither 18 nor 19.
    """
    if equation not in (18, 19):
        raise UsageError(f"dense_angle_encoding follows equation 18 or 19, not {equation!r}.")
    scale = 1.0 if equation == 18 else 2.0
    gates = (gate for j in range(n_wires) for gate in _dense(j, first + 2 * j, scale))
    return circuit_of(n_wires, gates, f"dense_angle_encoding({n_wires}, {equation})")


def iqp_encoding(n_wires: int, n_repeats: int = 1, first: int = 0) -> Circuit:
    """`n_repeats` times H on every wire, RZ(x_j) on every wire j, exp(-i x_j x_k ZZ / 2) on every pair j < k.

    Inputs are x and behind it the products of the pairs (0, 1), (0, 2), …, as `with_products` makes them:
    n_wires · (n_wires + 1) / 2 in all.

    Raises:
        UsageError: no repetition.

    Havlíček et al. 2019 (arXiv 1804.11326), with the angles of PennyLane's IQPEmbedding.
    """
    if n_repeats < 1:
        raise UsageError(f"iqp_encoding repeats its gates at least once, not {n_repeats} times.")
    pairs = list(enumerate(combinations(range(n_wires), 2), first + n_wires))
    once = [
        *(Gate("h", (wire,)) for wire in range(n_wires)),
        *(Gate("rz", (wire,), input(first + wire)) for wire in range(n_wires)),
        *(Gate("rzz", pair, input(index)) for index, pair in pairs),
    ]
    return circuit_of(n_wires, once * n_repeats, f"iqp_encoding({n_wires}, {n_repeats})")


def reuploading(encoding: Circuit, ansatz: Circuit, n_repeats: int) -> Circuit:
    """`encoding >> ansatz`, `n_repeats` times: the same inputs every time, weights of its own for each ansatz.

    Raises:
        UsageError: no repetition, or an encoding that prepares a state, which can only come first.

    Pérez-Salinas et al. 2020 (arXiv 1907.02085).
    """
    if n_repeats < 1:
        raise UsageError(f"reuploading repeats its circuits at least once, not {n_repeats} times.")
    if encoding.prepared:
        raise UsageError(f"{encoding.name} prepares a state, which can be done once only; re-upload angles.")
    return reduce(rshift, [encoding, ansatz] * n_repeats)


def weights_as_inputs(ansatz: Circuit, first: int = 0) -> Circuit:
    """The ansatz with input `first + i` in place of weight i, in radians: its angles are what a network makes of data.

    Cacioppo et al. 2023's NNCPQC.
    """
    gates = (
        replace(gate, angle=replace(gate.angle, source="input", index=first + gate.angle.index))
        if gate.angle and gate.angle.source == "weight"
        else gate
        for gate in ansatz.gates
    )
    circuit = circuit_of(ansatz.n_wires, gates, f"{ansatz.name}, weights as inputs")
    return replace(circuit, n_inputs=max(circuit.n_inputs, first + ansatz.n_weights))


def state_preparation(n_wires: int, wires: Sequence[int] | None = None) -> Circuit:
    """Any state of `wires`, all of them by default, given by its amplitudes; the other wires start in |0⟩.

    Inputs 0 … 2^k - 1 are the amplitudes ⟨i|ψ⟩ of the k wires, the first the most significant bit, with Σ|ψ_i|² = 1:
    complex, or real. Angles that later gates read from inputs begin at `input(2**k)`, `angle_encoding(…, first=2**k)`;
    of complex x they are the real parts.

    Raises:
        UsageError: a wire is named twice or is not in the register.
    """
    prepared = tuple(range(n_wires)) if wires is None else tuple(wires)
    return Circuit(n_wires, (), 0, 1 << len(prepared), f"state_preparation({n_wires})", prepared)


def density_preparation(n_wires: int, wires: Sequence[int] | None = None) -> Circuit:
    """Any density matrix ρ of `wires`, all of them by default; the other wires start in |0⟩.

    Inputs 0 … 4^k - 1 are the entries ⟨i|ρ|j⟩ of the k wires row by row, `rho.flatten(-2)`, the first wire the most
    significant bit, complex or real; where there are no further inputs a layer takes ρ (…, 2^k, 2^k) itself. Angles
    that later gates read begin at `input(4**k)`; of complex x they are the real parts.

    Raises:
        UsageError: a wire is named twice or is not in the register.
    """
    prepared = tuple(range(n_wires)) if wires is None else tuple(wires)
    return Circuit(n_wires, (), 0, 4 ** len(prepared), f"density_preparation({n_wires})", prepared, density=True)


def wires_for(n_features: int) -> int:
    """⌈log₂ n_features⌉, at least 1: whose amplitudes hold that many numbers."""
    return max(1, (n_features - 1).bit_length())


def _dense(wire: int, index: int, scale: float) -> tuple[Gate, Gate]:
    turn: Angle = scale * input(index)
    return Gate("ry", (wire,), turn), Gate("p", (wire,), input(index + 1))
