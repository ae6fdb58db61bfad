r"""A denoiser of density matrices: a circuit with ancillas that are traced out, one for each noise level or for all.

.. math:: ρ → \mathrm{tr}_A \, U(θ_t) (ρ ⊗ |0⟩⟨0|_A) U(θ_t)^†

U is L layers of RX and RY on all qubits, then CZ on neighbours. Without ancillas it is a unitary, QAMP 2025, equation
11; with as many as make U a dilation of it, any channel.
"""

from typing import Any

import torch
from jaxtyping import Complex, Int64
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, cz_brickwork, density_matrix, density_preparation
from qdiffusion.models.denoised import Denoised
from qdiffusion.models.inputs import levels_of, refuse_labels


class ChannelDenoiser(nn.Module):
    """ρ → tr_A U ρ U†, with angles `circuit.weights` of (n_steps, 2 (n + n_a) L), radians.

    Angles start as N(0, 0.1²), from torch's global generator: near them an even number of layers without ancillas is
    the identity.

    Args:
        n_qubits: n, of the density matrices.
        n_layers: L.
        n_ancillas: n_a, the last wires, which start in |0⟩.
        n_steps: noise levels with a circuit of their own; 1: one for all.

    Attributes:
        n_classes: 0, it is unconditional.
        levels: n_steps.
    """

    n_classes = 0

    def __init__(self, n_qubits: int, n_layers: int, n_ancillas: int = 0, n_steps: int = 1) -> None:
        super().__init__()
        self.levels = n_steps
        n_wires, wires = n_qubits + n_ancillas, range(n_qubits)
        circuit = density_preparation(n_wires, wires) >> cz_brickwork(n_wires, n_layers)
        self.circuit = QuantumLayer(circuit, density_matrix(wires), n_steps, check_norms=False)
        nn.init.normal_(self.circuit.weights, std=0.1)

    def forward(
        self,
        sample: Complex[Tensor, "n d d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Any = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """What the channel makes of density matrices (N, 2^n, 2^n) at the timesteps t, one for all or (N,); no chance
        is used.

        Raises:
            UsageError: labels were given, a level without a circuit, or matrices of another size.
        """
        refuse_labels(class_labels)
        which = levels_of(timestep, sample, self.levels) if self.levels > 1 else None
        entries = sample.flatten(1)
        told = self.circuit(entries.unsqueeze(1)).squeeze(1) if which is None else self.circuit(entries, which=which)
        return Denoised(told)
