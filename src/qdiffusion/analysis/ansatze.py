"""Ansätze side by side: expressibility and entangling capability, from states of random weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import pi, sqrt

import torch
from torch import Tensor

from qdiffusion.analysis.expressibility import divergence_floor, expressibility
from qdiffusion.circuits import (
    Circuit,
    Gate,
    QuantumLayer,
    alternating_ladder,
    basic_entangling,
    circuit_of,
    conv_grover,
    conv_phase,
    cz_brickwork,
    fqconv,
    hqconv,
    ladder_entangling,
    state,
    strongly_entangling,
)
from qdiffusion.circuits.qamp import MOST_GROVER_WIRES
from qdiffusion.circuits.structure import depth
from qdiffusion.errors import UsageError, require
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.states import derived, fidelity, meyer_wallach

MOST_WIRES = 14
_AMPLITUDES_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Ansatz:
    """How an ansatz is made for a number of wires and layers, and for which numbers of wires."""

    build: Callable[[int, int], Circuit]
    fits: Callable[[int], bool] = lambda n_wires: True
    wires: str = "2 or more"
    rotations_first: bool = True
    """False where every gate is controlled: |0…0⟩ stays what it is, so that the study starts from |+…+⟩."""


ANSATZE: dict[str, Ansatz] = {
    "conv-phase": Ansatz(conv_phase),
    "conv-grover": Ansatz(conv_grover, lambda n: n <= MOST_GROVER_WIRES, f"2 to {MOST_GROVER_WIRES}"),
    "alternating-ladder": Ansatz(alternating_ladder),
    "strongly-entangling": Ansatz(strongly_entangling),
    "ladder-entangling": Ansatz(ladder_entangling),
    "cz-brickwork": Ansatz(cz_brickwork),
    "basic-entangling": Ansatz(basic_entangling),
    "hqconv": Ansatz(
        lambda n_wires, n_layers: hqconv(n_layers, n_channels=n_wires // 4),
        lambda n: n % 4 == 0,
        "a multiple of 4",
        rotations_first=False,
    ),
    "fqconv": Ansatz(lambda _, n_layers: fqconv(n_layers), lambda n: n == 12, "12", rotations_first=False),
}


@dataclass(frozen=True)
class AnsatzScore:
    """One ansatz: its size, and mean and standard error of what its random states are."""

    name: str
    start: str
    """The state it acts on: |0…0⟩ or |+…+⟩."""
    n_weights: int
    depth: int
    """Layers of gates on distinct wires, those that make the start included."""
    n_entangling: int
    """Gates on two or more wires."""
    divergence: float
    """Expressibility: of the fidelities of pairs from the Haar law, nats."""
    divergence_error: float
    entangling: float
    """Mean Meyer-Wallach measure."""
    entangling_error: float


@dataclass(frozen=True)
class AnsatzStudy:
    """The scores, and what Haar states would score under the same conditions."""

    n_wires: int
    n_layers: int
    n_samples: int
    """Pairs of states of each ansatz."""
    n_bins: int
    seed: int
    floor: float
    """Mean divergence of as many pairs of Haar states: the bias of a finite sample."""
    haar_entangling: float
    """Mean Meyer-Wallach measure of Haar states, (2^n - 2) / (2^n + 1)."""
    scores: tuple[AnsatzScore, ...]


def study_ansatze(
    names: Sequence[str] = (),
    n_wires: int = 4,
    n_layers: int = 5,
    n_samples: int = 5000,
    n_bins: int = 75,
    seed: int = 0,
    progress: Progress | None = None,
) -> AnsatzStudy:
    """Score ansätze by the states of `n_samples` pairs of weights, all drawn from U(0, 2π).

    Args:
        names: of `ANSATZE`; all that there are for so many wires by default.
        seed: every ansatz draws from it anew, whatever others are studied.

    Raises:
        UsageError: an unknown name, an ansatz that there is not for so many wires, or a number that is too small.
    """
    for field, value, least in (("layers", n_layers, 1), ("samples", n_samples, 2), ("bins", n_bins, 2)):
        require(value >= least, field, value, f"at least {least}")
    require(2 <= n_wires <= MOST_WIRES, "wires", n_wires, f"2 to {MOST_WIRES}")
    chosen = _chosen(names, n_wires)
    size = 1 << n_wires
    scores = []
    with (progress or SilentProgress()).task("ansätze", len(chosen)) as task:
        for place, name in enumerate(chosen):
            scores.append(_score(name, n_wires, n_layers, n_samples, n_bins, seed))
            task.update(place + 1)
    floor = divergence_floor(size, n_bins, n_samples)
    haar_entangling = (size - 2) / (size + 1)
    return AnsatzStudy(n_wires, n_layers, n_samples, n_bins, seed, floor, haar_entangling, tuple(scores))


def _chosen(names: Sequence[str], n_wires: int) -> list[str]:
    for name in names:
        if name not in ANSATZE:
            raise UsageError(f"Unknown ansatz {name!r}; there are {', '.join(ANSATZE)}.")
        if not ANSATZE[name].fits(n_wires):
            raise UsageError(f"{name} is made for wires {ANSATZE[name].wires}, not for {n_wires}.")
    return list(dict.fromkeys(names)) or [name for name, ansatz in ANSATZE.items() if ansatz.fits(n_wires)]


def _score(name: str, n_wires: int, n_layers: int, n_samples: int, n_bins: int, seed: int) -> AnsatzScore:
    ansatz = ANSATZE[name]
    circuit = ansatz.build(n_wires, n_layers)
    if not ansatz.rotations_first:
        circuit = circuit_of(n_wires, [Gate("h", (wire,)) for wire in range(n_wires)], "plus") >> circuit
    fidelities, entangling = _sampled(circuit, n_samples, derived(seed))
    found = expressibility(fidelities, 1 << n_wires, n_bins, derived(seed, 1))
    return AnsatzScore(
        name,
        "|0…0⟩" if ansatz.rotations_first else "|+…+⟩",
        circuit.n_weights,
        depth(circuit.gates),
        sum(len(gate.wires) > 1 for gate in circuit.gates),
        found.divergence,
        found.error,
        float(entangling.mean()),
        float(entangling.std()) / sqrt(len(entangling)),
    )


@torch.no_grad()
def _sampled(circuit: Circuit, n_samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Fidelities of independent pairs, and the Meyer-Wallach measure of all their states, float64 (M,) and (2M,)."""
    layer = QuantumLayer(_of_samples(circuit), state()).double()
    weights = 2 * pi * torch.rand(n_samples, 2, circuit.n_weights, dtype=torch.float64, generator=generator)
    fidelities, measures = [], []
    for part in weights.split(max(1, _AMPLITUDES_AT_ONCE >> circuit.n_wires)):
        states = layer(part.flatten(0, 1).unsqueeze(1)).squeeze(1)
        first, second = states.unflatten(0, (-1, 2)).unbind(1)
        fidelities.append(fidelity(first, second))
        measures.append(meyer_wallach(states))
    return torch.cat(fidelities), torch.cat(measures)


def _of_samples(circuit: Circuit) -> Circuit:
    """The circuit with its weights as inputs: a plan fuses what all samples share, which is no weight here."""
    gates = tuple(
        replace(gate, angle=replace(gate.angle, source="input"))
        if gate.angle and gate.angle.source == "weight"
        else gate
        for gate in circuit.gates
    )
    return replace(circuit, gates=gates, n_weights=0, n_inputs=circuit.n_weights)
