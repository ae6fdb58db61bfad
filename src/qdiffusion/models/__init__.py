"""Denoisers, the published ones among them, and codecs; those with weights are diffusers models, too."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
