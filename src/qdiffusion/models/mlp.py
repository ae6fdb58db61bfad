"""A denoiser of vectors: residual layers, each told the noise level and, where there are classes, the label."""

from typing import Any

import torch
from jaxtyping import Float, Int64, Real
from torch import Tensor, nn

from qdiffusion.errors import UsageError
from qdiffusion.models.embedding import TimeEmbedding
from qdiffusion.models.inputs import check_vectors, check_width
from qdiffusion.models.output import output


class ResidualLayer(nn.Module):
    """h + W₂ SiLU(W₁ norm(h) + W₃ SiLU(e)), each W with its bias.

    forward: h (N, width), embedding e (N, width) → (N, width).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, width)
        self.embedding = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, h: Float[Tensor, "n width"], embedding: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        told = self.embedding(nn.functional.silu(embedding))
        return h + self.second(nn.functional.silu(self.first(self.norm(h)) + told))


class MLPNetwork(nn.Module):
    """Predicts the noise in noisy vectors: the layers of `MLP`, in torch alone.

    Weights start as torch's own initialisation draws them, from torch's global generator.

    Args:
        features: length d of a vector.
        width: of the layers; a multiple of 8, at least 16: the sinusoids of the noise level are a quarter of it.
        depth: number of residual layers, at least 1.
        n_classes: classes of the labels that the noise is predicted for; 0 is unconditional.

    Raises:
        UsageError: a width or a depth that is none of these.
    """

    levels = 1
    null_label = True

    def __init__(self, features: int, width: int, depth: int, n_classes: int = 0) -> None:
        super().__init__()
        _check_sizes(width, depth)
        self.n_classes = n_classes
        self._features = features
        self.time_embedding = TimeEmbedding(width // 4, n_classes)
        self.linear_in = nn.Linear(features, width)
        self.layers = nn.ModuleList(ResidualLayer(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.linear_out = nn.Linear(width, features)

    def forward(
        self,
        sample: Float[Tensor, "n d"],
        timestep: Real[Tensor, "..."] | int | float,
        class_labels: Int64[Tensor, " n"] | None = None,
        return_dict: bool = True,
    ) -> Any | tuple[Float[Tensor, "n d"]]:
        """The noise in each vector.

        Args:
            sample: (N, features) noisy vectors, about unit variance.
            timestep: noise level 0 … T-1, or between levels, one for all or (N,).
            class_labels: (N,) in 0 … n_classes - 1, and n_classes for no label; None gives none to any. An
                unconditional model takes none.
            return_dict: give a `UNet2DOutput` rather than a tuple.

        Returns:
            (N, features), as `.sample` or as the only element.

        Raises:
            UsageError: vectors of another length, or labels that the model does not know.
        """
        check_vectors(sample, self._features)
        t = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        embedding = self.time_embedding(t, class_labels)
        h = self.linear_in(sample)
        for layer in self.layers:
            h = layer(h, embedding)
        return output(self.linear_out(self.norm(h)), return_dict)


def _check_sizes(width: int, depth: int) -> None:
    check_width("MLP", width)
    if depth < 1:
        raise UsageError(f"The MLP's depth is {depth}; give at least 1.")
