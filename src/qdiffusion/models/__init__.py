"""The published denoisers, as diffusers models."""

from qdiffusion.models.qvunet import QVUNet, QVUNetConfig
from qdiffusion.models.unet import UNet, UNetConfig
from qdiffusion.models.variants import PAPER, RELEASED, Deviations

__all__ = ["PAPER", "RELEASED", "Deviations", "QVUNet", "QVUNetConfig", "UNet", "UNetConfig"]
