from .chain import ChainDenoiser
from .circuit_config import ChainConfig, UnitaryConfig
from .codec_config import AutoencoderConfig, PixelsConfig, RawConfig
from .config import MLPConfig, QVUNetConfig, UNetConfig
from .pretrained import MLP, Autoencoder, QVUNet, UNet
from .unitary import UnitaryDenoiser
from .variants import PAPER, RELEASED, Deviations

__all__ = [
    "MLP",
    "PAPER",
    "RELEASED",
    "Autoencoder",
    "AutoencoderConfig",
    "ChainConfig",
    "ChainDenoiser",
    "Deviations",
    "MLPConfig",
    "PixelsConfig",
    "QVUNet",
    "QVUNetConfig",
    "RawConfig",
    "UNet",
    "UNetConfig",
    "UnitaryConfig",
    "UnitaryDenoiser",
]
