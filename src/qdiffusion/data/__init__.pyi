from .config import ImagesConfig, Split
from .ensemble import EnsembleConfig
from .fetch import fetch
from .images import ImageSet, to_uint8, to_unit_range
from .listing import SetInfo, list_sets
from .load import load_images
from .sets import ItemSet
from .space import Space
from .states import StateSet

__all__ = [
    "EnsembleConfig",
    "ImageSet",
    "ImagesConfig",
    "ItemSet",
    "SetInfo",
    "Space",
    "Split",
    "StateSet",
    "fetch",
    "list_sets",
    "load_images",
    "to_uint8",
    "to_unit_range",
]
