r"""The research log's denoiser: circuits without ancillas that are to undo a scrambling circuit, in one step or step by
step.

.. math:: x_{t-1} ≈ V_t x_t, \quad V_t = C_L(θ_{t,L}) \cdots C_1(θ_{t,1})

A layer C_l is a general rotation R_Z R_Y R_Z of every qubit and a ladder of CNOTs, in one of three orders:

* ladder: rotations, then CNOTs 0→1, 1→2, …, as the scrambler does; from 3 qubits on no layer undoes one of those;
* mirrored: CNOTs …, 1→2, 0→1, then rotations: layer by layer the scrambler's inverse, where the angles are found;
* blocks: two of the one, then two of the other; where the angles of the last two are opposite to those of the first
  two, backwards, the four are the identity (Grant et al. 2019, arXiv 1903.05076). One of each would not do: their CNOTs
  cancel for any angles.
"""

from typing import Any

import torch
from jaxtyping import Complex, Int64
from torch import Tensor, nn

from qdiffusion.circuits import Circuit, QuantumLayer, ladder_entangling, mirrored_ladder, state, state_preparation
from qdiffusion.models.circuit_config import BLOCK, Layers, Start
from qdiffusion.models.denoised import Denoised
from qdiffusion.models.inputs import levels_of, refuse_labels


class UnitaryDenoiser(nn.Module):
    """V_t(θ) ψ, with angles `layers.0.weights` … `layers.L-1.weights` of (n_steps, 3n), radians.

    Angles start uniform in [0, 2π), from torch's global generator; where `start` is "identity", those of the second
    half of each block opposite to the first half's, which makes V the identity.

    Args:
        n_qubits: n, of the states.
        n_layers: L; a step has 3nL angles.
        n_steps: noise levels with a circuit of their own; 1: one for all.
        ansatz: the order of a layer.
        start: "random" or "identity", which takes blocks, and whole ones.

    Attributes:
        n_classes: 0, it is unconditional.
        levels: n_steps.
        is_unitary: what it does is a matrix.
    """

    n_classes = 0
    is_unitary = True

    def __init__(
        self, n_qubits: int, n_layers: int, n_steps: int = 1, ansatz: Layers = "ladder", start: Start = "random"
    ) -> None:
        super().__init__()
        self.levels = n_steps
        prepared = state_preparation(n_qubits)
        self.layers = nn.ModuleList(
            QuantumLayer(prepared >> _layer(ansatz, n_qubits, place), state(), n_steps, check_norms=False)
            for place in range(n_layers)
        )
        if start == "identity":
            weights: list[Any] = [layer.weights for layer in self.layers]
            for begin in range(0, n_layers, BLOCK):
                block = weights[begin : begin + BLOCK]
                for first, last in zip(block[: BLOCK // 2], reversed(block), strict=False):
                    angles = first.detach().unflatten(-1, (n_qubits, 3))
                    last.data.copy_(-angles.flip(-1).flatten(-2))

    def forward(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Any = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """V_t ψ for states (N, 2^n) of norm 1 at the timesteps t, one for all or (N,); no chance is used.

        Raises:
            UsageError: labels were given, a level without a circuit, or states of another size.
        """
        refuse_labels(class_labels)
        which = levels_of(timestep, sample, self.levels) if self.levels > 1 else None
        for layer in self.layers:
            sample = layer(sample.unsqueeze(1)).squeeze(1) if which is None else layer(sample, which=which)
        return Denoised(sample)


def _layer(ansatz: Layers, n_qubits: int, place: int) -> Circuit:
    mirrored = ansatz == "mirrored" or (ansatz == "blocks" and place % BLOCK >= BLOCK // 2)
    return (mirrored_ladder if mirrored else ladder_entangling)(n_qubits, 1)
