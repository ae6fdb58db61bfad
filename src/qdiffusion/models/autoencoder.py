"""A small convolutional autoencoder: images as a few numbers, for diffusion in its latent."""

import torch
from jaxtyping import Complex64, Float, UInt8
from torch import Tensor, nn

from qdiffusion.data.images import to_uint8, to_unit_range
from qdiffusion.data.space import Space, SpaceKind
from qdiffusion.errors import UsageError
from qdiffusion.models.codecs import check_fit


class AutoencoderNetwork(nn.Module):
    """Encodes images into latents and back: the layers of `Autoencoder`, in torch alone.

    z = norm(W conv(SiLU(conv(x)))), x̂ = tanh(conv(SiLU(conv(W' z)))), convolutions of 4×4 with stride 2

    For states norm(h) = |h| / ‖h‖, whose numbers are the amplitudes; back, z is the moduli of the amplitudes, which no
    phase changes. For vectors norm is batch normalisation without gain and bias: what a diffusion process that ends in
    N(0, 1) expects of its data. In training it takes mean and variance of the batch, in evaluation the running averages
    of these over some tens of batches. So the latents of a frozen autoencoder have mean 0 and variance 1 over the
    training set, feature by feature, but for what its weights still moved by in the last batches: up to a few tenths at
    a constant rate.

    Weights start as torch's own initialisation draws them, from torch's global generator.

    Args:
        sample_size: side S of the images in pixels; a multiple of 4.
        in_channels: channels C of the images.
        latent: reals an image is encoded into.
        width: channels at half the size; twice as many at a quarter.
        n_classes: classes of the images' labels, which the latents keep.
        latent_kind: "vectors", or "states" of log₂ latent qubits.

    Attributes:
        space: vectors or states (latent,).

    Raises:
        UsageError: the images do not fit, a size is not positive, or no state has so many amplitudes.
    """

    def __init__(
        self,
        sample_size: int,
        in_channels: int,
        latent: int,
        width: int,
        n_classes: int = 0,
        latent_kind: SpaceKind = "vectors",
    ) -> None:
        super().__init__()
        _check_sizes(sample_size, latent, width, latent_kind)
        self.space = Space(latent_kind, (latent,), tuple(range(n_classes)))
        self._image_shape = (in_channels, sample_size, sample_size)
        quarter = (2 * width, sample_size // 4, sample_size // 4)
        features = quarter[0] * quarter[1] * quarter[2]
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels, width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(features, latent, bias=False),  # norm takes a bias out again
        )
        self.norm = nn.BatchNorm1d(latent, affine=False) if latent_kind == "vectors" else Moduli()
        self.decoder = nn.Sequential(
            nn.Linear(latent, features),
            nn.SiLU(),
            nn.Unflatten(1, quarter),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(width, in_channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def encode(self, items: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n latent"] | Complex64[Tensor, "n latent"]:
        """The latents (N, latent) of images, uint8 (N, C, S, S): float32, or complex64 states.

        Raises:
            UsageError: images of another shape, or, of vectors in training, fewer than two: a batch of one has no
                variance.
        """
        latents = self._latents(self._unit_range(items))
        return latents.to(torch.complex64) if self.space.kind == "states" else latents

    def decode(self, x: Float[Tensor, "n latent"] | Complex64[Tensor, "n latent"]) -> UInt8[Tensor, "n c h w"]:
        """The images, uint8 (N, C, S, S), of latents (N, latent).

        Raises:
            UsageError: latents of another length.
        """
        check_fit(x, self.space.shape, "latents")
        return to_uint8(self.decoder(x.abs() if x.is_complex() else x))

    def reconstruct(self, items: UInt8[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n c h w"]]:
        """Images, uint8 (N, C, S, S), and what is left of them behind the latent, both as floats in [-1, 1].

        Raises:
            UsageError: as `encode`.
        """
        target = self._unit_range(items)
        return target, self.decoder(self._latents(target))

    def _unit_range(self, items: Tensor) -> Tensor:
        check_fit(items, self._image_shape, "images")
        return to_unit_range(items)

    def _latents(self, images: Tensor) -> Tensor:
        if self.training and len(images) < 2 and self.space.kind == "vectors":
            raise UsageError(
                "An autoencoder in training normalises its latents over the batch and was given one image; "
                "give batches of 2 or more."
            )
        return self.norm(self.encoder(images))


class Moduli(nn.Module):
    """|h| / ‖h‖, row by row: amplitudes that are at least 0, of norm 1."""

    def forward(self, h: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        return nn.functional.normalize(h.abs(), dim=1)


def _check_sizes(sample_size: int, latent: int, width: int, latent_kind: SpaceKind) -> None:
    if sample_size < 4 or sample_size % 4:
        below = max(4, sample_size - sample_size % 4)
        raise UsageError(
            f"An autoencoder halves the side of its images twice, and {sample_size} pixels are no multiple of 4; "
            f"use images of {below} or {below + 4} pixels."
        )
    if latent < 1 or width < 1:
        raise UsageError(f"The autoencoder got latent {latent} and width {width}; give at least 1 of each.")
    if latent_kind == "states" and (latent < 2 or latent & (latent - 1)):
        raise UsageError(
            f"States have 2, 4, 8, … amplitudes, and the autoencoder got latent {latent}; give one of these."
        )
