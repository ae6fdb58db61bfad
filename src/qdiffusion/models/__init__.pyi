from .capece_config import CapeceConfig
from .chain import ChainDenoiser
from .circuit_config import ChainConfig, UnitaryConfig
from .codec_config import AutoencoderConfig, PixelsConfig, RawConfig
from .config import MLPConfig, QuanvUNetConfig, QVUNetConfig, UNetConfig
from .pretrained import MLP, Autoencoder, CapeceUNet, QuanvUNet, QVUNet, UNet
from .unitary import UnitaryDenoiser
from .variants import PAPER, RELEASED, CapeceDeviations, Deviations

__all__ = [
    "MLP",
    "PAPER",
    "RELEASED",
    "Autoencoder",
    "AutoencoderConfig",
    "CapeceConfig",
    "CapeceDeviations",
    "CapeceUNet",
    "ChainConfig",
    "ChainDenoiser",
    "Deviations",
    "MLPConfig",
    "PixelsConfig",
    "QVUNet",
    "QVUNetConfig",
    "QuanvUNet",
    "QuanvUNetConfig",
    "RawConfig",
    "UNet",
    "UNetConfig",
    "UnitaryConfig",
    "UnitaryDenoiser",
]
