"""OpenQASM's standard gates as pieces of this package's gates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qdiffusion.circuits import composite
from qdiffusion.circuits.circuit import Angle, Gate
from qdiffusion.circuits.composite import Phase, Piece, controlled
from qdiffusion.circuits.gates import GATES

Make = Callable[[Sequence[Angle], tuple[int, ...]], Sequence[Piece]]


@dataclass(frozen=True)
class GateRule:
    """How a gate of `n_angles` angles on `n_wires` qubits is made."""

    n_angles: int
    n_wires: int
    make: Make

    def under(self, n_controls: int) -> "GateRule":
        """The same gate with controls as its first qubits."""
        return GateRule(
            self.n_angles,
            self.n_wires + n_controls,
            lambda angles, wires: controlled(self.make(angles, wires[n_controls:]), wires[:n_controls]),
        )


def _own(name: str) -> GateRule:
    kind = GATES[name]
    n_angles = int(kind.frequency is not None)
    return GateRule(n_angles, kind.n_wires, lambda angles, wires: (Gate(name, wires, angles[0] if n_angles else None),))


def _one_wire(n_angles: int, make: Callable[..., Sequence[Piece]]) -> GateRule:
    return GateRule(n_angles, 1, lambda angles, wires: make(*angles, *wires))


def _cu(angles: Sequence[Angle], wires: tuple[int, ...]) -> Sequence[Piece]:
    """The control reads exp(iγ) U3(θ, φ, λ): γ is a phase of the control alone."""
    *turns, gamma = angles
    return controlled((Phase(gamma), *composite.u3(turns[0], turns[1], turns[2], wires[1])), wires[:1])


# OpenQASM 3's u2 and u3 have determinant 1, its U and Qiskit's have a real upper left entry; they differ by a phase.
_SINGLE = {
    **{name: _own(name) for name in GATES},
    **{name: _own("p") for name in ("phase", "u1")},
    "sdg": _one_wire(0, composite.sdg),
    "tdg": _one_wire(0, composite.tdg),
    "sx": _one_wire(0, composite.sx),
    "sxdg": _one_wire(0, lambda wire: composite.inverse(composite.sx(wire))),
    "id": _one_wire(0, lambda wire: ()),
    "u2": _one_wire(2, lambda phi, lam, wire: composite.rot(lam, composite.QUARTER, phi, wire)),
    "u3": _one_wire(3, lambda theta, phi, lam, wire: composite.rot(lam, theta, phi, wire)),
    "U": _one_wire(3, composite.u3),
    "u": _one_wire(3, composite.u3),
}
_CONTROLLED = {
    **{f"c{name}": (name, 1) for name in ("x", "y", "z", "h", "p", "rx", "ry", "rz", "swap", "sx", "phase", "u1")},
    "CX": ("x", 1),
    "cu3": ("U", 1),
    "ccx": ("x", 2),
    "ccz": ("z", 2),
    "c3x": ("x", 3),
    "c4x": ("x", 4),
}

STANDARD: dict[str, GateRule] = {
    **_SINGLE,
    **{name: _SINGLE[base].under(n_controls) for name, (base, n_controls) in _CONTROLLED.items()},
    "iswap": GateRule(0, 2, lambda angles, wires: composite.iswap(*wires)),
    "cu": GateRule(4, 2, _cu),
    "gphase": GateRule(1, 0, lambda angles, wires: (Phase(angles[0]),)),
}
"""stdgates.inc and qelib1.inc, U, gphase, and this package's own gates by their names."""
