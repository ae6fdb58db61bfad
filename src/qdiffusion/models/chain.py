r"""QuDDPM's reverse process: a circuit for every noise level, with ancillas that are measured.

.. math:: |ψ⟩ → |ψ_b⟩ = \frac{⟨b|_A U(θ_t) |ψ⟩|0⟩_A}{\sqrt{p_b}}, \quad p_b = ‖⟨b|_A U(θ_t) |ψ⟩|0⟩_A‖^2

U is L layers of RX and RY on all qubits, then CZ on neighbours. Step t undoes kick t + 1 of the forward process.

Source: Zhang et al. 2024 (arXiv 2310.05866), figure 2.
"""

from typing import Any

import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, QuantumLayer, branches, circuit_of, cz_brickwork, measure, state_preparation
from qdiffusion.circuits.plans.draw import draw
from qdiffusion.errors import UsageError
from qdiffusion.models.denoised import Denoised
from qdiffusion.models.inputs import refuse_labels


class ChainDenoiser(nn.Module):
    """T circuits, `steps.0` … `steps.T-1`, each with 2 (n + n_a) L angles of its own.

    Angles start as N(0, 1), from torch's global generator.

    Args:
        n_qubits: n, of the states.
        n_steps: T.
        n_ancillas: n_a, the last wires of each circuit.
        n_layers: L.

    Attributes:
        n_classes: 0, it is unconditional.
        levels: T, the noise levels with parameters of their own.
    """

    n_classes = 0

    def __init__(self, n_qubits: int, n_steps: int, n_ancillas: int, n_layers: int) -> None:
        super().__init__()
        self.levels = n_steps
        circuit = step_circuit(n_qubits, n_ancillas, n_layers)
        steps = [QuantumLayer(circuit, branches(), check_norms=False) for _ in range(n_steps)]
        for step in steps:
            nn.init.normal_(step.weights)
        self.steps = nn.ModuleList(steps)

    def branches(
        self, sample: Complex[Tensor, "n d"], timestep: Int64[Tensor, "..."] | int
    ) -> tuple[Complex[Tensor, "n b d"], Float[Tensor, "n b"]]:
        """Every outcome of step t: the states of norm 1 that it leaves, and its probabilities.

        (N, 2^n_a, 2^n) and (N, 2^n_a), exact and differentiable.

        Args:
            sample: (N, 2^n) states of norm 1.
            timestep: t in 0 … T-1, one for all; as a tensor it waits for the device.

        Raises:
            UsageError: another size of states, levels that differ, or a level without a circuit.
        """
        states, probabilities = self.steps[self._level(timestep)](sample.unsqueeze(1))
        return states.squeeze(1), probabilities.squeeze(1)

    def forward(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Any = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """The states (N, 2^n) that measuring the ancillas of step t leaves, one outcome of each drawn with `generator`
        (None: torch's own).

        Raises:
            UsageError: as `branches`, or labels were given.
        """
        refuse_labels(class_labels)
        states, probabilities = self.branches(sample, timestep)
        outcome = (
            draw(probabilities, 1, generator or torch.default_generator).unsqueeze(-1).expand(-1, 1, states.shape[-1])
        )
        return Denoised(states.gather(1, outcome).squeeze(1))

    def _level(self, timestep: Tensor | int) -> int:
        levels = timestep.unique().tolist() if isinstance(timestep, Tensor) else [timestep]
        if len(levels) != 1 or not 0 <= levels[0] < self.levels:
            raise UsageError(f"A chain of {self.levels} steps got levels {levels}; give one of 0 … {self.levels - 1}.")
        return levels[0]


def step_circuit(n_qubits: int, n_ancillas: int, n_layers: int) -> Circuit:
    """The states' qubits, then the ancillas; these are measured."""
    wires = range(n_qubits + n_ancillas)
    measured = circuit_of(len(wires), map(measure, wires[n_qubits:]), "measure ancillas")
    return state_preparation(len(wires), wires[:n_qubits]) >> cz_brickwork(len(wires), n_layers) >> measured
