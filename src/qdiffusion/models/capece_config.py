"""The U-Net of Capece 2025, in plain values; torch and the network load when one is built."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from qdiffusion.data.space import Space
from qdiffusion.models.config import Control, plain

if TYPE_CHECKING:
    from qdiffusion.models.capece import CapeceNetwork


@dataclass(frozen=True)
class CapeceConfig:
    """A wide U-Net, with or without one circuit at its vertex."""

    kind: Literal["capece"] = field(default="capece", kw_only=True)
    """Names this architecture in a saved experiment."""
    class_name: ClassVar[str] = "CapeceUNet"
    """The diffusers model that loads its weights."""
    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels after the first convolution and after each level; the last is the vertex's."""
    time_dim: int = 128
    """Features of the time embedding."""
    heads: int = 4
    """Attention heads; divides every width, and 16."""
    groups: int = 8
    """Groups of the group normalisation; divides every width, and 16."""
    variant: str = "paper"
    """paper, released, or deviations by name, separated by commas."""
    ansatz: Literal["none", "hqconv", "fqconv"] = "none"
    """The trainable part of the circuit; none is the classical network."""
    n_layers: int = 1
    """Repetitions of the ansatz."""
    direction: Literal["program", "formula"] = "program"
    """Which wire of a pair controls: as in the released program, or as the paper prints it."""
    share: float = 0.1
    """Of the vertex's channels that go through the circuit, three at a time."""
    control: Control = "none"
    """What stands for the circuit: twin, a classical map with as many parameters; zero, nothing; random, angles that
    do not learn; product, gates without their controls; none, the circuit."""

    def arguments(self, space: Space) -> dict[str, Any]:
        """The network's keyword arguments for images of `space`, as JSON holds them.

        Raises:
            UsageError: `space` holds no images.
        """
        space.expect("images", "A U-Net")
        channels, size, _ = space.shape
        return {"in_channels": channels, "sample_size": size, **plain(self)}

    def build(self, space: Space) -> "CapeceNetwork":
        """The network for images of `space`; raises what `arguments` and `CapeceNetwork` raise."""
        from qdiffusion.models.capece import CapeceNetwork

        return CapeceNetwork(**self.arguments(space))
