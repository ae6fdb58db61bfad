"""Codecs without weights: between items and what diffusion sees of them."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Complex, Complex64, Float, Shaped, UInt8
from torch import Tensor, nn

from qdiffusion.data.images import to_uint8, to_unit_range
from qdiffusion.data.space import Space, SpaceKind
from qdiffusion.errors import UsageError
from qdiffusion.models.codec_config import Scale
from qdiffusion.states import projector


class Pixels(nn.Module):
    """Images as floats: in [-1, 1], by the two doors of `data`, or in [0, 1].

    Args:
        shape: (C, S, S) of an image.
        n_classes: classes of the images' labels.
        scale: "signed" for [-1, 1], "unit" for [0, 1].

    Attributes:
        space: images (C, S, S).
    """

    def __init__(self, shape: Sequence[int], n_classes: int = 0, scale: Scale = "signed") -> None:
        super().__init__()
        self.space = Space("images", tuple(shape), tuple(range(n_classes)))
        self.scale = scale

    def encode(self, items: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Images, uint8 (N, C, S, S), as float32 of the scale.

        Raises:
            UsageError: images of another shape.
        """
        check_fit(items, self.space.shape, "images")
        x = to_unit_range(items)
        return x if self.scale == "signed" else (x + 1) / 2

    def decode(self, x: Float[Tensor, "n c h w"]) -> UInt8[Tensor, "n c h w"]:
        """The nearest images, uint8, of floats (N, C, S, S); what lies outside the scale is clamped.

        Raises:
            UsageError: x of another shape, or not finite.
        """
        check_fit(x, self.space.shape, "images")
        return to_uint8((x if self.scale == "signed" else 2 * x - 1).clamp(-1, 1))


class Amplitudes(nn.Module):
    """Images as the amplitudes of states: x = p / ‖p‖ of the pixels p in [0, 1], zeros behind them up to 2^n.

    How bright an image is is lost; what comes back is |x|, with its brightest pixel white.

    Args:
        shape: (C, S, S) of an image.
        n_classes: classes of the images' labels.

    Attributes:
        space: states (2^n,), n = ⌈log₂ C S²⌉.
    """

    def __init__(self, shape: Sequence[int], n_classes: int = 0) -> None:
        super().__init__()
        self.shape, self.n_pixels = tuple(shape), math.prod(shape)
        self.space = Space("states", (1 << (self.n_pixels - 1).bit_length(),), tuple(range(n_classes)))

    def encode(self, items: UInt8[Tensor, "n c h w"]) -> Complex64[Tensor, "n d"]:
        """States, complex64 (N, 2^n), of images, uint8 (N, C, S, S).

        Raises:
            UsageError: images of another shape, or a black one, which is no state.
        """
        check_fit(items, self.shape, "images")
        pixels = items.flatten(1).float()
        norms = torch.linalg.vector_norm(pixels, dim=1, keepdim=True)
        if not bool((norms > 0).all()):
            raise UsageError(
                f"Image {int((norms[:, 0] == 0).nonzero()[0])} of {len(items)} is black, and a state has norm 1; "
                "leave such images out."
            )
        padded = nn.functional.pad(pixels / norms, (0, self.space.shape[0] - self.n_pixels))
        return padded.to(torch.complex64)

    def decode(self, x: Complex[Tensor, "n d"]) -> UInt8[Tensor, "n c h w"]:
        """Images, uint8 (N, C, S, S), of vectors (N, 2^n) of any norm but 0.

        Raises:
            UsageError: x of another shape.
        """
        check_fit(x, self.space.shape, "states")
        pixels = x[:, : self.n_pixels].abs()
        brightest = pixels.amax(dim=1, keepdim=True).clamp_min(torch.finfo(pixels.dtype).tiny)
        return to_uint8((2 * pixels / brightest - 1).unflatten(1, self.shape))


class Raw(nn.Module):
    """Items that diffusion sees as they are: states and vectors.

    Args:
        kind: "states" or "vectors".
        shape: (2^n,) or (d,).
        n_classes: classes of the items' labels.

    Attributes:
        space: that of the items.
    """

    def __init__(self, kind: SpaceKind, shape: Sequence[int], n_classes: int = 0) -> None:
        super().__init__()
        self.space = Space(kind, tuple(shape), tuple(range(n_classes)))

    def encode(self, items: Shaped[Tensor, "n d"]) -> Shaped[Tensor, "n d"]:
        """The items (N, d) themselves.

        Raises:
            UsageError: items of another shape.
        """
        check_fit(items, self.space.shape, self.space.kind)
        return items

    def decode(self, x: Shaped[Tensor, "n d"]) -> Shaped[Tensor, "n d"]:
        """x (N, d) itself.

        Raises:
            UsageError: x of another shape.
        """
        check_fit(x, self.space.shape, self.space.kind)
        return x


class Densities(nn.Module):
    """States as density matrices |ψ⟩⟨ψ|; what comes back are density matrices, mixed ones too.

    Args:
        n_qubits: n, of the states.

    Attributes:
        space: densities (2^n, 2^n).
    """

    def __init__(self, n_qubits: int) -> None:
        super().__init__()
        self.space = Space("densities", (1 << n_qubits, 1 << n_qubits))

    def encode(self, items: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d d"]:
        """|ψ⟩⟨ψ|, (N, 2^n, 2^n), of states (N, 2^n).

        Raises:
            UsageError: states of another size.
        """
        check_fit(items, self.space.shape[:1], "states")
        return projector(items)

    def decode(self, x: Complex[Tensor, "n d d"]) -> Complex[Tensor, "n d d"]:
        """x (N, 2^n, 2^n) itself.

        Raises:
            UsageError: x of another shape.
        """
        check_fit(x, self.space.shape, self.space.kind)
        return x


def check_fit(items: Tensor, shape: tuple[int, ...], what: str) -> None:
    """Raise UsageError unless each item, "images", say, is of this shape."""
    if items.shape[1:] != shape:
        raise UsageError(f"The codec takes {what} of shape {shape}, but was given {tuple(items.shape[1:])}.")
