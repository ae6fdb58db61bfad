from .config import QVUNetConfig, UNetConfig
from .qvunet import QVUNet
from .unet import UNet
from .variants import PAPER, RELEASED, Deviations

__all__ = ["PAPER", "RELEASED", "Deviations", "QVUNet", "QVUNetConfig", "UNet", "UNetConfig"]
