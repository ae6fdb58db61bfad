from .codec_config import AutoencoderConfig, PixelsConfig, RawConfig
from .config import MLPConfig, QVUNetConfig, UNetConfig
from .pretrained import MLP, Autoencoder, QVUNet, UNet
from .variants import PAPER, RELEASED, Deviations

__all__ = [
    "MLP",
    "PAPER",
    "RELEASED",
    "Autoencoder",
    "AutoencoderConfig",
    "Deviations",
    "MLPConfig",
    "PixelsConfig",
    "QVUNet",
    "QVUNetConfig",
    "RawConfig",
    "UNet",
    "UNetConfig",
]
