"""The small classifier whose hidden layer is the feature space for MNIST-like pictures."""

from jaxtyping import Float
from torch import Tensor, nn

N_FEATURES = 128
N_CLASSES = 10
SIZE = 28


class FeatureCNN(nn.Module):
    """Classifier of grey 28 x 28 pictures in ten classes: three convolutions, a hidden layer, a linear head.

    `features`: float32 (N, 1, 28, 28) in [-1, 1] -> float32 (N, 128), ReLU outputs, non-negative.
    `forward`: the same input -> float32 (N, 10), logits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(1, 32),
            nn.MaxPool2d(2),
            *_convolution(32, 64),
            nn.MaxPool2d(2),
            *_convolution(64, 128),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128 * 3 * 3, N_FEATURES, bias=False),
            nn.BatchNorm1d(N_FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(N_FEATURES, N_CLASSES)

    def features(self, x: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 128"]:
        """Return the hidden layer, (N, 128)."""
        return self.body(x)

    def forward(self, x: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Return the logits, (N, 10)."""
        return self.head(self.body(x))


def _convolution(n_in: int, n_out: int) -> list[nn.Module]:
    return [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
