"""What can be known about a circuit before any angle is: its components, its product prefix, its fusable blocks.

Every function here is pure and works on gates with their wires; none touches a tensor.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from qdiffusion.circuits.circuit import Angle, Gate
from qdiffusion.circuits.gates import Entries, GateKind, controlled
from qdiffusion.circuits.superoperators import superoperator

FUSED_WIRES = 4
"""Batch-free gates are fused into matrices on at most this many wires: 16×16 products keep a core busy, 32×32 cost
twice the sum.
"""


@dataclass(frozen=True)
class Block:
    """Gates applied as one matrix on `wires`; `per_sample` where an angle is an input."""

    wires: tuple[int, ...]
    gates: tuple[Gate, ...]

    @property
    def per_sample(self) -> bool:
        return any(map(reads_input, self.gates))


@dataclass(frozen=True)
class Component:
    """An independent part of a circuit, its wires renumbered 0 … n-1; `wires` are the circuit's own numbers.

    `prepared` are those, renumbered, that start in a given state, or with `density` in a given density matrix.
    """

    wires: tuple[int, ...]
    gates: tuple[Gate, ...]
    prepared: tuple[int, ...] = ()
    density: bool = False

    @property
    def is_mixed(self) -> bool:
        """Whether its state is a density matrix."""
        return self.density or any(gate.is_channel for gate in self.gates)

    @property
    def is_unitary(self) -> bool:
        return all(gate.is_unitary for gate in self.gates)

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for components alike."""
        return (*shape(self.wires, self.gates), self.prepared, self.density)


def shape(wires: Sequence[int], gates: Sequence[Gate]) -> tuple[object, ...]:
    """Equal for gates that differ only in which weights and inputs their angles read."""
    return (len(wires), *(replace(g, angle=g.angle and replace(g.angle, index=0)) for g in gates))


def reads_input(gate: Gate) -> bool:
    return gate.angle is not None and gate.angle.source == "input"


def depth(gates: Iterable[Gate]) -> int:
    """The layers of gates that share no wire, each gate in the first that its wires are free in."""
    layers: dict[int, int] = defaultdict(int)
    for gate in gates:
        layer = 1 + max(layers[wire] for wire in gate.wires)
        layers.update(dict.fromkeys(gate.wires, layer))
    return max(layers.values(), default=0)


def light_cone(gates: Sequence[Gate], diagonal: Iterable[int], others: Iterable[int]) -> list[int]:
    """Where the gates stand that matter to operators which are diagonal on the wires `diagonal`, and arbitrary on
    `others`.

    From the last gate to the first, a gate is dropped where it cancels against its adjoint: it meets no operator, or
    only diagonal ones while it is diagonal itself or meets them with its controls alone. A controlled gate that stays
    leaves the operators on its controls diagonal. So does a channel cancel, whose adjoint leaves the identity alone.
    Post-selection does not cancel and always stays.
    """
    free, reached = set(others), {*diagonal, *others}
    kept = []
    for place, gate in reversed(list(enumerate(gates))):
        keeps_trace = gate.is_unitary or gate.is_channel
        cancels = keeps_trace and free.isdisjoint(gate.wires)
        if cancels and (is_diagonal(gate) or reached.isdisjoint(gate.targets)):
            continue
        kept.append(place)
        reached.update(gate.wires)
        if keeps_trace:
            free.update(gate.wires if free.intersection(gate.controls) else gate.targets)
    return kept[::-1]


def is_diagonal(gate: Gate) -> bool:
    """Of a channel: every entry of ρ by itself, so that populations stay as they are."""
    if gate.is_channel:
        return _has_diagonal_terms(superoperator(gate.name, len(gate.targets), gate.matrix))
    return _is_diagonal(gate.name, gate.matrix)


@cache
def _is_diagonal(name: str, matrix: Entries | None) -> bool:
    return _has_diagonal_terms(controlled(name, 0, matrix))


def _has_diagonal_terms(kind: GateKind) -> bool:
    return not np.any(kind.terms * (1 - np.eye(kind.terms.shape[-1])))


def split_components(
    n_wires: int, gates: Sequence[Gate], prepared: Sequence[int] = (), density: bool = False
) -> list[Component]:
    """The connected parts of the graph whose edges are the gates, in order of their first wire; the wires `prepared`
    hold together, and start in a density matrix with `density`.
    """
    root = list(range(n_wires))

    def find(wire: int) -> int:
        while root[wire] != wire:
            wire = root[wire]
        return wire

    for wires in (tuple(prepared), *(gate.wires for gate in gates)):
        for wire in wires[1:]:
            first, second = sorted((find(wires[0]), find(wire)))
            root[second] = first
    members: dict[int, list[int]] = defaultdict(list)
    for wire in range(n_wires):
        members[find(wire)].append(wire)
    parts: dict[int, list[Gate]] = defaultdict(list)
    for gate in gates:
        parts[find(gate.wires[0])].append(gate)
    own = find(prepared[0]) if prepared else -1
    return [
        Component(
            tuple(wires),
            renumber(parts[first], wires),
            tuple(wires.index(wire) for wire in prepared) if first == own else (),
            density and first == own,
        )
        for first, wires in members.items()
    ]


def renumber(gates: Sequence[Gate], wires: Sequence[int]) -> tuple[Gate, ...]:
    """The gates with wire `wires[k]` called k."""
    return moved(gates, {wire: index for index, wire in enumerate(wires)})


def moved(gates: Sequence[Gate], place: Mapping[int, int]) -> tuple[Gate, ...]:
    """The gates with each wire at its `place`."""
    return tuple(
        replace(g, targets=tuple(place[w] for w in g.targets), controls=tuple(place[w] for w in g.controls))
        for g in gates
    )


def alike(components: Iterable[Component], read: Iterable[int]) -> list[list[Component]]:
    """Those with a wire among `read`, equal shapes side by side so that they can run as one batch."""
    wires = set(read)
    groups: dict[tuple[object, ...], list[Component]] = defaultdict(list)
    for component in components:
        if wires.intersection(component.wires):
            groups[component.shape].append(component)
    return list(groups.values())


def split_prefix(component: Component) -> tuple[list[list[Gate]], list[Gate]]:
    """The leading one-wire gates of each wire up to its last input, which make a product state, and all later gates."""
    prefix: list[list[Gate]] = [[] for _ in component.wires]
    rest: list[Gate] = []
    entangled = set(component.prepared)
    for gate in component.gates:
        if len(gate.wires) == 1 and gate.targets[0] not in entangled and not gate.is_channel:
            prefix[gate.targets[0]].append(gate)
        else:
            entangled.update(gate.wires)
            rest.append(gate)
    trailing: list[Gate] = []
    for run in prefix:
        keep = max((i + 1 for i, gate in enumerate(run) if reads_input(gate)), default=0)
        trailing += run[keep:]
        del run[keep:]
    return prefix, trailing + rest


def fuse(gates: Sequence[Gate], max_wires: int = FUSED_WIRES) -> list[Block]:
    """Blocks of at most `max_wires` wires, each gate in the earliest block that it can still reach.

    A gate commutes with every block it shares no wire with, so it may join any block from the last one that touches
    it on. Gates that read inputs differ from sample to sample and are fused only among themselves, on the same wires.
    """
    blocks: list[Block] = []
    for gate in gates:
        first = next((i for i in reversed(range(len(blocks))) if set(blocks[i].wires) & set(gate.wires)), 0)
        limit = len(gate.wires) if reads_input(gate) else max_wires
        for index in range(first, len(blocks)):
            union = tuple(sorted({*blocks[index].wires, *gate.wires}))
            if blocks[index].per_sample == reads_input(gate) and len(union) <= limit:
                blocks[index] = Block(union, (*blocks[index].gates, gate))
                break
        else:
            blocks.append(Block(tuple(sorted(gate.wires)), (gate,)))
    return blocks


def angle_indices(gates: Sequence[Gate], n_weights: int) -> list[int]:
    """Where each gate's angle stands in the row (weights, inputs); 0 for gates that read neither."""
    shift = {"weight": 0, "input": n_weights, "constant": 0}
    none = Angle("constant")
    return [shift[(g.angle or none).source] + (g.angle or none).index for g in gates]
