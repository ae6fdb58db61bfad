"""Drawn circuits: every gate once, on its own wires, in an order that does the same."""

import random
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest

from plots_helpers import drawing
from qdiffusion.plots.circuit import MOST_WIRES, ROW, TOP, WIRES_OF_WIDE, draw_circuit, lay_out
from qdiffusion.runs.description import GateFacts

NAMES = ("rx", "h", "x", "swap", "rzz", "unitary", "measure")


def random_gates(n_wires: int, count: int) -> list[GateFacts]:
    chance = random.Random(n_wires)
    gates = []
    for index in range(count):
        name = chance.choice(NAMES)
        n_targets = 2 if name in ("swap", "rzz") else 1
        n_controls = 0 if name == "measure" else chance.randint(0, 2)
        wires = tuple(chance.sample(range(n_wires), n_targets + n_controls))
        angle = f"w{index}" if name.startswith("r") else None
        gates.append(GateFacts(name, wires[n_controls:], wires[:n_controls], angle))
    return gates


def drawn(html: str) -> tuple[ElementTree.Element, ElementTree.Element]:
    """The names of the wires, and the gates."""
    names, gates = ElementTree.fromstring(html)
    return names, gates


def row(y: float) -> int:
    place, rest = divmod(y - TOP - ROW / 2, ROW)
    assert rest == 0
    return int(place)


def targets_of(group: ElementTree.Element) -> set[int]:
    """The rows in which something other than a line or a control is drawn."""
    boxes = {row(float(box.get("y")) + float(box.get("height")) / 2) for box in group.iter("rect")}
    circles = {row(float(circle.get("cy"))) for circle in group.iter("circle") if circle.get("class") == "not"}
    crosses = {
        row(float(path.get("d").split()[1].split("l")[0]) + 6) for path in group.iter("path") if "l" in path.get("d")
    }
    return boxes | circles | crosses


@pytest.mark.parametrize("n_wires", [4, 7, 12])
def test_every_gate_stands_on_its_own_wires(n_wires):
    gates = random_gates(n_wires, 40)
    _, svg = drawn(draw_circuit(drawing(n_wires, gates)))
    groups = svg.findall("g")
    assert len(groups) == len(gates)
    for group, gate in zip(groups, gates, strict=True):
        controls = {row(float(c.get("cy"))) for c in group.iter("circle") if c.get("class") == "control"}
        assert controls == set(gate.controls)
        assert targets_of(group) == set(gate.targets)
        assert (group.get("class") == "gate trained") == (gate.angle is not None)
        texts = [text.text for text in group.iter("text")]
        assert gate.angle is None or texts.count(gate.angle) == len(gate.targets)
        assert group.find("title").text.endswith(", ".join(map(str, gate.wires)))


@pytest.mark.parametrize("n_wires", [4, 7, 12])
def test_gates_never_cover_each_other_and_keep_their_order(n_wires):
    layout = lay_out(random_gates(n_wires, 60), n_wires)
    spans = [range(min(gate.wires), max(gate.wires) + 1) for gate in layout.gates]
    for (first, before), (second, after) in combinations(enumerate(spans), 2):
        if set(before) & set(after):
            assert layout.columns[first] < layout.columns[second]
    assert sorted(set(layout.columns)) == list(range(len(layout.widths)))
    assert list(layout.lefts) == [sum(layout.widths[:column]) for column in range(len(layout.widths))]


def test_gates_move_as_far_left_as_they_can():
    gates = [GateFacts("h", (wire,), (), None) for wire in (0, 0, 1, 3)] + [GateFacts("x", (3,), (1,), None)]
    assert lay_out(gates, 4).columns == (0, 1, 0, 0, 1)


def test_what_repeats_stands_alone_in_a_frame():
    gates = [GateFacts("rx", (0,), (), "i0"), GateFacts("h", (0,), (), None), GateFacts("ry", (1,), (), "w0")]
    once = drawing(2, gates)
    _, svg = drawn(draw_circuit(once))
    assert [each for each in svg.iter("rect") if each.get("class") == "frame"] == []
    _, svg = drawn(draw_circuit(replace(once, repeated=1, times=5)))
    (frame,) = [each for each in svg.iter("rect") if each.get("class") == "frame"]
    left, right = (float(frame.get("x")), float(frame.get("x")) + float(frame.get("width")))
    inside = []
    for group in svg.findall("g"):
        (box,) = group.iter("rect")
        begin, end = float(box.get("x")), float(box.get("x")) + float(box.get("width"))
        assert end < left or left < begin < end < right
        inside.append(begin > left)
    assert inside == [False, False, True]
    assert "5 times, each with its own angles" in [text.text for text in svg.iter("text")]


def test_equal_repetitions_claim_no_angles():
    _, svg = drawn(draw_circuit(replace(drawing(1, [GateFacts("h", (0,), (), None)]), repeated=1, times=3)))
    assert "3 times" in [text.text for text in svg.iter("text")]


def test_wires_are_named_and_what_is_read_stands_at_their_ends():
    names, svg = drawn(draw_circuit(replace(drawing(3, []), read=((1, "Z"), (2, "X")))))
    assert [(text.text, row(float(text.get("y")))) for text in names.iter("text")] == [("q0", 0), ("q1", 1), ("q2", 2)]
    ends = [(text.text, row(float(text.get("y")))) for text in svg.iter("text")]
    assert ends == [("⟨Z⟩", 1), ("⟨X⟩", 2)]


def test_of_a_wide_circuit_the_first_wires_are_drawn():
    n_wires = MOST_WIRES + 1
    gates = [
        GateFacts("x", (1,), (0,), None),
        GateFacts("x", (WIRES_OF_WIDE + 3,), (2,), None),
        GateFacts("x", (n_wires - 1,), (n_wires - 2,), None),
    ]
    names, svg = drawn(draw_circuit(replace(drawing(n_wires, gates), read=((0, "Z"), (n_wires - 1, "Z")))))
    assert len(list(names.iter("text"))) == WIRES_OF_WIDE
    inside, leaving = svg.findall("g")
    assert targets_of(inside) == {1}
    assert targets_of(leaving) == set()
    link = next(path for path in leaving.iter("path"))
    assert link.get("d").endswith(f"V{svg.get('height')}")
    assert [text.text for text in svg.iter("text")] == ["⟨Z⟩"]


def test_names_are_escaped():
    _, svg = drawn(draw_circuit(replace(drawing(1, [GateFacts("<b>", (0,), (), "<i>")]), name='"<&')))
    assert svg.get("aria-label") == '"<&'
    assert [text.text for text in svg.iter("text")] == ["<B>", "<i>"]
