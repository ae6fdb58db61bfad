"""Which denoiser, in plain values; torch and the networks load when one is built."""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError

if TYPE_CHECKING:
    from qdiffusion.models.mlp import MLPNetwork
    from qdiffusion.models.qvunet import QVUNetwork
    from qdiffusion.models.unet import UNetwork

Control = Literal["none", "twin", "zero", "random", "product"]


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
    conditional: bool = False
    """Whether the network is told each image's label."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """The network's keyword arguments for images of `space`, as JSON holds them.

        Raises:
            UsageError: `space` holds no images, or no labels for a conditional network.
        """
        space.expect("images", "A U-Net")
        channels, size, _ = space.shape
        return {"in_channels": channels, "sample_size": size, **plain(self), "n_classes": told_classes(self, space)}


@dataclass(frozen=True)
class UNetConfig(UNetFields):
    """A classical U-Net."""

    kind: Literal["unet"] = field(default="unet", kw_only=True)
    """Names this architecture in a saved experiment."""
    class_name: ClassVar[str] = "UNet"
    """The diffusers model that loads its weights."""

    def build(self, space: Space) -> "UNetwork":
        """The network for images of `space`; raises what `arguments` and `UNetwork` raise."""
        from qdiffusion.models.unet import UNetwork

        return UNetwork(**self.arguments(space))


@dataclass(frozen=True)
class QVUNetFields(UNetFields):
    """What a U-Net with circuits has to be told of them."""

    circuits: int | Literal["full", "joint"] = 1
    """12-qubit circuits in each of the vertex's four maps, three channels each; 0 is the classical vertex, "full"
    leaves no convolution, "joint" is one HQConv circuit over all channels."""
    ansatz: str = "hqconv"
    """The trainable part of the circuits: hqconv or fqconv."""
    n_layers: int = 3
    """Repetitions of the ansatz."""
    direction: Literal["program", "formula"] = "program"
    """Which wire of a pair controls: as in the released program, or as the paper prints it."""
    control: Control = "none"
    """What stands for the circuits: twin, a classical map with as many parameters; zero, nothing; random, angles that
    do not learn; product, gates without their controls; none, the circuits."""


@dataclass(frozen=True)
class QVUNetConfig(QVUNetFields):
    """A U-Net with quantum circuits at its vertex."""

    kind: Literal["qvunet"] = field(default="qvunet", kw_only=True)
    """Names this architecture in a saved experiment."""
    class_name: ClassVar[str] = "QVUNet"
    """The diffusers model that loads its weights."""

    def build(self, space: Space) -> "QVUNetwork":
        """The network for images of `space`; raises what `arguments` and `QVUNetwork` raise."""
        from qdiffusion.models.qvunet import QVUNetwork

        return QVUNetwork(**self.arguments(space))


@dataclass(frozen=True)
class QuanvUNetConfig(QVUNetFields):
    """A U-Net with circuits at its vertex, and circuits that slide over the feature maps of other levels."""

    kind: Literal["quanvunet"] = field(default="quanvunet", kw_only=True)
    """Names this architecture in a saved experiment."""
    class_name: ClassVar[str] = "QuanvUNet"
    """The diffusers model that loads its weights."""
    encoder_levels: tuple[int, ...] = (1,)
    """Levels of the encoder whose residual blocks slide circuits; 0 is the images' own size."""
    decoder_levels: tuple[int, ...] = ()
    """The same of the decoder."""
    level_circuits: int = 1
    """Circuits in each of the two maps of such a block."""
    level_channels: int = 3
    """Channels of each of these circuits, four qubits each."""
    stride: int = 2
    """Pixels from one 2×2 patch to the next; where patches overlap, what they say is averaged."""

    def build(self, space: Space) -> "QVUNetwork":
        """The network for images of `space`; raises what `arguments` and `QVUNetwork` raise."""
        from qdiffusion.models.qvunet import QVUNetwork

        return QVUNetwork(**self.arguments(space))


@dataclass(frozen=True)
class MLPConfig:
    """A residual multilayer perceptron for vectors."""

    kind: Literal["mlp"] = field(default="mlp", kw_only=True)
    """Names this architecture in a saved experiment."""
    class_name: ClassVar[str] = "MLP"
    """The diffusers model that loads its weights."""
    width: int = 256
    """Features of the hidden layers; a multiple of 8, at least 16."""
    depth: int = 3
    """Residual layers."""
    conditional: bool = False
    """Whether the network is told each vector's label."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """The network's keyword arguments for vectors of `space`, as JSON holds them.

        Raises:
            UsageError: `space` holds no vectors, or no labels for a conditional network.
        """
        space.expect("vectors", "An MLP")
        return {"features": space.shape[0], **plain(self), "n_classes": told_classes(self, space)}

    def build(self, space: Space) -> "MLPNetwork":
        """The network for vectors of `space`; raises what `arguments` and `MLPNetwork` raise."""
        from qdiffusion.models.mlp import MLPNetwork

        return MLPNetwork(**self.arguments(space))


def plain(config: Any) -> dict[str, Any]:
    """The fields that are the network's own arguments, tuples as lists."""
    named = {field.name: getattr(config, field.name) for field in fields(config)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in named.items()
        if name not in ("kind", "conditional")
    }


def told_classes(config: Any, space: Space) -> int:
    """The classes that a network is told of; raises UsageError for a conditional one where the data have no labels."""
    if config.conditional and not space.n_classes:
        raise UsageError(
            "A conditional model needs labels, and the data have none; choose data with labels, or conditional false."
        )
    return space.n_classes if config.conditional else 0
