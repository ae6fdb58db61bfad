r"""A circuit as the denoiser of vectors: what QAMP 2025, section 2.1.4, asks of a score model.

.. math:: a = W (x, e_t) + b, \quad z_k = ⟨Z_k⟩ \text{ in } \prod_{r} U(θ_r)\, R_X(a) |0⟩, \quad y = V (z, x, e_t) + c

The angles a are uploaded again before every layer (Pérez-Salinas et al. 2020, arXiv 1907.02085), so that z is a Fourier
series in them, of as many frequencies as there are layers (Schuld et al. 2021, arXiv 2008.08605).
"""

from typing import Any

import torch
from jaxtyping import Float, Int64, Real
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, angle_encoding, pauli_z, reuploading, strongly_entangling
from qdiffusion.models.embedding import TimeEmbedding
from qdiffusion.models.inputs import check_vectors, check_width
from qdiffusion.models.output import output


class ReuploadingNetwork(nn.Module):
    """Linear layers around one circuit; all that is not linear is the circuit's, and the noise level's embedding.

    Weights start as torch's own initialisation draws them, from torch's global generator.

    Args:
        features: length d of a vector.
        n_wires: qubits of the circuit.
        n_layers: times that the angles are uploaded, each followed by a layer of 3 angles a qubit.
        width: features of the noise level's embedding; a multiple of 8, at least 16.
        n_classes: classes of the labels that are told with the noise level; 0 is unconditional.

    Raises:
        UsageError: a width that is none of these.
    """

    levels = 1
    null_label = True

    def __init__(self, features: int, n_wires: int, n_layers: int, width: int, n_classes: int = 0) -> None:
        super().__init__()
        check_width("embedding", width)
        self.n_classes, self.features = n_classes, features
        self.time_embedding = TimeEmbedding(width // 4, n_classes)
        self.linear_in = nn.Linear(features + width, n_wires)
        circuit = reuploading(angle_encoding(n_wires), strongly_entangling(n_wires, 1), n_layers)
        self.circuit = QuantumLayer(circuit, pauli_z("each"))
        self.linear_out = nn.Linear(n_wires + features + width, features)

    def forward(
        self,
        sample: Float[Tensor, "n d"],
        timestep: Real[Tensor, "..."] | int | float,
        class_labels: Int64[Tensor, " n"] | None = None,
        return_dict: bool = True,
    ) -> Any | tuple[Float[Tensor, "n d"]]:
        """What is asked of each noisy vector: its noise, say, or its score.

        Args:
            sample: (N, features) noisy vectors, about unit variance.
            timestep: noise level 0 … T-1, or between levels, one for all or (N,).
            class_labels: (N,) in 0 … n_classes - 1, and n_classes for no label; None gives none to any.
            return_dict: give a `UNet2DOutput` rather than a tuple.

        Returns:
            (N, features), as `.sample` or as the only element.

        Raises:
            UsageError: vectors of another length, or labels that the model does not know.
        """
        check_vectors(sample, self.features)
        t = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        told = torch.cat([sample, self.time_embedding(t, class_labels)], dim=1)
        read = self.circuit(self.linear_in(told)[:, None])[:, 0]
        return output(self.linear_out(torch.cat([read, told], dim=1)), return_dict)
