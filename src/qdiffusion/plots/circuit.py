"""A circuit drawn as SVG: its colours are the page's own, its text keeps its size, and wide ones scroll."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from qdiffusion.runs.description import CircuitDrawing, GateFacts

ROW, TOP, BOTTOM, BOX, CHARACTER = 40, 30, 14, 30, 7
"""Pixels: between wires, above the first, below the last, height of a gate, width of a letter."""
MOST_WIRES, WIRES_OF_WIDE = 24, 12
"""Of a circuit of more than `MOST_WIRES` wires only the first are drawn."""
MOST_GATES = 600
NAMES = {
    "unitary": "U",
    "postselect": "keep",
    "measure": "M",
    "depolarising": "depol",
    "amplitude_damping": "AD",
    "phase_damping": "PD",
    "bit_flip": "BF",
    "phase_flip": "PF",
    "kraus": "K",
}


@dataclass(frozen=True)
class Layout:
    """Where everything stands: x of the left end and width of each column, and each gate's column."""

    gates: tuple[GateFacts, ...]
    columns: tuple[int, ...]
    lefts: tuple[float, ...]
    widths: tuple[float, ...]
    n_rows: int

    @property
    def width(self) -> float:
        return self.lefts[-1] + self.widths[-1] if self.lefts else 0

    @property
    def height(self) -> int:
        return TOP + self.n_rows * ROW + BOTTOM


def draw_circuit(drawing: CircuitDrawing) -> str:
    """The wires' names, which stay in sight, and the circuit beside them, which scrolls."""
    n_rows = rows_drawn(drawing)
    shown = [gate for gate in drawing.gates if min(gate.wires) < n_rows][:MOST_GATES]
    n_once = len([gate for gate in drawing.gates[: len(drawing.gates) - drawing.repeated] if min(gate.wires) < n_rows])
    layout = lay_out(shown, n_rows, n_once if drawing.times > 1 else 0)
    end = layout.width + 44
    pieces = [
        *(f'<path class="wire" d="M0 {_y(row)}H{end - 36:g}"/>' for row in range(n_rows)),
        *(_frame(layout, n_once, drawing.times) if drawing.times > 1 else ()),
        *(_gate(gate, layout, index) for index, gate in enumerate(layout.gates)),
        *(_text(f"⟨{letter}⟩", end - 18, _y(wire)) for wire, letter in drawing.read if wire < n_rows),
    ]
    names = [_text(f"q{row}", 18, _y(row)) for row in range(n_rows)]
    box = _svg(names, 36, layout.height, "wires", "") + _svg(pieces, end, layout.height, "gates", drawing.name)
    return f'<div class="scroll circuit">{box}</div>'


def rows_drawn(drawing: CircuitDrawing) -> int:
    """How many of its wires are drawn, the first ones."""
    return drawing.n_wires if drawing.n_wires <= MOST_WIRES else WIRES_OF_WIDE


def lay_out(gates: Sequence[GateFacts], n_rows: int, n_once: int = 0) -> Layout:
    """Every gate in the first column in which all wires from its first to its last are free, behind those before it.

    Wires from `n_rows` on share one row below the others. Gates from place `n_once` on begin in a column of their own.
    """
    free = [0] * (n_rows + 1)
    columns: list[int] = []
    widths: list[float] = []
    for place, gate in enumerate(gates):
        if place == n_once:
            free = [max(free)] * len(free)
        rows = [min(wire, n_rows) for wire in gate.wires]
        span = slice(min(rows), max(rows) + 1)
        column = max(free[span])
        free[span] = [column + 1] * (span.stop - span.start)
        columns.append(column)
        widths += [0] * (column + 1 - len(widths))
        widths[column] = max(widths[column], _box_width(gate) + 12)
    lefts = [sum(widths[:column]) for column in range(len(widths))]
    return Layout(tuple(gates), tuple(columns), tuple(lefts), tuple(widths), n_rows)


def _frame(layout: Layout, n_once: int, times: int) -> Iterator[str]:
    """Around what is repeated."""
    columns = layout.columns[n_once:]
    if columns:
        left, right = layout.lefts[min(columns)], layout.lefts[max(columns)] + layout.widths[max(columns)]
        size = f'x="{left + 2:g}" y="18" width="{right - left - 4:g}" height="{layout.height - 24}" rx="6"'
        yield f'<rect class="frame" {size}/>'
        own = ", each with its own angles" if any(_kind(gate) == "trained" for gate in layout.gates[n_once:]) else ""
        yield f'<text class="times" x="{left + 4:g}" y="9">{times} times{own}</text>'


def _gate(gate: GateFacts, layout: Layout, index: int) -> str:
    column = layout.columns[index]
    x = layout.lefts[column] + layout.widths[column] / 2
    rows = [min(wire, layout.n_rows) for wire in gate.wires]
    pieces = [f"<title>{escape(_words(gate))}</title>"]
    if len(rows) > 1:
        bottom = _y(max(rows)) if max(rows) < layout.n_rows else layout.height
        pieces.append(f'<path class="link" d="M{x:g} {_y(min(rows))}V{bottom}"/>')
    pieces += [
        f'<circle class="control" cx="{x:g}" cy="{_y(wire)}" r="4"/>' for wire in gate.controls if wire < layout.n_rows
    ]
    pieces += [_target(gate, x, _y(wire)) for wire in gate.targets if wire < layout.n_rows]
    return f'<g class="gate {_kind(gate)}">{"".join(pieces)}</g>'


def _target(gate: GateFacts, x: float, y: float) -> str:
    if gate.name == "x" and gate.controls:
        return f'<circle class="not" cx="{x:g}" cy="{y}" r="9"/><path class="link" d="M{x - 9:g} {y}h18m-9 -9v18"/>'
    if gate.name == "swap":
        return f'<path class="link" d="M{x - 6:g} {y - 6}l12 12m0 -12l-12 12"/>'
    width = _box_width(gate)
    box = f'<rect x="{x - width / 2:g}" y="{y - BOX / 2:g}" width="{width:g}" height="{BOX}" rx="4"/>'
    if gate.angle is None:
        return box + _text(_name(gate), x, y)
    return box + _text(_name(gate), x, y - 6) + _text(gate.angle, x, y + 8, "angle")


def _svg(pieces: Sequence[str], width: float, height: float, kind: str, label: str) -> str:
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    told = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return "\n".join([f'<svg class="{kind}" {size} {told}>', *pieces, "</svg>"])


def _text(text: str, x: float, y: float, kind: str = "name") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _y(row: int) -> int:
    return TOP + row * ROW + ROW // 2


def _box_width(gate: GateFacts) -> float:
    return max(30, CHARACTER * max(len(_name(gate)), len(gate.angle or "")) + 8)


def _name(gate: GateFacts) -> str:
    return NAMES.get(gate.name, gate.name.upper())


def _kind(gate: GateFacts) -> str:
    angle = gate.angle or ""
    return "trained" if "w" in angle else "input" if "i" in angle else "fixed"


def _words(gate: GateFacts) -> str:
    angle = f"({gate.angle})" if gate.angle else ""
    return f"{'c' * len(gate.controls)}{gate.name}{angle} {', '.join(map(str, gate.wires))}"
