from .config import DataConfig, Split
from .fetch import fetch
from .images import ImageSet, to_uint8, to_unit_range
from .listing import SetInfo, list_sets
from .load import load_images

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
