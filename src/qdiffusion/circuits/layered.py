"""Layers of one shape, each with weights of its own."""

from collections.abc import Callable, Iterable, Iterator

from qdiffusion.circuits.circuit import Angle, Circuit, Gate, circuit_of, weight
from qdiffusion.errors import UsageError


def layered(
    layer: Callable[[Iterator[Angle]], Iterable[Gate]], n_layers: int, n_angles: int, name: str, n_wires: int
) -> Circuit:
    """`n_layers` times the gates that `layer` makes of the next `n_angles` weights."""
    gates = [
        gate
        for index in range(n_layers)
        for gate in layer(map(weight, range(index * n_angles, (index + 1) * n_angles)))
    ]
    return circuit_of(n_wires, gates, f"{name}(n_layers={n_layers})", n_layers * n_angles)


def check(n_layers: int, n_wires: int = 1, at_least: int = 1) -> None:
    """Raise UsageError without a layer, or with fewer wires than an ansatz needs."""
    if n_layers < 1:
        raise UsageError(f"An ansatz needs at least 1 layer, not {n_layers}.")
    if n_wires < at_least:
        raise UsageError(f"An ansatz needs at least {at_least} wire{'s' * (at_least > 1)}, not {n_wires}.")
