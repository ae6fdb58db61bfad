r"""Cacioppo et al. 2023's NNCPQC: circuits half of whose angles a classical network makes of the noisy state.

.. math:: |x_t⟩ → \prod_{j} V_j(2π\, σ(\mathrm{MLP}_t(|x_t|))_j)\, U_j(θ_{tj}) |x_t⟩

|x_t| are the moduli of the amplitudes, σ is the logistic function.

Source: arXiv 2311.15444, the authors' later program; how its 1,920 angles are shared out is not published.
"""

import math
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, alternating_ladder, state, state_preparation, weights_as_inputs
from qdiffusion.circuits.picked import Picked
from qdiffusion.models.denoised import Denoised
from qdiffusion.models.inputs import levels_of, refuse_labels
from qdiffusion.models.qdm import ANGLE_STD


class NNCPQCNetwork(nn.Module):
    """Pairs of circuits U_j, V_j on n qubits: U_j with angles of its own for each level, V_j with those of an MLP.

    Angles start in N(0, 0.7²), the rest as torch's own initialisation draws it, from torch's global generator.

    Args:
        n_qubits: n, of the states.
        n_levels: noise levels T, each with angles and an MLP of its own.
        n_pairs: pairs of circuits.
        n_layers: layers of each circuit, of 3 angles a qubit.
        width: of the MLPs' hidden layers.
        depth: hidden layers of each MLP.
    """

    n_classes = 0
    null_label = False

    def __init__(self, n_qubits: int, n_levels: int, n_pairs: int, n_layers: int, width: int, depth: int) -> None:
        super().__init__()
        self.levels = n_levels
        prepared, ansatz = state_preparation(n_qubits), alternating_ladder(n_qubits, n_layers)
        told = prepared >> weights_as_inputs(ansatz, prepared.n_inputs)
        self.own = QuantumLayer(prepared >> ansatz, state(), n_pairs * n_levels, check_norms=False)
        nn.init.normal_(self.own.weights, std=ANGLE_STD)
        self.told = QuantumLayer(told, state(), check_norms=False)
        self.n_pairs = n_pairs
        self.networks = nn.ModuleList(
            mlp(1 << n_qubits, width, depth, n_pairs * ansatz.n_weights) for _ in range(n_levels)
        )

    def forward(
        self,
        sample: Complex[Tensor, "n d"],
        timestep: Int64[Tensor, "..."] | int,
        class_labels: Any = None,
        return_dict: bool = True,
        generator: torch.Generator | None = None,
    ) -> Denoised:
        """The states (N, 2^n) a level before the noisy ones (N, 2^n), norm 1.

        Args:
            sample: states of norm 1.
            timestep: t in 0 … T-1, one for all or (N,).
            class_labels: none; the network is unconditional.
            generator: not used; the network has no chance.

        Raises:
            UsageError: labels, or a level that there is none of.
        """
        refuse_labels(class_labels)
        t = levels_of(timestep, sample, self.levels)
        psi = sample
        for pair, angles in enumerate(self._angles(sample.abs(), t).chunk(self.n_pairs, dim=1)):
            psi = self.own(psi, which=pair * self.levels + t)
            psi = self.told(torch.cat([psi, angles.to(psi.dtype)], dim=1)[:, None])[:, 0]
        return Denoised(psi)

    def _angles(self, moduli: Float[Tensor, "n d"], t: Int64[Tensor, " n"]) -> Float[Tensor, "n angles"]:
        """In radians, by each level's own network."""
        picked = Picked.of(t)
        rows = moduli[picked.rows].unbind(1)
        made = [self.networks[level](x) for level, x in zip(picked.used.tolist(), rows, strict=True)]
        return 2 * math.pi * picked.back(torch.stack(made, dim=1)).sigmoid()


def mlp(n_in: int, width: int, depth: int, n_out: int) -> nn.Sequential:
    """Linear layers with ReLU between them, `depth` hidden ones of `width` features."""
    sizes = [n_in, *[width] * depth, n_out]
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])
