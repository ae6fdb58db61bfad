"""The research log's denoiser: one parameterised circuit that is to undo a scrambling circuit of the same layers."""

from typing import Any

import torch
from jaxtyping import Complex, Int64
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, ladder_entangling, state, state_preparation
from qdiffusion.models.denoised import Denoised
from qdiffusion.models.inputs import refuse_labels


class UnitaryDenoiser(nn.Module):
    """V(θ) ψ: general rotations RZ RY RZ on every qubit, then the CNOT ladder, n_layers times.

    Angles start uniform in [0, 2π), from torch's global generator.

    Args:
        n_qubits: n, of the states.
        n_layers: L; the circuit has 3nL angles.

    Attributes:
        n_classes: 0, it is unconditional.
        levels: 1, the noise levels with parameters of their own.
    """

    n_classes = 0
    levels = 1

    def __init__(self, n_qubits: int, n_layers: int) -> None:
        super().__init__()
        circuit = state_preparation(n_qubits) >> ladder_entangling(n_qubits, n_layers)
        self.circuit = QuantumLayer(circuit, state(), check_norms=False)

    def forward(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Any = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """V ψ for states (N, 2^n) of norm 1, at any timestep; no chance is used.

        Raises:
            UsageError: labels were given, or states of another size.
        """
        refuse_labels(class_labels)
        return Denoised(self.circuit(sample.unsqueeze(1)).squeeze(1))
