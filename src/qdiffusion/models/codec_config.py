"""Which codec stands between items and diffusion, in plain values; torch loads when one is built."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError, require

if TYPE_CHECKING:
    from qdiffusion.models.autoencoder import AutoencoderNetwork
    from qdiffusion.models.codecs import Amplitudes, Densities, Pixels, Raw

Scale = Literal["signed", "unit"]

MOST_DENSITY_QUBITS = 6
"""A density matrix of 6 qubits has 4,096 entries, as many as a state of 12."""


@dataclass(frozen=True)
class PixelsConfig:
    """Diffusion sees the pixels of images as floats."""

    kind: Literal["pixels"] = field(default="pixels", kw_only=True)
    """Names this codec in a saved experiment."""
    class_name: ClassVar[str] = "Pixels"
    """The class of the codec; it has no weights."""
    scale: Scale = "signed"
    """signed: in [-1, 1]; unit: in [0, 1], as in the program of Capece 2025, whose sampler clips to [-1, 1] all the
    same."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """The codec's keyword arguments for images of `space`, as JSON holds them.

        Raises:
            UsageError: `space` holds no images.
        """
        space.expect("images", "The codec pixels")
        return {"shape": list(space.shape), "n_classes": space.n_classes, "scale": self.scale}

    def build(self, space: Space) -> "Pixels":
        """The codec for images of `space`; raises what `arguments` raises."""
        from qdiffusion.models.codecs import Pixels

        return Pixels(**self.arguments(space))


@dataclass(frozen=True)
class AmplitudesConfig:
    """Diffusion sees images as the amplitudes of a quantum state."""

    kind: Literal["amplitudes"] = field(default="amplitudes", kw_only=True)
    """Names this codec in a saved experiment."""
    class_name: ClassVar[str] = "Amplitudes"
    """The class of the codec; it has no weights."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """The codec's keyword arguments for images of `space`, as JSON holds them.

        Raises:
            UsageError: `space` holds no images.
        """
        space.expect("images", "The codec amplitudes")
        return {"shape": list(space.shape), "n_classes": space.n_classes}

    def build(self, space: Space) -> "Amplitudes":
        """The codec for images of `space`; raises what `arguments` raises."""
        from qdiffusion.models.codecs import Amplitudes

        return Amplitudes(**self.arguments(space))


@dataclass(frozen=True)
class RawConfig:
    """Diffusion sees states and vectors as they are."""

    kind: Literal["raw"] = field(default="raw", kw_only=True)
    """Names this codec in a saved experiment."""
    class_name: ClassVar[str] = "Raw"
    """The class of the codec; it has no weights."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """The codec's keyword arguments for states or vectors of `space`, as JSON holds them.

        Raises:
            UsageError: `space` holds images, which are bytes.
        """
        if space.kind == "images":
            raise UsageError(
                f"The codec raw takes states or vectors, but was given {space}; choose one for images, or other data."
            )
        return {"kind": space.kind, "shape": list(space.shape), "n_classes": space.n_classes}

    def build(self, space: Space) -> "Raw":
        """The codec for items of `space`; raises what `arguments` raises."""
        from qdiffusion.models.codecs import Raw

        return Raw(**self.arguments(space))


@dataclass(frozen=True)
class DensitiesConfig:
    """Diffusion sees states as density matrices, and makes mixed ones, too."""

    kind: Literal["densities"] = field(default="densities", kw_only=True)
    """Names this codec in a saved experiment."""
    class_name: ClassVar[str] = "Densities"
    """The class of the codec; it has no weights."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """The codec's keyword arguments for states of `space`, as JSON holds them.

        Raises:
            UsageError: `space` holds no states, or ones of more than 6 qubits.
        """
        n_qubits = space.n_qubits("The codec densities")
        most = f"1 to {MOST_DENSITY_QUBITS}"
        require(n_qubits <= MOST_DENSITY_QUBITS, "n_qubits", n_qubits, f"{most} where density matrices are made")
        return {"n_qubits": n_qubits}

    def build(self, space: Space) -> "Densities":
        """The codec for states of `space`; raises what `arguments` raises."""
        from qdiffusion.models.codecs import Densities

        return Densities(**self.arguments(space))


@dataclass(frozen=True)
class AutoencoderConfig:
    """Diffusion sees the latents of a trained autoencoder of images."""

    kind: Literal["autoencoder"] = field(default="autoencoder", kw_only=True)
    """Names this codec in a saved experiment."""
    class_name: ClassVar[str] = "Autoencoder"
    """The diffusers model that loads its weights."""
    latent: int = 16
    """Reals an image is encoded into."""
    width: int = 32
    """Channels at half the size of the images; twice as many at a quarter."""
    space: Literal["vectors", "states"] = "vectors"
    """What a latent is: a vector of mean 0 and variance 1, or a state, whose amplitudes are at least 0."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """The network's keyword arguments for images of `space`, as JSON holds them.

        Raises:
            UsageError: `space` holds no images.
        """
        space.expect("images", "An autoencoder")
        channels, size, _ = space.shape
        sizes = {"sample_size": size, "in_channels": channels, "latent": self.latent, "width": self.width}
        return {**sizes, "n_classes": space.n_classes, "latent_kind": self.space}

    def build(self, space: Space) -> "AutoencoderNetwork":
        """The autoencoder for images of `space`; raises what `arguments` and `AutoencoderNetwork` raise."""
        from qdiffusion.models.autoencoder import AutoencoderNetwork

        return AutoencoderNetwork(**self.arguments(space))
