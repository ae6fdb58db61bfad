"""A model on paper as tables for a terminal."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table

from qdiffusion.runs.description import (
    CircuitFacts,
    DeadParameters,
    Description,
    LayerFacts,
    ParameterCount,
    grouped_circuits,
    grouped_layers,
)


def tables(description: Description) -> Group:
    """Layers, circuits and parameters."""
    stage = f" · {description.stage}" if description.stage else ""
    return Group(
        _layers(f"{description.name}{stage}", grouped_layers(description.layers)),
        _circuits(grouped_circuits(description.circuits)),
        _parameters(description.parameters),
        *([_dead(description.dead)] if description.dead else []),
    )


def _layers(title: str, layers: list[LayerFacts]) -> Table:
    table = Table("layer", "type", "parameters", "output", title=title)
    table.columns[2].justify = "right"
    for layer in layers:
        table.add_row(layer.name, layer.type, f"{layer.parameters:,}", layer.shape)
    return table


def _circuits(circuits: list[CircuitFacts]) -> Table:
    table = Table("circuits in", "ansatz", "number", "qubits", "angles each", "gates each")
    for column in table.columns[:2]:
        column.overflow = "fold"
    for circuit in circuits:
        numbers = (circuit.n_circuits, circuit.n_wires, circuit.n_weights, circuit.n_gates)
        table.add_row(circuit.where, circuit.ansatz, *map(str, numbers))
    return table


def _parameters(counts: ParameterCount) -> Table:
    table = Table("parameters", "number", "of these dead")
    table.columns[1].justify = table.columns[2].justify = "right"
    table.add_row("classical", f"{counts.classical:,}", f"{counts.dead_classical:,}")
    table.add_row("quantum", f"{counts.quantum:,}", f"{counts.dead_quantum:,}")
    table.add_row("total", f"{counts.total:,}", f"{counts.dead:,}")
    return table


def _dead(dead: Sequence[DeadParameters]) -> Table:
    table = Table("dead parameters in", "number", "of", "which")
    table.columns[1].justify = table.columns[2].justify = "right"
    table.columns[0].overflow = "fold"
    for each in dead:
        table.add_row(each.name, f"{each.count:,}", f"{each.size:,}", each.places)
    return table
