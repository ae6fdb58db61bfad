"""Circuits on rows and columns: what acts on ρ of n wires, as gates on 2n wires.

Wire w of a component has its rows at w and its columns at n + w.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from qdiffusion.circuits.circuit import Gate
from qdiffusion.circuits.gates import GATES, GateKind
from qdiffusion.circuits.structure import Component, moved, renumber
from qdiffusion.circuits.superoperators import superoperator


@dataclass(frozen=True)
class Superoperator(Gate):
    """A channel on the rows, then the columns, of its wires."""

    def __post_init__(self) -> None:
        """What is to be checked is checked of the channel."""

    @property
    def kind(self) -> GateKind:
        return superoperator(self.name, len(self.targets) // 2, self.matrix)


def doubled(gates: Iterable[Gate], n_wires: int) -> list[Gate]:
    """U ⊗ U*, P ⊗ P* and Σ K ⊗ K* for the gates of a register of `n_wires`."""
    column = {wire: n_wires + wire for wire in range(n_wires)}
    pieces: list[Gate] = []
    for gate in gates:
        if gate.is_channel:
            targets = (*gate.targets, *(column[wire] for wire in gate.targets))
            pieces.append(Superoperator(gate.name, targets, gate.angle, (), gate.matrix))
        else:
            pieces += [gate, *moved([conjugate(gate)], column)]
    return pieces


def conjugate(gate: Gate) -> Gate:
    """The gate of the complex conjugate matrix: itself where that is real, else of the opposite angle, else by its
    matrix.
    """
    if gate.matrix is not None:
        return replace(gate, matrix=tuple(tuple(entry.conjugate() for entry in row) for row in gate.matrix))
    terms = GATES[gate.name].terms
    if not np.any(terms.imag):
        return gate
    if gate.angle is None:
        return replace(gate, name="unitary", matrix=tuple(map(tuple, terms[0].conj().tolist())))
    assert not np.any(terms.conj() * [[[1]], [[1]], [[-1]]] - terms), "only the sine's term is imaginary"
    return replace(gate, angle=-gate.angle)


def split_noise(component: Component) -> tuple[Component, list[Gate]]:
    """The wires that do not start in a density matrix, with the gates before which nothing is mixed; and all later
    gates, on the component's own wires.
    """
    given = set(component.prepared if component.density else ())
    mixed = set(given)
    pure: list[Gate] = []
    rest: list[Gate] = []
    for gate in component.gates:
        if gate.is_channel or mixed.intersection(gate.wires):
            mixed.update(gate.wires)
            rest.append(gate)
        else:
            pure.append(gate)
    free = [wire for wire in range(len(component.wires)) if wire not in given]
    prepared = () if component.density else component.prepared
    return Component(tuple(free), renumber(pure, free), prepared), rest
