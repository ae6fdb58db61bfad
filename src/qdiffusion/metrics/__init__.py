"""Scores of what a run draws: FID, KID and IS in the space of a named feature network; distances of states."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
