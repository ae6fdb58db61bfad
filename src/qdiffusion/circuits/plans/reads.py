"""Which components must be computed for which Pauli words.

All words together need the gates in the union of their light cones. Words far apart may have cones so much smaller than
the union that several small components cost less than one large one; then each word is read in a cone of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from qdiffusion.circuits import structure
from qdiffusion.circuits.circuit import Circuit, Gate
from qdiffusion.circuits.observables import PauliWord
from qdiffusion.circuits.plans.ways import Way
from qdiffusion.circuits.structure import FUSED_WIRES, Component

Place = tuple[int, int]
"""A read, and a word among its words."""


@dataclass(frozen=True)
class Read:
    """Pauli words, on a component's own wires, whose values are needed."""

    component: Component
    words: tuple[PauliWord, ...]


@dataclass
class Reads:
    """What must be computed, and where the factors of each of the circuit's words are then found.

    A word's value is the product of its factors' values; a component that no word touches is not computed.
    """

    reads: list[Read] = field(default_factory=list)
    factors: dict[PauliWord, list[Place]] = field(default_factory=dict)
    n_gates: int = 0
    """Gates in the light cone of some word."""
    cuts: list[str] = field(default_factory=list)
    """What was cut into several light cones, a line each."""

    def add(self, component: Component, words: Iterable[tuple[PauliWord, PauliWord]]) -> None:
        """A read of the component for pairs of the circuit's word and the component's."""
        pairs = list(words)
        own = tuple(dict.fromkeys(local for _, local in pairs))
        for word, local in pairs:
            self.factors[word].append((len(self.reads), own.index(local)))
        self.reads.append(Read(component, own))


WayOf = Callable[[Component], Way]
"""The cheapest way to compute a component."""


def split_reads(circuit: Circuit, words: Sequence[PauliWord], way_of: WayOf) -> Reads:
    """Components and light cones for the words."""
    reads = Reads(factors={word: [] for word in words})
    cone = structure.light_cone(circuit.gates, _wires(words, "Z"), _wires(words, "XY"))
    reads.n_gates = len(cone)
    gates = tuple(circuit.gates[place] for place in cone)
    whole = Component(tuple(range(circuit.n_wires)), gates, circuit.prepared, circuit.density)
    for component in _parts(whole):
        pairs = _through(whole, component, [(word, word) for word in words])
        parts = _cut(component, pairs, way_of) if pairs else []
        for part, members in parts:
            reads.add(part, members)
        if len(parts) > 1:
            most = max(len(part.wires) for part, _ in parts)
            reads.cuts.append(
                f"{len(parts)} light cones of at most {most} wires, of a component of {len(component.wires)}"
            )
    return reads


Pairs = list[tuple[PauliWord, PauliWord]]
"""Words of the circuit, with their parts on a component's own wires."""


def _cut(component: Component, pairs: Pairs, way_of: WayOf) -> list[tuple[Component, Pairs]]:
    """The component, or the light cones of its words where they cost less in all."""
    whole = [(component, pairs)]
    way = way_of(component)
    if way.tree is not None or len(component.wires) <= FUSED_WIRES or len({local for _, local in pairs}) == 1:
        return whole
    cones: dict[frozenset[int], Pairs] = {}
    each = {local: _cone(component.gates, local) for _, local in pairs}
    for word, local in sorted(pairs, key=lambda pair: -len(each[pair[1]])):
        home = next((cone for cone in cones if each[local] <= cone), each[local])
        cones.setdefault(home, []).append((word, local))
    parts = [
        (part, inside)
        for cone, members in cones.items()
        for part in _parts(_within(component, cone))
        if (inside := _through(component, part, members))
    ]
    return parts if sum(way_of(part).cost for part, _ in parts) < way.cost else whole


def _cone(gates: Sequence[Gate], word: PauliWord) -> frozenset[int]:
    return frozenset(structure.light_cone(gates, _wires([word], "Z"), _wires([word], "XY")))


def _within(component: Component, cone: frozenset[int]) -> Component:
    gates = tuple(gate for place, gate in enumerate(component.gates) if place in cone)
    return replace(component, gates=gates)


def _parts(whole: Component) -> list[Component]:
    """The connected parts, in the wires that the whole's own stand for."""
    return [
        replace(part, wires=tuple(whole.wires[wire] for wire in part.wires))
        for part in structure.split_components(len(whole.wires), whole.gates, whole.prepared, whole.density)
    ]


def _through(whole: Component, part: Component, pairs: Pairs) -> Pairs:
    """The words' parts on a part of the whole."""
    place = {whole.wires.index(wire): index for index, wire in enumerate(part.wires)}
    inside = [(word, tuple((place[w], x) for w, x in local if w in place)) for word, local in pairs]
    return [(word, local) for word, local in inside if local]


def _wires(words: Iterable[PauliWord], letters: str) -> set[int]:
    """The wires on which some word has one of the letters."""
    return {wire for word in words for wire, letter in word if letter in letters}
