"""What a denoiser is told beside the noisy item: how noisy it is and, where it is conditional, the item's label."""

import math

import torch
from jaxtyping import Float, Int64, Real
from torch import Tensor, nn

from qdiffusion.errors import UsageError
from qdiffusion.models.inputs import check_range, refuse_labels


def sinusoids(t: Real[Tensor, " n"], dim: int, last: int) -> Float[Tensor, "n features"]:
    """Noise levels as waves: sin(t ω_i), then cos(t ω_i), ω_i = 10000^(-i / last), i = 0 … dim / 2 - 1.

    t (N,) → float32 (N, dim).
    """
    exponents = torch.arange(dim // 2, dtype=torch.float32, device=t.device) / last
    phases = t.float()[:, None] * torch.exp(-math.log(10000) * exponents)
    return torch.cat([phases.sin(), phases.cos()], dim=1)


class TimeEmbedding(nn.Module):
    """Noise levels as smooth features: sinusoids through a small network; with classes, the label's row on top.

    The sinusoids' slowest frequency is 1/10000 (`sinusoids`).

    forward: t (N,), labels (N,) or None → (N, 4 · dim).

    Source: Ho et al. 2020, appendix B.

    Args:
        dim: number of sinusoids; even, at least 4.
        n_classes: classes of the labels; 0 takes no labels.
    """

    def __init__(self, dim: int, n_classes: int = 0) -> None:
        super().__init__()
        self.dim = dim
        self.network = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(approximate="tanh"), nn.Linear(4 * dim, 4 * dim))
        self.classes = ClassEmbedding(n_classes, 4 * dim) if n_classes else None

    def forward(self, t: Real[Tensor, " n"], labels: Int64[Tensor, " n"] | None = None) -> Float[Tensor, "n features"]:
        if self.classes is None:
            refuse_labels(labels)
        features = sinusoids(t, self.dim, last=self.dim // 2 - 1)
        embedded = self.network(features.to(next(self.network.parameters()).dtype))
        return embedded if self.classes is None else self.classes(embedded, labels)


class ClassEmbedding(nn.Module):
    """Adds to an embedding a learnt row for each class, or the last row, which stands for no label.

    y = x + weight[label],  label = 0 … n_classes

    All rows start at zero, and draw no chance: a fresh conditional network says what the unconditional one of the same
    seed says. They learn all the same, each its own way: the gradient of a row is the sum of y's over its items, and
    does not vanish with the row.

    forward: x (N, width), labels int64 (N,), `n_classes` for none, or None: none for all → (N, width). On a GPU it is
        torch's own check of indices that refuses a label out of range, since reading labels back would stop the queue.

    Raises:
        UsageError: labels not of shape (N,), or out of range.

    Source: the null label of Ho and Salimans 2022, algorithm 1.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.weight = nn.Parameter(torch.zeros(n_classes + 1, width))

    def forward(self, x: Float[Tensor, "n width"], labels: Int64[Tensor, " n"] | None) -> Float[Tensor, "n width"]:
        if labels is None:
            return x + self.weight[self.n_classes].to(x.dtype)
        self._check(labels, len(x))
        return x + nn.functional.embedding(labels, self.weight).to(x.dtype)

    def _check(self, labels: Tensor, count: int) -> None:
        if labels.shape != (count,):
            raise UsageError(
                f"The class labels have shape {tuple(labels.shape)}, expected ({count},), one for each of the batch."
            )
        known = f"knows 0 … {self.n_classes - 1}, and {self.n_classes} for no label"
        check_range("class labels", labels, self.n_classes + 1, known)
