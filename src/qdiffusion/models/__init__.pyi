from .chain import ChainDenoiser
from .circuit_config import ChainConfig, UnitaryConfig
from .config import QVUNetConfig, UNetConfig
from .pretrained import QVUNet, UNet
from .unitary import UnitaryDenoiser
from .variants import PAPER, RELEASED, Deviations

__all__ = [
    "PAPER",
    "RELEASED",
    "ChainConfig",
    "ChainDenoiser",
    "Deviations",
    "QVUNet",
    "QVUNetConfig",
    "UNet",
    "UNetConfig",
    "UnitaryConfig",
    "UnitaryDenoiser",
]
