"""Image sets: MNIST and Fashion-MNIST, their packaged subsets, and the user's own pictures and arrays."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
