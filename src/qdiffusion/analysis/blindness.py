"""What costs say of states that have nothing to do with what was asked for: a cost that likes them is blind."""

from collections.abc import Sequence
from dataclasses import dataclass

from qdiffusion.diffusion.undo import local_fidelity
from qdiffusion.states import derived, haar, local_infidelity, product

PAIRS = 2000


@dataclass(frozen=True)
class Chance:
    """Of one number of qubits: mean fidelities, qubit by qubit, of states with an independent Haar state."""

    n_qubits: int
    haar: float
    """Where another Haar state was asked for: of their reduced states, as the research log's local cost has it."""
    products: float
    """Where a product of one-qubit states was: of each of these, as training here has it."""


def chance(n_qubits: Sequence[int], seed: int = 0) -> tuple[Chance, ...]:
    """Of each number of qubits, over 2,000 pairs."""
    found = []
    for n in n_qubits:
        generator = derived(seed, n)
        first, second = (haar(PAIRS, n, generator) for _ in range(2))
        products = local_fidelity(product(PAIRS, n, generator), second).mean().item()
        found.append(Chance(n, 1 - local_infidelity(first, second).mean().item(), products))
    return tuple(found)
