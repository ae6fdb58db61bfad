r"""MSQuDDPM's reverse process: a circuit for every noise level, on density matrices, with ancillas that are traced out.

.. math:: ρ → \mathrm{tr}_A \, U(θ_t) \big(ρ ⊗ |a⟩⟨a| ⊗ |0⟩⟨0|\big) U(θ_t)^†

|a⟩ is Haar-random and drawn anew for each state and step: it is what makes one sample differ from another, since all
begin as the maximally mixed state. U is L layers of RX and RY on all qubits, then CZ on neighbours.

Source: Kwun et al. 2024 (arXiv 2411.17608).
"""

from typing import Any

import torch
from jaxtyping import Complex, Int64
from torch import Tensor, nn

from qdiffusion.circuits import cz_brickwork, density_matrix, density_preparation
from qdiffusion.models.denoised import Denoised
from qdiffusion.models.inputs import levels_of, refuse_labels
from qdiffusion.models.steps import CircuitSteps
from qdiffusion.states import haar, projector


class MixedChainDenoiser(nn.Module):
    """T circuits, `steps.0` … `steps.T-1` (`CircuitSteps`), each with 2 (n + n_a) L angles of its own.

    Args:
        n_qubits: n, of the density matrices.
        n_steps: T.
        n_ancillas: n_a, the last wires of each circuit.
        n_layers: L.
        n_random: how many of the ancillas, the first ones, come in as |a⟩.

    Attributes:
        n_classes: 0, it is unconditional.
        levels: T.
    """

    n_classes = 0

    def __init__(self, n_qubits: int, n_steps: int, n_ancillas: int, n_layers: int, n_random: int) -> None:
        super().__init__()
        self.n_steps = self.levels = n_steps
        self.n_random = n_random
        wires = range(n_qubits + n_ancillas)
        prepared = density_preparation(len(wires), wires[: n_qubits + n_random])
        circuit = prepared >> cz_brickwork(len(wires), n_layers)
        self.steps = CircuitSteps(circuit, density_matrix(wires[:n_qubits]), n_steps)

    def joined(
        self, sample: Complex[Tensor, "n d d"], generator: torch.Generator | None = None
    ) -> Complex[Tensor, "n e e"]:
        """ρ ⊗ |a⟩⟨a|, (N, 2^n, 2^n) → (N, 2^(n + r), 2^(n + r)) for r random ancillas, drawn by `generator` (None:
        torch's own)."""
        if not self.n_random:
            return sample
        a = projector(haar(len(sample), self.n_random, generator or torch.default_generator).to(sample))
        return torch.einsum("nij,nkl->nikjl", sample, a).flatten(3).flatten(1, 2)

    def traced(
        self, joined: Complex[Tensor, "n e e"], timestep: Int64[Tensor, "..."] | int
    ) -> Complex[Tensor, "n d d"]:
        """What step t leaves of what `joined` made: (N, 2^n, 2^n), without chance, differentiable.

        Raises:
            UsageError: another size, or a level without a circuit.
        """
        return self.steps(joined.flatten(1), levels_of(timestep, joined, self.levels))[0]

    def forward(
        self,
        sample: Complex[Tensor, "n d d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Any = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """What step t makes of density matrices (N, 2^n, 2^n), its random ancillas drawn by `generator` (None: torch's
        own).

        Raises:
            UsageError: as `traced`, or labels were given.
        """
        refuse_labels(class_labels)
        return Denoised(self.traced(self.joined(sample, generator), timestep))
