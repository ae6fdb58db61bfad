"""Quantum states: drawn at random, compared one by one and set by set."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
