"""Which images to train on and compare with."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from qdiffusion.data.images import ImageSet

Split = Literal["train", "test"]
Colour = Literal["auto", "grey", "rgb"]

MAX_BYTES = 4_000_000_000


@dataclass(frozen=True)
class ImagesConfig:
    """Which images, and the shape they are brought to."""

    kind: Literal["images"] = field(default="images", kw_only=True)
    """Names this kind of data in a saved experiment."""

    name: str = "mnist-subset"
    """A known set: mnist, fashion-mnist, or mnist-subset, fashion-mnist-subset, shipped with the package."""

    path: Path | None = None
    """Your own data, instead of a known set: a folder of pictures (one sub-folder a class, or none), an .npz
    file, a .safetensors or .pt file of tensors."""

    root: Path | None = None
    """The folder that holds the known sets. Without it: $QDIFFUSION_DATA, where `qdiffusion data fetch` puts them,
    the usual torchvision folders, /usr/share/datasets."""

    classes: tuple[int, ...] | None = None
    """Keep only these classes; they are numbered anew 0, 1, ... in this order."""

    count: int | None = None
    """Train on the first so many images, in the set's own order; scores compare with all. None: on all."""

    size: int = 28
    """Height and width in pixels; other pictures are cropped to their central square and resized."""

    colour: Colour = "auto"
    """auto keeps the channels as they are; grey makes one channel, rgb three."""

    max_bytes: int = MAX_BYTES
    """Bytes of memory that a file may unpack to; one that declares more is refused before it is unpacked."""

    def load(self, split: Split) -> "ImageSet":
        """The images of one split; raises as `load_images`."""
        from qdiffusion.data.load import load_images

        return load_images(self, split)
