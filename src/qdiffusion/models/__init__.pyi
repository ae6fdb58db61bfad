from .config import QVUNetConfig, UNetConfig
from .pretrained import QVUNet, UNet
from .variants import PAPER, RELEASED, Deviations

__all__ = ["PAPER", "RELEASED", "Deviations", "QVUNet", "QVUNetConfig", "UNet", "UNetConfig"]
