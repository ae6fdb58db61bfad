"""The run folder: its files, atomic writing, reading back."""

from qdiffusion.runs.run import Run

__all__ = ["Run"]
