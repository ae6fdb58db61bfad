"""Diffusion models with quantum circuits in them: train, sample, measure, understand."""

__version__ = "0.2.0"
