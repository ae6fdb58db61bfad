from .amplitude_config import QAMPConfig
from .capece_config import CapeceConfig
from .chain import ChainDenoiser
from .channel import ChannelDenoiser
from .circuit_config import ChainConfig, ChannelConfig, MixedChainConfig, ReuploadingConfig, UnitaryConfig
from .codec_config import AmplitudesConfig, AutoencoderConfig, DensitiesConfig, PixelsConfig, RawConfig
from .config import MLPConfig, QuanvUNetConfig, QVUNetConfig, UNetConfig
from .mixed_chain import MixedChainDenoiser
from .nncpqc import NNCPQCNetwork
from .pretrained import MLP, Autoencoder, CapeceUNet, QuanvUNet, QVUNet, UNet
from .qamp import QAMPNetwork
from .qdm import QDMNetwork
from .qdm_config import NNCPQCConfig, QDMConfig
from .reuploading import ReuploadingNetwork
from .unitary import UnitaryDenoiser
from .variants import PAPER, RELEASED, CapeceDeviations, Deviations, QAMPDeviations

__all__ = [
    "MLP",
    "PAPER",
    "RELEASED",
    "AmplitudesConfig",
    "Autoencoder",
    "AutoencoderConfig",
    "CapeceConfig",
    "CapeceDeviations",
    "CapeceUNet",
    "ChainConfig",
    "ChainDenoiser",
    "ChannelConfig",
    "ChannelDenoiser",
    "DensitiesConfig",
    "Deviations",
    "MLPConfig",
    "MixedChainConfig",
    "MixedChainDenoiser",
    "NNCPQCConfig",
    "NNCPQCNetwork",
    "PixelsConfig",
    "QAMPConfig",
    "QAMPDeviations",
    "QAMPNetwork",
    "QDMConfig",
    "QDMNetwork",
    "QVUNet",
    "QVUNetConfig",
    "QuanvUNet",
    "QuanvUNetConfig",
    "RawConfig",
    "ReuploadingConfig",
    "ReuploadingNetwork",
    "UNet",
    "UNetConfig",
    "UnitaryConfig",
    "UnitaryDenoiser",
]
