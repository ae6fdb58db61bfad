r"""QuDDPM's reverse process: a circuit for every noise level, with ancillas that are measured.

.. math:: |ψ⟩ → |ψ_b⟩ = \frac{⟨b|_A U(θ_t) |ψ⟩|0⟩_A}{\sqrt{p_b}}, \quad p_b = ‖⟨b|_A U(θ_t) |ψ⟩|0⟩_A‖^2

U is L layers of RX and RY on all qubits, then CZ on neighbours. Step t undoes kick t + 1 of the forward process.

Source: Zhang et al. 2024 (arXiv 2310.05866), figure 2.
"""

from typing import Any

import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, QuantumLayer, branches, cz_brickwork, measured, state_preparation
from qdiffusion.circuits.picked import Picked
from qdiffusion.models.denoised import Denoised, drawn
from qdiffusion.models.inputs import levels_of, refuse_labels


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
        self, sample: Complex[Tensor, "n d"], timestep: Int64[Tensor, "..."] | int, class_labels: Any = None
    ) -> tuple[Complex[Tensor, "n b d"], Float[Tensor, "n b"]]:
        """Every outcome of step t: the states of norm 1 that it leaves, and its probabilities.

        (N, 2^n_a, 2^n) and (N, 2^n_a), exact and differentiable.

        Args:
            sample: (N, 2^n) states of norm 1.
            timestep: t in 0 … T-1, one for all or (N,); waits for the device.
            class_labels: none; a chain is unconditional.

        Raises:
            UsageError: another size of states, a level without a circuit, or labels were given.
        """
        refuse_labels(class_labels)
        t = levels_of(timestep, sample, self.levels)
        picked = Picked.of(t)
        rows = sample[picked.rows].unbind(1)
        left = [self.steps[level](x[:, None]) for level, x in zip(picked.used.tolist(), rows, strict=True)]
        states, probabilities = (picked.back(torch.cat(parts, dim=1)) for parts in zip(*left, strict=True))
        return states, probabilities

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
            UsageError: as `branches`.
        """
        return Denoised(drawn(*self.branches(sample, timestep, class_labels), generator))


def step_circuit(n_qubits: int, n_ancillas: int, n_layers: int) -> Circuit:
    """The states' qubits, then the ancillas; these are measured."""
    wires = range(n_qubits + n_ancillas)
    ansatz = measured(cz_brickwork(len(wires), n_layers), wires[n_qubits:])
    return state_preparation(len(wires), wires[:n_qubits]) >> ansatz
