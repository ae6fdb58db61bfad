"""The `qdiffusion` command: a thin layer over `qdiffusion.training`, `qdiffusion.data` and `qdiffusion.plots`."""

from qdiffusion.cli.entry import main

__all__ = ["main"]
