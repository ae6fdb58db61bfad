"""Image sets: MNIST and Fashion-MNIST, their packaged subsets, and the user's own pictures and arrays."""

from qdiffusion.data.config import DataConfig, Split
from qdiffusion.data.fetch import fetch
from qdiffusion.data.images import ImageSet, to_uint8, to_unit_range
from qdiffusion.data.load import SetInfo, list_sets, load_images

__all__ = [
    "DataConfig",
    "ImageSet",
    "SetInfo",
    "Split",
    "fetch",
    "list_sets",
    "load_images",
    "to_uint8",
    "to_unit_range",
]
