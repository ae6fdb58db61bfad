"""The report's part on the model: its parts with their parameters, and its circuits."""

from collections.abc import Sequence
from html import escape

from qdiffusion.plots import html
from qdiffusion.plots.circuit import MOST_GATES, draw_circuit, rows_drawn
from qdiffusion.runs.description import (
    CircuitDrawing,
    CircuitFacts,
    DeadParameters,
    Description,
    ParameterCount,
    grouped_circuits,
    grouped_layers,
)
from qdiffusion.runs.names import named_spans

LEGEND = "i0, i1, … are the circuit's inputs, w0, w1, … its trained angles, in radians."


def parameters(counts: ParameterCount) -> str:
    """The counts in one sentence."""
    kinds = f"{counts.total:,}: {counts.classical:,} classical, {counts.quantum:,} quantum"
    return kinds + (f"; {counts.dead:,} of them dead (their gradient is always zero)" if counts.dead else "")


def models(descriptions: Sequence[Description]) -> list[tuple[str, str]]:
    """Titles and contents of the sections: every model's parts, then its circuits where it has any."""
    several = len(descriptions) > 1
    told = []
    for description in descriptions:
        whose = f" of {description.stage}" if several else ""
        about = html.note(f"Parameters: {parameters(description.parameters)}.") if several else ""
        told.append((f"Model{whose}", about + _parts(description)))
        if description.drawings:
            told.append((f"Circuits{whose}", _circuits(description)))
    return told


def _parts(description: Description) -> str:
    """Every part of the model in the order in which they run."""
    rows = [
        (layer.name, f"{layer.parameters:,}", layer.shape, layer.type) for layer in grouped_layers(description.layers)
    ]
    return html.columns(("Part", "Parameters", "Output", "Type"), rows) + _dead(description.dead)


def _dead(dead: Sequence[DeadParameters]) -> str:
    if not dead:
        return ""
    rows = [(each.name, f"{each.count:,} of {each.size:,}", each.places) for each in dead]
    return html.folded("Parameters whose gradient is always zero", html.columns(("In", "Number", "Which"), rows))


def _circuits(description: Description) -> str:
    """The banks in a table where there are several, every circuit drawn, and how it is computed."""
    return "\n".join([*_banks(grouped_circuits(description.circuits)), *map(_circuit, description.drawings)])


def _banks(banks: Sequence[CircuitFacts]) -> list[str]:
    if len(banks) < 2:
        return []
    rows = [
        (bank.where, bank.ansatz, *map(str, (bank.n_circuits, bank.n_wires, bank.n_weights, bank.n_gates)))
        for bank in banks
    ]
    return [html.columns(("Circuits in", "Ansatz", "Number", "Qubits", "Angles each", "Gates each"), rows)]


def _circuit(drawing: CircuitDrawing) -> str:
    summary, *found = drawing.plan.splitlines()
    caption = " ".join([_where(drawing), LEGEND, *_left_out(drawing)])
    return "\n".join(
        [
            f"<h3>{escape(drawing.name)}</h3>",
            html.figure(draw_circuit(drawing), caption),
            html.note(f"How it is computed, exactly ({summary.removeprefix(f'{drawing.name}: ')}):"),
            html.bullets(line.strip() for line in found),
        ]
    )


def _where(drawing: CircuitDrawing) -> str:
    maps = ", ".join(named_spans(drawing.banks))
    if drawing.n_circuits == 1:
        return f"One such circuit, in {maps}."
    return f"{drawing.n_circuits} such circuits, each with its own angles, in {len(drawing.banks)} maps: {maps}."


def _left_out(drawing: CircuitDrawing) -> list[str]:
    told = []
    if rows_drawn(drawing) < drawing.n_wires:
        told.append(
            f"Drawn are the first {rows_drawn(drawing)} of its {drawing.n_wires} wires; lines that end at the bottom "
            "lead to others."
        )
    if len(drawing.gates) > MOST_GATES:
        told.append(f"At most {MOST_GATES} of its {drawing.n_gates:,} gates are drawn.")
    return told
