"""Which denoiser, in plain values; torch and the networks load when one is built."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from qdiffusion.models.pretrained import QVUNet, UNet
    from qdiffusion.models.qvunet import QVUNetwork
    from qdiffusion.models.unet import UNetwork


@dataclass(frozen=True)
class UNetFields:
    """What every U-Net of this family has to be told, apart from its images."""

    dim: int = 10
    """Width of the first level; even, at least 4."""
    multipliers: tuple[int, ...] = (1, 2, 3, 4)
    """Width of the end of each level, in units of dim; the last is the vertex's."""
    heads: int = 4
    """Attention heads."""
    head_dim: int = 32
    """Features of each head."""
    groups: int = 10
    """Groups of the group normalisation; divides every width."""
    variant: str = "paper"
    """paper, released, or deviations by name, separated by commas."""


@dataclass(frozen=True)
class UNetConfig(UNetFields):
    """A classical U-Net."""

    kind: Literal["unet"] = "unet"
    """Names this architecture in a saved experiment."""

    def build(self, channels: int, size: int) -> "UNet":
        """The network for images (channels, size, size); raises what `UNet` raises."""
        from qdiffusion.models.pretrained import UNet

        return UNet(sample_size=size, in_channels=channels, **arguments(self))

    def network(self, channels: int, size: int) -> "UNetwork":
        """The same without diffusers."""
        from qdiffusion.models.unet import UNetwork

        return UNetwork(sample_size=size, in_channels=channels, **arguments(self))


@dataclass(frozen=True)
class QVUNetConfig(UNetFields):
    """A U-Net with quantum circuits at its vertex."""

    kind: Literal["qvunet"] = "qvunet"
    """Names this architecture in a saved experiment."""
    circuits: int | Literal["full", "joint"] = 1
    """12-qubit circuits in each of the vertex's four maps, three channels each; "full" leaves no convolution, "joint"
    is one HQConv circuit over all channels."""
    ansatz: str = "hqconv"
    """The trainable part of the circuits: hqconv or fqconv."""
    n_layers: int = 3
    """Repetitions of the ansatz."""
    direction: Literal["program", "formula"] = "program"
    """Which wire of a pair controls: as in the released program, or as the paper prints it."""

    def build(self, channels: int, size: int) -> "QVUNet":
        """The network for images (channels, size, size); raises what `QVUNet` raises."""
        from qdiffusion.models.pretrained import QVUNet

        return QVUNet(sample_size=size, in_channels=channels, **arguments(self))

    def network(self, channels: int, size: int) -> "QVUNetwork":
        """The same without diffusers."""
        from qdiffusion.models.qvunet import QVUNetwork

        return QVUNetwork(sample_size=size, in_channels=channels, **arguments(self))


def arguments(config: UNetFields) -> dict[str, Any]:
    """The fields of a configuration as keyword arguments of its network."""
    return {field.name: getattr(config, field.name) for field in fields(config) if field.name != "kind"}
