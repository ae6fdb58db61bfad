"""How images are destroyed, what a denoiser learns from it, and how it makes new ones."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
