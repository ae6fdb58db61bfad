"""QVU-Net (De Falco et al. 2024, section 3.1): the U-Net whose vertex convolves with quantum circuits.

Of the vertex's channels three at a time go through a 12-qubit circuit, a qubit for each pixel of a 2×2 patch; the rest
keep their convolution. With every channel in circuits, what does not fill a 12-qubit circuit goes through 4-qubit ones.
"""

from collections.abc import Sequence
from typing import Literal

from diffusers.configuration_utils import register_to_config

from qdiffusion.models.unet import UNet
from qdiffusion.models.variants import Deviations
from qdiffusion.models.vertex import AnsatzRequest, QResBlock, layout, vertex_circuit


class QVUNet(UNet):
    """The U-Net with quantum circuits in both residual blocks of its vertex.

    Circuit angles start uniform in [0, 2π), but see `vertex`, all weights as torch's global generator draws them.

    Args:
        sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant: as for `UNet`; the side of the
            vertex must be even.
        circuits: 12-qubit circuits in each of the four maps (two blocks of two), or "full": as many as fit, and a
            4-qubit circuit for every channel that is left; or "joint": one HQConv circuit over all channels, four
            qubits each.
        ansatz: "hqconv", "fqconv" or another of `vertex.ANSAETZE`.
        n_layers: repetitions of the ansatz.
        direction: "program" or "formula", see `circuits.hqconv`.

    Raises:
        UsageError: the sizes do not fit each other, or there are more circuits than channels for them.
    """

    vertex_multiple = 2

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
        direction: Literal["program", "formula"] = "program",
    ) -> None:
        super().__init__(sample_size, in_channels, dim, multipliers, heads, head_dim, groups, variant)

    def make_vertex_block(self, width: int, time_dim: int) -> QResBlock:
        """A residual block with circuits, as the configuration asks for them."""
        config, deviations = self.config, Deviations.parse(self.config.variant)
        split = layout(config.circuits, width)
        request = AnsatzRequest(split.channels, config.n_layers, config.direction, deviations)
        circuit = vertex_circuit(config.ansatz, request)
        return QResBlock(width, time_dim, config.groups, circuit, split, deviations)
