"""Experiments, their training, and what is made of a run: samples and scores."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
