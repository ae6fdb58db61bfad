"""The networks as diffusers models: they save, load, and run in its pipelines.

diffusers takes longer to load than torch, so the networks themselves stand apart.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config

from qdiffusion.circuits.ansatze import Direction
from qdiffusion.data.space import SpaceKind
from qdiffusion.models.autoencoder import AutoencoderNetwork
from qdiffusion.models.capece import CapeceNetwork
from qdiffusion.models.mlp import MLPNetwork
from qdiffusion.models.packaged import packaged_folder
from qdiffusion.models.qvunet import QVUNetwork
from qdiffusion.models.unet import UNetwork


class Pretrained(ModelMixin, ConfigMixin):
    """A diffusers model that also loads from the checkpoints of the package."""

    part = "model"
    """The folder of a run that holds such a network."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Path | str, **options: Any) -> Any:
        """diffusers' own, for `pretrained:NAME` too.

        Raises:
            UsageError: the package has no checkpoint of that name.
        """
        packaged = packaged_folder(pretrained_model_name_or_path)
        folder = pretrained_model_name_or_path if packaged is None else packaged / cls.part
        return super().from_pretrained(folder, **options)


class UNet(UNetwork, Pretrained):
    """Predicts the noise in noisy images; usable wherever diffusers takes a `UNet2DModel`. Arguments as `UNetwork`."""

    @register_to_config
    def __init__(
        self,
        sample_size: int = 28,
        in_channels: int = 1,
        dim: int = 10,
        multipliers: Sequence[int] = (1, 2, 3, 4),
        heads: int = 4,
        head_dim: int = 32,
        groups: int = 10,
        variant: str = "paper",
        n_classes: int = 0,
    ) -> None:
        sizes = (sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant)
        super().__init__(*sizes, n_classes=n_classes)


class QVUNet(QVUNetwork, Pretrained):
    """As `UNet`, with quantum circuits at the vertex. Arguments as `QVUNetwork`."""

    @register_to_config
    def __init__(
        self,
        sample_size: int = 28,
        in_channels: int = 1,
        dim: int = 10,
        multipliers: Sequence[int] = (1, 2, 3, 4),
        heads: int = 4,
        head_dim: int = 32,
        groups: int = 10,
        variant: str = "paper",
        circuits: int | Literal["full", "joint"] = 1,
        ansatz: str = "hqconv",
        n_layers: int = 3,
        direction: Direction = "program",
        control: str = "none",
        n_classes: int = 0,
    ) -> None:
        sizes = (sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant)
        super().__init__(*sizes, circuits, ansatz, n_layers, direction, control, n_classes)


class QuanvUNet(QVUNetwork, Pretrained):
    """As `QVUNet`, with circuits that slide over other levels' feature maps. Arguments as `QVUNetwork`."""

    @register_to_config
    def __init__(
        self,
        sample_size: int = 28,
        in_channels: int = 1,
        dim: int = 10,
        multipliers: Sequence[int] = (1, 2, 3, 4),
        heads: int = 4,
        head_dim: int = 32,
        groups: int = 10,
        variant: str = "paper",
        circuits: int | Literal["full", "joint"] = 1,
        ansatz: str = "hqconv",
        n_layers: int = 3,
        direction: Direction = "program",
        control: str = "none",
        encoder_levels: Sequence[int] = (1,),
        decoder_levels: Sequence[int] = (),
        level_circuits: int = 1,
        level_channels: int = 3,
        stride: int = 2,
        n_classes: int = 0,
    ) -> None:
        sizes = (sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant)
        chosen = (circuits, ansatz, n_layers, direction, control)
        levels = (encoder_levels, decoder_levels, level_circuits, level_channels, stride)
        super().__init__(*sizes, *chosen, n_classes, *levels)


class CapeceUNet(CapeceNetwork, Pretrained):
    """As `UNet`, of Capece 2025. Arguments as `CapeceNetwork`."""

    @register_to_config
    def __init__(
        self,
        sample_size: int = 28,
        in_channels: int = 1,
        widths: Sequence[int] = (32, 64, 128, 256),
        time_dim: int = 128,
        heads: int = 4,
        groups: int = 8,
        variant: str = "paper",
        ansatz: str = "none",
        n_layers: int = 1,
        direction: Direction = "program",
        share: float = 0.1,
        control: str = "none",
    ) -> None:
        sizes = (sample_size, in_channels, widths, time_dim, heads, groups, variant)
        super().__init__(*sizes, ansatz, n_layers, direction, share, control)


class MLP(MLPNetwork, Pretrained):
    """Predicts the noise in noisy vectors. Arguments as `MLPNetwork`."""

    @register_to_config
    def __init__(self, features: int, width: int = 256, depth: int = 3, n_classes: int = 0) -> None:
        super().__init__(features, width, depth, n_classes)


class Autoencoder(AutoencoderNetwork, Pretrained):
    """Images as latents of unit variance, or as states, and back. Arguments as `AutoencoderNetwork`."""

    part = "codec"

    @register_to_config
    def __init__(
        self,
        sample_size: int = 28,
        in_channels: int = 1,
        latent: int = 16,
        width: int = 32,
        n_classes: int = 0,
        latent_kind: SpaceKind = "vectors",
    ) -> None:
        super().__init__(sample_size, in_channels, latent, width, n_classes, latent_kind)
